"""What covering parts of a face takes from an answer: whether a heat lies where it comes from."""

import torch
from torch import Tensor
from torch.nn import functional as F

from fer.recognizer import Recognizer

TILE = 6
SHARE = 0.2


def random_heat(count: int) -> Tensor:
    """Return heat that knows nothing, float `[count, 48, 48]`."""
    return torch.rand(count, 48, 48, generator=torch.Generator().manual_seed(0))


def cost_of_covering(
    recognizer: Recognizer, faces: Tensor, emotions: Tensor, heat: Tensor
) -> Tensor:
    """Return what covering the hottest fifth takes from the emotions' probability.

    Args:
        faces: uint8 `[N, 1, 48, 48]`.
        emotions: int64 `[N]`.
        heat: float `[N, 48, 48]`.
    """
    tiles = F.avg_pool2d(heat[:, None], TILE)
    hottest = tiles.flatten(1).topk(int(SHARE * tiles[0].numel())).indices
    covered = torch.zeros_like(tiles).flatten(1).scatter_(1, hottest, 1).view_as(tiles)
    covered = F.interpolate(covered, scale_factor=TILE) > 0
    grey = faces.float().mean(dim=(1, 2, 3), keepdim=True).to(torch.uint8)
    before, after = (
        recognizer.probabilities(images).gather(1, emotions[:, None])[:, 0]
        for images in (faces, torch.where(covered, grey, faces))
    )
    return before - after
