"""Augmentation of a whole batch at once, on its device, with a random draw for every image.

One affine map (flip, rotation, zoom, shift, crop) is sampled once, so that pixels are
interpolated once; then brightness, contrast, a random rectangle erased, and mixup.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from fer.ranges import Range


@dataclass(frozen=True)
class Augmentation:
    """How strongly to augment; every amount is the end of a range drawn from evenly."""

    flip: Annotated[float, Range(0, 1)] = 0.5
    """Probability of a horizontal mirror."""
    rotate: Annotated[float, Range(0, 180)] = 10.0
    """Rotation to either side, in degrees."""
    shift: Annotated[float, Range(0, 1)] = 0.1
    """Shift to every side, as a share of the image's side."""
    zoom: Annotated[float, Range(0, 0.9)] = 0.2
    """Growing and shrinking: a factor in 1 - zoom .. 1 + zoom."""
    crop: Annotated[int, Range(0, 48)] = 0
    """Side in pixels of a window cut out at random and scaled back to the whole; 0 is off."""
    brightness: Annotated[float, Range(0, 1)] = 0.2
    """Added to pixels in 0..1, to either side."""
    contrast: Annotated[float, Range(0, 1)] = 0.2
    """Factor in 1 - contrast .. 1 + contrast around each image's mean."""
    erase: Annotated[float, Range(0, 1)] = 0.5
    """Probability that a rectangle is overwritten by the image's mean."""
    erase_area: Annotated[float, Range(0.02, 1)] = 0.2
    """Largest share of the image that a rectangle covers (the smallest is 0.02)."""
    mixup: Annotated[float, Range(0)] = 0.0
    """Parameter of the Beta distribution two images are mixed by (Zhang et al. 2018); 0 is off."""

    def __call__(
        self, images: Tensor, targets: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Augment a batch.

        Args:
            images: uint8 `[N, C, H, W]`.
            targets: float `[N, classes]`, mixed along with the images by mixup.
            generator: source of all randomness, on the images' device.

        Returns:
            Images, float32 `[N, C, H, W]` in 0..1, and targets.
        """
        images = self._affine(images.float() / 255, generator)
        images = self._photometric(images, generator)
        images = self._erase(images, generator)
        return self._mixup(images, targets, generator)

    def _affine(self, images: Tensor, generator: Generator) -> Tensor:
        count = len(images)
        angle = _spread(count, math.radians(self.rotate), images, generator)
        scale = 1 / (1 + _spread(count, self.zoom, images, generator))
        mirror = torch.where(_uniform(count, images, generator) < self.flip, -1.0, 1.0)
        cos, sin = scale * angle.cos(), scale * angle.sin()
        # A shift by the whole side is 2 in the coordinates of `affine_grid` (-1 to 1).
        shift_x = _spread(count, 2 * self.shift, images, generator)
        shift_y = _spread(count, 2 * self.shift, images, generator)
        if self.crop:
            share = self.crop / images.shape[-1]
            cos, sin = share * cos, share * sin
            shift_x = shift_x + _spread(count, 1 - share, images, generator)
            shift_y = shift_y + _spread(count, 1 - share, images, generator)
        theta = torch.stack([mirror * cos, -mirror * sin, shift_x, sin, cos, shift_y], dim=1)
        grid = F.affine_grid(theta.view(count, 2, 3), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _photometric(self, images: Tensor, generator: Generator) -> Tensor:
        count = len(images)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        gain = 1 + _spread(count, self.contrast, images, generator).view(-1, 1, 1, 1)
        offset = _spread(count, self.brightness, images, generator).view(-1, 1, 1, 1)
        return ((images - mean) * gain + mean + offset).clamp(0, 1)

    def _erase(self, images: Tensor, generator: Generator) -> Tensor:
        count, _, height, width = images.shape
        chosen = _uniform(count, images, generator) < self.erase
        area = 0.02 + (self.erase_area - 0.02) * _uniform(count, images, generator)
        # Aspect ratios 1:3 to 3:1, even in their logarithm, as Zhong et al. (2017) draw them.
        aspect = (_spread(count, math.log(3), images, generator)).exp()
        half_h = (area * aspect).sqrt().clamp(max=1) * height / 2
        half_w = (area / aspect).sqrt().clamp(max=1) * width / 2
        centre_y = _uniform(count, images, generator) * height
        centre_x = _uniform(count, images, generator) * width
        rows = torch.arange(height, device=images.device) + 0.5
        columns = torch.arange(width, device=images.device) + 0.5
        in_rows = (rows - centre_y[:, None]).abs() < half_h[:, None]
        in_columns = (columns - centre_x[:, None]).abs() < half_w[:, None]
        hole = (in_rows & chosen[:, None])[:, None, :, None] & in_columns[:, None, None, :]
        return torch.where(hole, images.mean(dim=(1, 2, 3), keepdim=True), images)

    def _mixup(
        self, images: Tensor, targets: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        if self.mixup == 0:
            return images, targets
        count = len(images)
        # Beta(a, a) as the first of two normalised Gamma(a) draws: torch's own Beta
        # distribution takes no generator.
        gamma = torch._standard_gamma(
            torch.full((count, 2), self.mixup, device=images.device), generator=generator
        )
        share = gamma[:, 0] / gamma.sum(dim=1).clamp(min=1e-12)
        share = torch.maximum(share, 1 - share)
        order = torch.randperm(count, device=images.device, generator=generator)
        images = torch.lerp(images[order], images, share.view(-1, 1, 1, 1))
        return images, torch.lerp(targets[order], targets, share.view(-1, 1))


def _uniform(count: int, like: Tensor, generator: Generator) -> Tensor:
    """Draw `count` numbers from 0..1."""
    return torch.rand(count, device=like.device, generator=generator)


def _spread(count: int, amount: float, like: Tensor, generator: Generator) -> Tensor:
    """Draw `count` numbers from -amount..amount."""
    return (2 * _uniform(count, like, generator) - 1) * amount
