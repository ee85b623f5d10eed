"""The convolution of a skip beside a doubled map, done before the map is doubled: same numbers, less work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from napari_cryorestore.networks.convolution import is_slow_alone

if TYPE_CHECKING:
    from torch import nn

_AXES = (2, 3, 4)
_DEVICES = ("cpu", "cuda", "meta")  # others have no transposed 3D convolution in 16 bits
_LEAST_VOXELS, _LEAST_VOXELS_16_BITS = 2500, 16_000  # measured; in 16 bits a CPU is faster at plain ones


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


__all__ = ["convolve_joined", "doubling_kernel"]
