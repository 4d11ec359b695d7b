"""Face box -> square crop -> tensor: one path for evaluation, the app and the scorer.

Everything before the network happens in two steps. `crop_faces` cuts a face out of a
photo so that it looks like an image of FER-2013: grey, 48 x 48, framed the same way.
`Preprocessing.tensor` turns such images, from a photo or from the data set, into what
the network was trained on. The parameters of both live in the model's `config.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from fer.faces.boxes import Box

FACE_SIZE = 48
"""Side in pixels of an image of FER-2013, and so of every crop."""


@dataclass(frozen=True)
class Framing:
    """How a face sits in an image of FER-2013, measured in heights of its detected box.

    The defaults are the medians over the training images; `python -m bench.framing`
    measures them again.
    """

    side: float = 0.88
    """Side of the square crop in heights of the face box."""
    centre_x: float = 0.49
    """Where the box's centre sits in the crop, from its left edge (0 to 1)."""
    centre_y: float = 0.525
    """Where the box's centre sits in the crop, from its top edge (0 to 1)."""

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
class Preprocessing:
    """What a network expects of a face, as stored in its `config.json`."""

    size: int = FACE_SIZE
    """Side of the network's input in pixels."""
    channels: int = 1
    """1 for grey; 3 repeats the grey channel, for architectures made for colour."""
    mean: float = 0.0
    """Subtracted from pixels scaled to 0..1."""
    std: float = 1.0
    """Divides what is left."""
    framing: Framing = Framing()

    def tensor(self, faces: Tensor) -> Tensor:
        """Turn face images into the network's input.

        Args:
            faces: uint8 `[N, 1, 48, 48]`, or float of that shape in 0..1 (augmented images).

        Returns:
            float32 `[N, channels, size, size]` on the same device.
        """
        if faces.dtype == torch.uint8:
            faces = faces.float() / 255
        if self.size != faces.shape[-1]:
            faces = F.interpolate(
                faces, size=(self.size, self.size), mode="bilinear", antialias=True
            )
        faces = (faces - self.mean) / self.std
        return faces.expand(-1, self.channels, -1, -1)


def crop_faces(image: Image.Image, squares: Sequence[Box]) -> Tensor:
    """Cut faces out of a photo, grey and at FER-2013's size.

    Args:
        image: the upright photo, mode RGB or L.
        squares: what to cut, in its pixels and inside it, from `Framing.square`.

    Returns:
        uint8 `[len(squares), 1, 48, 48]`.
    """
    crops = np.empty((len(squares), 1, FACE_SIZE, FACE_SIZE), dtype=np.uint8)
    for crop, square in zip(crops, squares, strict=True):
        # Pillow samples inside fractional corners exactly, and antialiases.
        face = image.resize((FACE_SIZE, FACE_SIZE), Image.Resampling.BILINEAR, box=square)
        crop[0] = np.asarray(face.convert("L"))
    return torch.from_numpy(crops)
