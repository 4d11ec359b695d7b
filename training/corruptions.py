"""What may happen to a face before a model sees it, at five strengths.

The names and strengths are those of Hendrycks and Dietterich (2019, "Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations"), in their version for small images, CIFAR-10-C.
Darkness, rotation and covered eyes and mouths are not among theirs; their strengths are chosen
here, the weakest hardly seen and the strongest still named by people.

Each function takes and returns faces, uint8 `[N, 1, 48, 48]`, and a strength from 1 to 5.
"""

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

EYES, MOUTH = 17, 38
"""The row of the pupils and of the lips in the mean of FER-2013's validation images."""


def gaussian_blur(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Blur by a Gaussian, of up to one pixel."""
    sigma = (0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1]
    return transforms.gaussian_blur(faces, kernel_size=[9, 9], sigma=[sigma, sigma])


def gaussian_noise(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Add normal noise, of up to a tenth of white."""
    scale = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    return _whole(faces + 255 * scale * torch.randn(faces.shape, generator=generator))


def shot_noise(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Count as few photons as a sensor does in little light."""
    white = (500, 250, 100, 75, 50)[severity - 1]
    return _whole(torch.poisson(faces / 255 * white, generator=generator) / white * 255)


def brightness(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Add light, of which what is brighter than white is lost."""
    return _whole(faces + 255 * (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1])


def darkness(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Take light away."""
    return _whole(faces * (0.7, 0.5, 0.35, 0.25, 0.15)[severity - 1])


def contrast(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Bring all pixels nearer to their mean."""
    return transforms.adjust_contrast(faces, (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1])


def jpeg_compression(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Store as JPEG."""
    quality = (80, 65, 58, 50, 40)[severity - 1]
    stored = []
    for face in faces[:, 0].numpy():
        file = io.BytesIO()
        Image.fromarray(face).save(file, "JPEG", quality=quality)
        with Image.open(file) as image:
            stored.append(np.asarray(image))
    return torch.from_numpy(np.stack(stored))[:, None]


def pixelate(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Keep fewer pixels, and enlarge them again."""
    side = faces.shape[-1]
    fewer = int(side * (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1])
    small = functional.interpolate(faces.float(), size=(fewer, fewer), mode="area")
    return _whole(functional.interpolate(small, size=(side, side), mode="nearest-exact"))


def rotation(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Turn by up to 30 degrees, about half of the faces to either side."""
    angle = (5.0, 10.0, 15.0, 20.0, 30.0)[severity - 1]
    left = torch.rand(len(faces), generator=generator) < 0.5
    turned = torch.empty_like(faces)
    for side, degrees in ((left, angle), (~left, -angle)):
        turned[side] = transforms.rotate(faces[side], degrees, InterpolationMode.BILINEAR)
    return turned


def eyes_covered(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Lay a black bar on the eyes."""
    return _covered(faces, EYES, severity)


def mouth_covered(faces: Tensor, severity: int, generator: torch.Generator) -> Tensor:
    """Lay a black bar on the mouth."""
    return _covered(faces, MOUTH, severity)


def _covered(faces: Tensor, row: int, severity: int) -> Tensor:
    half = (2, 3, 4, 5, 6)[severity - 1]
    covered = faces.clone()
    covered[..., row - half : row + half, :] = 0
    return covered


def _whole(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


Corruption = Callable[[Tensor, int, torch.Generator], Tensor]

BY_NAME: dict[str, Corruption] = {
    function.__name__: function
    for function in (
        gaussian_blur, gaussian_noise, shot_noise, brightness, darkness, contrast,
        jpeg_compression, pixelate, rotation, eyes_covered, mouth_covered,
    )
}  # fmt: skip
"""All of `fer.artifacts.robustness.CORRUPTIONS`."""
