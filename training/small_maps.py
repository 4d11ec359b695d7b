"""Convolutions as CPUs train them faster: small maps as matrix products, depthwise in float32.

The deep stages of a network fed with faces of 48 or 64 pixels see maps of 2 x 2 to 4 x 4. There
oneDNN's convolutions spend most of their time around the arithmetic, above all in the gradient of
the weights. The same sums as one matrix product (im2col, Chellapilla et al. 2006) take less:
`python -m bench.small_maps` measures it.

A depthwise convolution is little arithmetic on much memory, and oneDNN's gradients for it take
twice as long in bfloat16 as in float32. Where a network trains in bfloat16, its depthwise layers
alone keep to float32.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POINTWISE_LIMIT = 256
"""Largest map, in pixels, on which a 1 x 1 convolution becomes a matrix product."""
SPATIAL_LIMIT = 16
"""The same for larger kernels, whose patches have to be gathered first."""


def use_matrix_products(network: nn.Module) -> None:
    """Let a network's convolutions train as matrix products where their maps are small.

    Changes the network in place; its weights, their names and, up to rounding, its outputs and
    gradients stay as they were.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and _is_plain(module):
            module.__class__ = _Conv2d


def keep_depthwise_in_float32(network: nn.Module) -> None:
    """Let a network's depthwise convolutions compute in float32 where autocast would not.

    Changes the network in place; its weights and their names stay as they were.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
            kind = type(module)
            module.__class__ = type(f"{kind.__name__}InFloat32", (_InFloat32, kind), {})


class _InFloat32:
    """A layer that steps out of autocast."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map float `[N, C, H, W]` as the layer itself does, in float32."""
        with torch.autocast(maps.device.type, enabled=False):
            return super().forward(maps.float())  # type: ignore[misc]


def _is_plain(module: nn.Conv2d) -> bool:
    """Say whether a convolution is of the common kind that `_Conv2d` knows to compute."""
    return (
        module.groups == 1
        and module.bias is None
        and module.dilation == (1, 1)
        and module.kernel_size[0] == module.kernel_size[1]
        and module.stride[0] == module.stride[1]
        and not isinstance(module.padding, str)
        and module.padding[0] == module.padding[1]
        and module.padding_mode == "zeros"
    )


class _Conv2d(nn.Conv2d):
    """A convolution that chooses its way by the size of its output."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map float `[N, C, H, W]` to `[N, O, H', W']`, as `nn.Conv2d`."""
        kernel, stride, padding = self.kernel_size[0], self.stride[0], cast(int, self.padding[0])
        rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in maps.shape[2:])
        limit = POINTWISE_LIMIT if kernel == 1 else SPATIAL_LIMIT
        if not self.training or rows * columns > limit:
            return super().forward(maps)
        pixels = maps.permute(0, 2, 3, 1)  # in channels_last, a view of the memory as it lies
        pixels = F.pad(pixels, (0, 0, padding, padding, padding, padding))
        shifted = [
            pixels[:, top : top + rows * stride : stride, left : left + columns * stride : stride]
            for top in range(kernel)
            for left in range(kernel)
        ]
        patches = torch.cat(shifted, dim=-1)
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)
        return F.linear(patches, weight).permute(0, 3, 1, 2)
