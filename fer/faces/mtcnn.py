"""MTCNN's cascade (Zhang et al. 2016): the networks and box arithmetic of facenet-pytorch.

The package's own `detect_face` spends most of a photo's time outside the networks, and more in
them than needed: it samples every level of the pyramid from the whole photo in floating point,
crops candidates at full precision one by one, and keeps colours in planes, for which PyTorch's
pooling is slow. Here photos stay bytes until a network takes them, and colours stay together.
`python -m bench.scoring detector` compares the two.
"""

import math
from typing import NamedTuple

import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from facenet_pytorch.models.utils.detect_face import (
    batched_nms_numpy,
    bbreg,
    generateBoundingBox,
    rerec,
)
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate
from torchvision.ops import batched_nms

PNET_WINDOW = 12
"""Side in pixels of what the first network looks at."""

FACTOR = 0.709
"""Each level of the pyramid has half the pixels of the one before."""

THRESHOLDS = (0.6, 0.7, 0.7)
"""What a candidate has to score in each network; the package's defaults."""

CANDIDATES = 64
"""Crops that go through a network at a time: what comes out of a layer stays in the cache."""


class Cascade:
    """Finds faces in photos of one size; the weights come inside the facenet-pytorch package."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.pnet, self.rnet, self.onet = (
            net().eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
            for net in (PNet, RNet, ONet)
        )

    @torch.inference_mode()
    def __call__(self, photos: Tensor, min_face: int) -> list[Tensor]:
        """Find the faces of `min_face` pixels and more.

        Args:
            photos: uint8 `[N, 3, H, W]` in the memory format `channels_last`, with H and W of at
                least `min_face`.

        Returns:
            For each photo its faces, float32 `[faces, 5]` on the CPU: x1, y1, x2, y2, score.
        """
        photos = photos.to(self.device)
        if self.device.type != "cpu":
            photos = photos.float()  # bytes are sampled on a CPU only
        pyramid = _pyramid(photos, PNET_WINDOW / min_face)
        boxes, owners = self._propose(pyramid[1:])
        boxes, owners = self._refine(pyramid, boxes, owners)
        boxes, owners = self._decide(pyramid, boxes, owners)
        return [boxes[owners == index].cpu() for index in range(len(photos))]

    def _propose(self, levels: list["Level"]) -> tuple[Tensor, Tensor]:
        """Let the first network look at every place of every level."""
        found, owned = [], []
        for level in levels:
            shifts, scores = self._pnet(level.pixels)
            boxes, owners = generateBoundingBox(shifts, scores, level.scale, THRESHOLDS[0])
            kept = batched_nms(boxes[:, :4], boxes[:, 4], owners, 0.5)
            found.append(boxes[kept])
            owned.append(owners[kept])
        boxes, owners = torch.cat(found), torch.cat(owned)
        kept = batched_nms(boxes[:, :4], boxes[:, 4], owners, 0.7)
        boxes, owners = boxes[kept], owners[kept]
        sides = (boxes[:, 2:4] - boxes[:, :2]).repeat(1, 2)
        moved = boxes[:, :4] + boxes[:, 5:9] * sides
        return rerec(torch.cat([moved, boxes[:, 4:5]], dim=1)), owners

    def _refine(
        self, pyramid: list["Level"], boxes: Tensor, owners: Tensor
    ) -> tuple[Tensor, Tensor]:
        boxes, owners, (shifts, scores) = _judge(self.rnet, 24, pyramid, boxes, owners)
        passed = scores[:, 1] > THRESHOLDS[1]
        boxes = torch.cat([boxes[passed, :4], scores[passed, 1:]], dim=1)
        owners, shifts = owners[passed], shifts[passed]
        kept = batched_nms(boxes[:, :4], boxes[:, 4], owners, 0.7)
        return rerec(bbreg(boxes[kept], shifts[kept])), owners[kept]

    def _decide(
        self, pyramid: list["Level"], boxes: Tensor, owners: Tensor
    ) -> tuple[Tensor, Tensor]:
        boxes, owners, (shifts, _, scores) = _judge(self.onet, 48, pyramid, boxes, owners)
        passed = scores[:, 1] > THRESHOLDS[2]
        boxes = torch.cat([boxes[passed, :4], scores[passed, 1:]], dim=1)
        owners, shifts = owners[passed], shifts[passed]
        boxes = bbreg(boxes, shifts)
        kept = batched_nms_numpy(boxes[:, :4], boxes[:, 4], owners, 0.7, "Min")
        return boxes[kept], owners[kept]

    def _pnet(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Run the first network; its pooling as two maxima takes a quarter of the time."""
        net = self.pnet
        x = net.prelu1(net.conv1(pixels))
        x = torch.maximum(x[:, :, 0::2], x[:, :, 1::2])
        x = torch.maximum(x[:, :, :, 0::2], x[:, :, :, 1::2])
        x = net.prelu3(net.conv3(net.prelu2(net.conv2(x))))
        return net.conv4_2(x), net.conv4_1(x).softmax(1)[:, 1]


class Level(NamedTuple):
    """The photos at one size."""

    scale: float
    """Of their pixels to the pixels of the photos as given."""
    pixels: Tensor
    """float32 `[N, 3, h, w]`, as the networks take it."""


def _pyramid(photos: Tensor, scale: float) -> list[Level]:
    """Return the photos as given and, from this scale on, at every level."""
    height, width = photos.shape[2:]
    levels = [Level(1.0, _normalized(photos))]
    # By rounding, 47 * (12 / 47) is less than 12.
    while min(height, width) * scale > PNET_WINDOW - 1e-6:
        # Even sides, so that the first network's pooling meets no lonely row or column.
        size = (2 * math.ceil(height * scale / 2), 2 * math.ceil(width * scale / 2))
        # Each from the one before, which has half the pixels, and not from the whole photo.
        photos = interpolate(photos, size=size, mode="bilinear", antialias=True)
        levels.append(Level(scale, _normalized(photos)))
        scale *= FACTOR
    return levels


def _normalized(pixels: Tensor) -> Tensor:
    return (pixels - 127.5).mul_(1 / 128)  # bytes become float32 on the way


def _judge(
    network: nn.Module, side: int, pyramid: list[Level], boxes: Tensor, owners: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Cut candidates out and run a network on them; those outside their photo are dropped."""
    height, width = pyramid[0].pixels.shape[2:]
    corners = boxes[:, :4].trunc()
    starts = corners[:, :2].clamp(min=1) - 1
    ends = corners[:, 2:].minimum(corners.new_tensor([width, height]))
    inside = (ends > starts).all(1)
    boxes, owners, starts, ends = boxes[inside], owners[inside], starts[inside], ends[inside]
    crops = _cut(pyramid, owners, starts, ends, side)
    # None at all is one blank crop: the networks do not take an empty batch.
    chunks = crops.split(CANDIDATES) if len(crops) else [crops.new_zeros((1, *crops.shape[1:]))]
    parts = zip(*(network(chunk) for chunk in chunks), strict=True)
    return boxes, owners, tuple(torch.cat(part)[: len(boxes)] for part in parts)


def _cut(pyramid: list[Level], owners: Tensor, starts: Tensor, ends: Tensor, side: int) -> Tensor:
    """Cut rectangles out, each from the smallest level that shows it at this size or larger.

    Between two levels there is a factor of 1.4, at which taking single points is good enough.
    """
    sizes = ends - starts
    crops = starts.new_empty((len(starts), 3, side, side), dtype=torch.float32)
    crops = crops.contiguous(memory_format=torch.channels_last)
    scales = torch.tensor([level.scale for level in pyramid], device=starts.device)
    levels = (scales >= side / sizes.amin(1, keepdim=True)).sum(1).clamp(min=1) - 1
    middles = (torch.arange(side, device=starts.device) + 0.5) / side
    photo = starts.new_tensor(pyramid[0].pixels.shape[:1:-1])
    points = (starts[:, None] + sizes[:, None] * middles[:, None]) / photo * 2 - 1
    grid = torch.stack(
        [
            points[:, None, :, 0].expand(-1, side, -1),
            points[:, :, None, 1].expand(-1, -1, side),
        ],
        dim=3,
    )
    keys = levels * len(pyramid[0].pixels) + owners
    for key in keys.unique().tolist():
        number, owner = divmod(key, len(pyramid[0].pixels))
        these = keys == key
        source = pyramid[number].pixels[owner : owner + 1].expand(int(these.sum()), -1, -1, -1)
        crops[these] = grid_sample(
            source, grid[these], mode="bilinear", padding_mode="border", align_corners=False
        )
    return crops
