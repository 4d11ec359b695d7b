"""Face box -> square crop -> tensor: one path for evaluation, the app and the scorer.

Everything before the network happens in two steps. `crop_faces` cuts a face out of a
photo so that it looks like an image of FER-2013: grey and framed the same way, and as large as
the network wants it. `Preprocessing.tensor` turns such images, from a photo or from the data set,
into what the network was trained on. The parameters of both live in the model's `config.json`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from fer.faces.boxes import Box
from fer.ranges import Range

FACE_SIZE = 48
"""Side in pixels of an image of FER-2013, and the least of a crop."""


@dataclass(frozen=True)
class Framing:
    """How a face sits in an image of FER-2013, measured in heights of its detected box.

    The defaults are the medians over the training images; `python -m bench.framing`
    measures them again.
    """

    side: Annotated[float, Range(0.1, 10)] = 0.88
    """Side of the square crop in heights of the face box."""
    centre_x: Annotated[float, Range(0, 1)] = 0.49
    """Where the box's centre sits in the crop, from its left edge."""
    centre_y: Annotated[float, Range(0, 1)] = 0.525
    """Where the box's centre sits in the crop, from its top edge."""

    def square(self, box: Box, width: int, height: int) -> Box:
        """Return the square to cut out around a face, in pixels.

        A square that would leave the image (`width` x `height` pixels) is moved back into it,
        or shrunk where the image is smaller, so that a crop never holds made-up pixels.
        """
        side = min(self.side * box.height, width, height)
        left = (box.x1 + box.x2) / 2 - self.centre_x * side
        top = (box.y1 + box.y2) / 2 - self.centre_y * side
        left = min(max(left, 0), width - side)
        top = min(max(top, 0), height - side)
        return Box(left, top, left + side, top + side)


@dataclass(frozen=True)
class Crops:
    """Faces cut out of photos at each size that a model wants; an ensemble may want several."""

    by_size: Mapping[int, Tensor]
    """Side in pixels -> uint8 `[N, 1, side, side]`, the same faces in the same order."""

    @classmethod
    def join(cls, parts: Sequence["Crops"]) -> "Crops":
        """Join the faces of several photos; one photo at least."""
        sizes = parts[0].by_size
        return cls({size: torch.cat([part.by_size[size] for part in parts]) for size in sizes})

    def __len__(self) -> int:
        return len(next(iter(self.by_size.values())))

    def __getitem__(self, which: slice) -> "Crops":
        return self._each(lambda faces: faces[which])

    def to(self, device: torch.device | str) -> "Crops":
        """Return the faces on a device."""
        return self._each(lambda faces: faces.to(device))

    def flip(self, dimension: int) -> "Crops":
        """Return the faces mirrored, as `Tensor.flip`."""
        return self._each(lambda faces: faces.flip(dimension))

    def filled(self, count: int) -> "Crops":
        """Return so many faces: these, and empty ones behind them."""
        return self._each(lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 0, count - len(x))))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Crops":
        return Crops({size: change(faces) for size, faces in self.by_size.items()})


Faces = Tensor | Crops
"""Face images: `[N, 1, H, H]`, uint8 or float in 0..1, or crops at several sizes."""


class View(NamedTuple):
    """One way to look at a face."""

    mirrored: bool = False
    enlarged: bool = False
    """Whether it is the middle alone, as large as the whole."""


Views = Literal["plain", "flip", "cross", "zoom"]
"""Of what a model's answer is the mean: of its answer to the face alone (`plain`); to its mirror
image, too (`flip`); to the face and its mirror image's enlarged middle (`cross`); or to both and to
their enlarged middles (`zoom`)."""

VIEWS: Final[dict[Views, tuple[View, ...]]] = {
    "plain": (View(),),
    "flip": (View(), View(mirrored=True)),
    "cross": (View(), View(mirrored=True, enlarged=True)),
    "zoom": (View(), View(mirrored=True), View(enlarged=True), View(mirrored=True, enlarged=True)),
}
"""What each of them shows the network, the cheapest first."""

ZOOM = 1 / 24
"""What an enlarged middle lacks on each side, as a share of the whole: two pixels of 48."""


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of a face, as stored in its `config.json`."""

    size: Annotated[int, Range(16, 1024)] = FACE_SIZE
    """Side of the network's input in pixels."""
    channels: Annotated[int, Range(1)] = 1
    """1 for grey; 3 repeats the grey channel, for architectures made for colour."""
    mean: float = 0.0
    """Subtracted from pixels scaled to 0..1."""
    std: Annotated[float, Range(1e-6)] = 1.0
    """Divides what is left."""
    views: Views = "plain"
    """Of what its answer is the mean."""
    framing: Framing = Framing()

    @property
    def crop_size(self) -> int:
        """Side in pixels at which a face is cut out of a photo for this network."""
        return max(self.size, FACE_SIZE)

    @property
    def margin(self) -> int:
        """Pixels on each side of the input that its enlarged middle lacks."""
        return round(self.size * ZOOM)

    def inputs(self, faces: Faces) -> list[Tensor]:
        """Turn face images into the network's inputs: one for each view, as `tensor` returns them.

        They stand in the order of `VIEWS`.
        """
        views = VIEWS[self.views]
        whole = {
            mirrored: self.tensor(faces.flip(-1) if mirrored else faces)
            for mirrored in {view.mirrored for view in views}
        }
        inside = slice(self.margin, self.size - self.margin)

        def enlarge_middle(seen: Tensor) -> Tensor:
            return F.interpolate(seen[..., inside, inside], size=seen.shape[-2:], mode="bilinear")

        return [
            enlarge_middle(whole[view.mirrored]) if view.enlarged else whole[view.mirrored]
            for view in views
        ]

    def tensor(self, faces: Faces) -> Tensor:
        """Turn face images into the network's input.

        Args:
            faces: of the data set (uint8), augmented (float), or cut out of photos.

        Returns:
            float32 `[N, channels, size, size]` on the same device.
        """
        if isinstance(faces, Crops):
            faces = faces.by_size[self.crop_size]
        if faces.dtype == torch.uint8:
            if faces.shape[-1] < self.size:
                faces = enlarge(faces, self.size)
            faces = faces.float() / 255
        if self.size != faces.shape[-1]:
            faces = F.interpolate(
                faces, size=(self.size, self.size), mode="bilinear", antialias=True
            )
        faces = (faces - self.mean) / self.std
        return faces.expand(-1, self.channels, -1, -1)


def as_written_now(preprocessing: dict[str, Any]) -> dict[str, Any]:
    """Return a table of `Preprocessing` with `views` for `mirrored`, which older versions wrote."""
    values = dict(preprocessing)
    if values.pop("mirrored", False):
        values["views"] = "flip"
    return values


def enlarge(faces: Tensor, size: int) -> Tensor:
    """Enlarge uint8 faces `[N, 1, H, H]` to `[N, 1, size, size]`, in whole steps of grey.

    The one way by which a small face grows, be it an image of FER-2013 or cut from a photo.
    """
    larger = F.interpolate(faces.float(), size=(size, size), mode="bilinear", antialias=True)
    return larger.round().to(torch.uint8)


def crop_faces(image: Image.Image, squares: Sequence[Box], size: int = FACE_SIZE) -> Tensor:
    """Cut faces out of a photo, grey and as large as a network wants them.

    A face that has fewer pixels than that is cut at its own size, then enlarged.

    Args:
        image: the upright photo, mode RGB or L.
        squares: what to cut, in its pixels and inside it, from `Framing.square`.
        size: side of the crops in pixels.

    Returns:
        uint8 `[len(squares), 1, size, size]`.
    """
    crops = torch.empty(len(squares), 1, size, size, dtype=torch.uint8)
    for crop, square in zip(crops, squares, strict=True):
        own = max(round(square.height), 1)
        side = size if size == FACE_SIZE else min(size, own)
        # What is cut at 48 pixels is cut so whatever its own size: those models' answers stay.
        # Pillow samples inside fractional corners exactly, and antialiases.
        face = image.resize((side, side), Image.Resampling.BILINEAR, box=square).convert("L")
        pixels = torch.from_numpy(np.asarray(face).copy())[None, None]
        crop[:] = pixels[0] if side == size else enlarge(pixels, size)[0]
    return crops
