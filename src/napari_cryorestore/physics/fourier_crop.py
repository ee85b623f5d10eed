"""Binning by Fourier crop, and back: slab by slab, so that memory holds a fraction of the volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.physics.fourier import three

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    Floats = NDArray[np.float32]

_PLANES = 8  # of the large volume, taken at once
_COLUMNS = 4_000_000  # voxels of columns along z, taken at once


def binned_shape(shape: Sequence[int], factor: int) -> tuple[int, int, int]:
    """Return the size (z, y, x) of a volume binned by a factor: a last bin that is not full counts too."""
    z, y, x = (-(-size // factor) for size in three(shape))
    return z, y, x


def fourier_cropped(volume: Any, factor: int) -> Floats:
    """Bin a volume by leaving out the frequencies that larger voxels cannot hold.

    Grey values and their mean stay. A voxel lies in the middle of those it stands for, as if they had been
    averaged. An axis that is no multiple of the factor is continued by reflection. The transform is taken
    axis by axis, which gives the same as a crop of the whole spectrum; the Nyquist frequency is left out.

    Parameters
    ----------
    volume : array-like, shape (z, y, x)
        Of any real type; read a few planes at a time. Without NaN.
    factor : int
        How many voxels become one, along each axis.

    Returns
    -------
    ndarray of float32, shape `binned_shape`
        While it is made, memory holds a volume that is binned along y and x alone besides.
    """
    depth = int(volume.shape[0])
    z, y, x = binned_shape(volume.shape, factor)
    middle = np.empty((depth, y, x), dtype=np.float32)
    for start in range(0, depth, _PLANES):
        slab = torch.from_numpy(np.array(volume[start : start + _PLANES], dtype=np.float32))
        middle[start : start + _PLANES] = _fewer(_fewer(slab, 2, factor), 1, factor).numpy()
    result = np.empty((z, y, x), dtype=np.float32)
    rows = max(1, _COLUMNS // (depth * x))
    for start in range(0, y, rows):
        columns = torch.from_numpy(middle[:, start : start + rows])
        result[:, start : start + rows] = _fewer(columns, 0, factor).numpy()
    return result


def enlarged_planes(volume: Floats, factor: int, shape: Sequence[int]) -> Iterator[tuple[slice, Floats]]:
    """Bring a binned volume back to the size that it had, by adding no frequencies.

    Parameters
    ----------
    volume : ndarray of float32, shape (z, y, x)
        As `fourier_cropped` returns it; its Nyquist frequency does not count.
    factor : int
        As it was binned by.
    shape : sequence of three ints
        The size before.

    Yields
    ------
    slice, ndarray of float32
        Some planes, from the first on, and their voxels. Memory holds a volume enlarged along z alone.
    """
    depth, height, width = three(shape)
    middle = np.empty((depth, *volume.shape[1:]), dtype=np.float32)
    rows = max(1, _COLUMNS // (depth * volume.shape[2]))
    for start in range(0, volume.shape[1], rows):
        columns = torch.from_numpy(np.ascontiguousarray(volume[:, start : start + rows]))
        middle[:, start : start + rows] = _more(columns, 0, factor, depth).numpy()
    for start in range(0, depth, _PLANES):
        planes = slice(start, min(start + _PLANES, depth))
        slab = torch.from_numpy(middle[planes])
        yield planes, _more(_more(slab, 1, factor, height), 2, factor, width).numpy()


def _fewer(volume: Tensor, axis: int, factor: int) -> Tensor:
    """Bin along one axis."""
    size = volume.shape[axis]
    count = -(-size // factor)
    index = torch.arange(count * factor)
    reflected = (2 * size - 1 - index).clamp(min=0)
    whole = volume.index_select(axis, torch.where(index < size, index, reflected))
    spectrum = torch.fft.rfft(whole, dim=axis).narrow(axis, 0, (count + 1) // 2)
    moved = spectrum * _moves(volume.ndim, axis, count, factor) / factor
    binned: Tensor = torch.fft.irfft(moved, n=count, dim=axis)
    return binned


def _more(volume: Tensor, axis: int, factor: int, size: int) -> Tensor:
    """Undo `_fewer`, as far as the frequencies that are left go."""
    count = volume.shape[axis]
    spectrum = torch.fft.rfft(volume, dim=axis).narrow(axis, 0, (count + 1) // 2)
    moved = spectrum * _moves(volume.ndim, axis, count, factor).conj() * factor
    whole: Tensor = torch.fft.irfft(moved, n=count * factor, dim=axis)
    return whole.narrow(axis, 0, size)


def _moves(ndim: int, axis: int, count: int, factor: int) -> Tensor:
    """Return the phases that move a voxel from the first of those it stands for to their middle."""
    k = torch.arange((count + 1) // 2) / (count * factor)  # cycles per small voxel
    phases = torch.polar(torch.ones_like(k), torch.pi * (factor - 1) * k)
    return phases.reshape([-1 if one == axis else 1 for one in range(ndim)])


__all__ = ["binned_shape", "enlarged_planes", "fourier_cropped"]
