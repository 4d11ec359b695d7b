"""Photo -> face boxes, by MTCNN (Zhang et al. 2016) with facenet-pytorch's networks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from fer.errors import FerError
from fer.faces.boxes import Box
from fer.faces.mtcnn import PNET_WINDOW, Cascade


class Detection(NamedTuple):
    """A face found in a photo."""

    box: Box
    """In pixels of the photo as it was given; may reach over its edge a little."""
    score: float
    """The detector's confidence, 0 to 1."""


class Detector:
    """Finds upright faces of `min_face` pixels and more.

    The three networks' weights come inside the facenet-pytorch package.
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        min_face: int = 24,
        max_side: int = 1152,
        min_score: float = 0.9,
    ) -> None:
        """Load the detector.

        Args:
            device: where it runs.
            min_face: smallest face to look for, in pixels of the photo after shrinking; no less
                than the first network's window.
            max_side: photos are shrunk to this many pixels on their longer side first.
            min_score: detections below are dropped.

        Raises:
            FerError: if `min_face` is too small.
        """
        if not min_face >= PNET_WINDOW:  # nor is what is no number
            raise FerError(f"The smallest face has {PNET_WINDOW} pixels or more, not {min_face}.")
        self.device = torch.device(device)
        self.min_face = min_face
        self.max_side = max_side
        self.min_score = min_score
        # On a CPU a second photo in the batch only pushes the first out of the cache: four photos
        # of 1280 x 720 took twice as long together as one by one. A GPU is idle without them.
        self.batch_size = 1 if self.device.type == "cpu" else 16
        self.cascade = Cascade(self.device)

    @property
    def settings(self) -> dict[str, float]:
        """What its results depend on."""
        return {
            "min_face": self.min_face,
            "max_side": self.max_side,
            "min_score": self.min_score,
        }

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Find the faces of each photo, in reading order.

        On a GPU, photos of equal size go through the networks together.

        Args:
            images: upright RGB photos of any sizes.
        """
        found: list[list[Detection]] = [[] for _ in images]
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            scale = min(1.0, self.max_side / max(image.size))
            size = (round(image.width * scale), round(image.height * scale))
            # The image pyramid has no level for less, and the cascade would fail on it.
            if min(size) >= self.min_face:
                groups[size].append(index)
        for size, indices in groups.items():
            for start in range(0, len(indices), self.batch_size):
                batch = indices[start : start + self.batch_size]
                photos = torch.cat([_shrunk(images[index], size) for index in batch])
                for index, faces in zip(batch, self.cascade(photos, self.min_face), strict=True):
                    found[index] = self._detections(faces.numpy(), images[index].size, size)
        return found

    def _detections(
        self, rows: np.ndarray, photo: tuple[int, int], shrunk: tuple[int, int]
    ) -> list[Detection]:
        """Bring boxes back to the photo's own pixels and drop the uncertain."""
        factors = np.array([photo[0] / shrunk[0], photo[1] / shrunk[1]] * 2)
        return reading_order(
            Detection(Box(*(row[:4] * factors).tolist()), float(row[4]))
            for row in rows
            if row[4] >= self.min_score
        )


def reading_order(found: Iterable[Detection]) -> list[Detection]:
    """Sort faces as one reads: row by row from the top, each from left to right.

    A face is of the row above it if its centre lies higher than the lower edge of the row's
    topmost face.
    """
    rows: list[list[Detection]] = []
    for face in sorted(found, key=lambda face: (face.box.y1 + face.box.y2, face)):
        if rows and (face.box.y1 + face.box.y2) / 2 < rows[-1][0].box.y2:
            rows[-1].append(face)
        else:
            rows.append([face])
    return [face for row in rows for face in sorted(row)]


def _shrunk(image: Image.Image, size: tuple[int, int]) -> Tensor:
    """Return a photo as uint8 `[1, 3, H, W]` in the memory format `channels_last`."""
    photo = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    if image.size == size:
        return photo
    return interpolate(photo, size=size[::-1], mode="bilinear", antialias=True)
