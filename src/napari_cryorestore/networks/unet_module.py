"""The 3D U-Net, which is scale-equivariant when it has neither bias nor norm."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.networks.module import Convolution, Network, is_slow_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.networks.unet import UNetConfig

_AXES = (2, 3, 4)
_DEVICES = ("cpu", "cuda", "meta")  # others have no transposed 3D convolution in 16 bits
_LEAST_VOXELS, _LEAST_VOXELS_16_BITS = 2500, 16_000  # measured; in 16 bits a CPU is faster at plain ones


class UNet(Network):
    """Encoder and decoder of double convolutions with skips, after ICECREAM's ``unet3d_bf``.

    Every convolution is 3³, zero-padded and followed by ReLU; halving is max-pooling, doubling is
    nearest-neighbour to the skip's size, so odd sizes work; a linear 1³ convolution ends it. Without bias and
    norm, f(a v) = a f(v) for every a > 0. The residual, if it is set, adds input channel 0.

    Parameters
    ----------
    config : UNetConfig
        Its knobs.
    channels : int
        Input channels.
    """

    def __init__(self, config: UNetConfig, channels: int = 1) -> None:
        super().__init__()
        widths = [config.features * 2**level for level in range(config.levels)]
        self.residual = config.residual
        encoded, decoded = _WIDTHS[config.widths](channels, widths)
        self.encoder = nn.ModuleList(_block(level, config) for level in encoded)
        self.decoder = nn.ModuleList(_block(level, config) for level in decoded)
        self.head = Convolution(widths[0], 1, 1, bias=config.bias)
        if config.init == "he":
            self._initialise_he()

    def forward(self, inputs: Tensor) -> Tensor:
        """Restore crops.

        Parameters
        ----------
        inputs : Tensor, shape (b, c, z, y, x)

        Returns
        -------
        Tensor, shape (b, 1, z, y, x)

        Raises
        ------
        ValueError
            If an axis is shorter than the coarsest voxel, or two of them with a norm.
        """
        self.require_size(inputs)
        maps = inputs
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            maps = block(functional.max_pool3d(maps, 2) if level else maps)
            skips.append(maps)
        for block, skip in zip(self.decoder, reversed(skips[:-1]), strict=True):
            layers: list[Any] = list(block.children())
            maps = convolve_joined(layers[0], skip, maps)
            for layer in layers[1:]:
                maps = layer(maps)
        outputs: Tensor = self.head(maps)
        return outputs + inputs[:, :1] if self.residual else outputs

    def _initialise_he(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv3d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if layer is self.head else "relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def _of_icecream(channels: int, widths: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    """Return the maps before, between and after the two layers of every level, downwards and upwards."""
    ins = [channels, *widths[:-1]]
    down = [[first, max(last // 2, first), last] for first, last in zip(ins, widths, strict=True)]
    up = [[skip + below, skip, skip] for skip, below in pairwise(widths)]
    return down, up[::-1]


def _of_csbdeep(channels: int, widths: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    """Return the same of csbdeep's U-Net, where every level but the finest hands on half its maps upwards."""
    *upper, deepest = widths
    down = [[first, last, last] for first, last in zip([channels, *upper[:-1]], upper, strict=True)]
    up = [[2 * skip, skip, max(skip // 2, widths[0])] for skip in upper]
    return [*down, [upper[-1], deepest, deepest // 2]], up[::-1]


_WIDTHS = {"icecream": _of_icecream, "csbdeep": _of_csbdeep}


def _block(widths: Sequence[int], config: UNetConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers.append(Convolution(before, after, 3, padding=1, bias=config.bias))
        if config.norm == "instance":
            layers.append(nn.InstanceNorm3d(after))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def convolve_joined(convolution: nn.Conv3d, skip: Tensor, below: Tensor) -> Tensor:
    """Return ``convolution(cat([skip, doubled(below)]))``, the doubling being to the nearest neighbour.

    Along each axis, a 3³ convolution of a doubled map meets two values only, one of them twice. Adding up the
    weights that meet the same value makes it a transposed convolution of the map as it was: 8 products
    instead of 27, and neither the doubled nor the joined map is ever made.

    Parameters
    ----------
    convolution : Conv3d
        3³, padded by one voxel of zeros.
    skip : Tensor, shape (b, s, z, y, x)
    below : Tensor, shape (b, c, z / 2, y / 2, x / 2)
        Where it is not half the size exactly, the map is doubled to the skip's size in the plain way.

    Returns
    -------
    Tensor, shape (b, o, z, y, x)
    """
    if not (_is_double(skip, below) and _pays(skip)):
        return _plainly(convolution, skip, below)
    ours, theirs = convolution.weight.tensor_split([skip.shape[1]], 1)
    joined = functional.conv3d(skip, ours, convolution.bias, padding=1)
    joined += functional.conv_transpose3d(below, doubling_kernel(theirs), stride=2, padding=1)
    return joined


def doubling_kernel(weight: Tensor) -> Tensor:
    """Return the kernel whose transposed convolution, stride 2, doubles a map and convolves it.

    Along an axis, weights (a, b, c) become (c, b + c, a + b, a).

    Parameters
    ----------
    weight : Tensor, shape (o, c, 3, 3, 3)

    Returns
    -------
    Tensor, shape (c, o, 4, 4, 4)
    """
    for axis in _AXES:
        first, middle, last = weight.unbind(axis)
        weight = torch.stack([last, middle + last, first + middle, first], axis)
    return weight.transpose(0, 1).contiguous(memory_format=torch.channels_last_3d)


def _pays(skip: Tensor) -> bool:
    """Tell whether there are so many voxels that it pays to make another kernel for them."""
    if is_slow_alone(skip) or skip.device.type not in _DEVICES:
        return False
    slow_kernels = skip.device.type == "cpu" and skip.dtype != torch.float32
    return skip[:, 0].numel() >= (_LEAST_VOXELS_16_BITS if slow_kernels else _LEAST_VOXELS)


def _is_double(skip: Tensor, below: Tensor) -> bool:
    return all(skip.shape[axis] == 2 * below.shape[axis] for axis in _AXES)


def _plainly(convolution: nn.Conv3d, skip: Tensor, below: Tensor) -> Tensor:
    doubled = functional.interpolate(below, size=skip.shape[2:], mode="nearest")
    joined: Tensor = convolution(torch.cat([skip, doubled], 1))
    return joined


__all__ = ["UNet", "convolve_joined", "doubling_kernel"]
