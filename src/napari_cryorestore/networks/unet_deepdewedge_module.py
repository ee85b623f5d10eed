"""The U-Net of DeepDeWedge, with strided convolutions and a norm."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.networks.module import ChangeNetwork, Convolution

if TYPE_CHECKING:
    from napari_cryorestore.networks.unet_deepdewedge import DeepDeWedgeUNetConfig

_LEVELS, _SLOPE = 3, 0.05


class DeepDeWedgeUNet(ChangeNetwork):
    """Three convolutions at every level, each with instance norm and leaky ReLU; it predicts a change.

    A convolution of stride 2 halves, a transposed one doubles; none of them is normalised, nor are the two at
    the bottom.

    Parameters
    ----------
    config : DeepDeWedgeUNetConfig
        Its knobs.
    channels : int
        Input channels.
    """

    multiple = 2**_LEVELS

    def __init__(self, config: DeepDeWedgeUNetConfig, channels: int = 1) -> None:
        super().__init__()
        widths = [config.features * 2**level for level in range(_LEVELS)]
        deepest = widths[-1]
        self.down = nn.ModuleList(
            _block(before, after) for before, after in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.halving = nn.ModuleList(Convolution(width, width, 3, padding=1, stride=2) for width in widths)
        self.bottom = nn.Sequential(
            Convolution(deepest, 2 * deepest, 3, padding=1),
            nn.LeakyReLU(_SLOPE),
            Convolution(2 * deepest, deepest, 3, padding=1),
        )
        self.doubling = nn.ModuleList(
            nn.ConvTranspose3d(before, after, 3, padding=1, stride=2, output_padding=1)
            for before, after in pairwise([deepest, *reversed(widths)])
        )
        self.up = nn.ModuleList(_block(2 * width, width) for width in reversed(widths))
        self.head = Convolution(config.features, 1, 1)

    def change(self, inputs: Tensor) -> Tensor:
        """Return the change (b, 1, z, y, x) to inputs (b, c, z, y, x) of a size that the layers take."""
        maps, skips = inputs, []
        for block, halve in zip(self.down, self.halving, strict=True):
            skips.append(block(maps))
            maps = functional.leaky_relu(halve(skips[-1]), _SLOPE)
        maps = self.bottom(maps)
        for double, block, skip in zip(self.doubling, self.up, reversed(skips), strict=True):
            maps = block(functional.leaky_relu(torch.cat([double(maps), skip], 1), _SLOPE))
        change: Tensor = self.head(maps)
        return change


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for first, last in pairwise([before, after, after, after]):
        layers += [Convolution(first, last, 3, padding=1), nn.InstanceNorm3d(last), nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers)


__all__ = ["DeepDeWedgeUNet"]
