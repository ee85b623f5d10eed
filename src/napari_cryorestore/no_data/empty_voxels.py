"""A tomogram's regions without data: to the voxel, and as what is left out of every measurement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter, uniform_filter

from napari_cryorestore.no_data.blocks import EDGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.no_data.blocks import Bools, Floats

_FADE = 5  # voxels of each of the two averages that make the edge of the soft mask
_REACH = 3.0  # blocks, over which local means go on into a region without data


@dataclass(frozen=True, eq=False)
class NoData:
    """Where a tomogram holds no data; to be sliced (z, y, x) like an array of bool.

    Attributes
    ----------
    shape : tuple of int
        Of the tomogram, in voxels.
    packed : ndarray of uint8, shape (z, y, x / 8 rounded up)
        A bit for every voxel, set where there are no data.
    share : float
        Of the voxels.
    alone : tuple of float
        Of two halves: the share of the voxels that each of them alone lacks; empty of one map.
    outside : ndarray of bool, shape (z, y, x) in blocks of 4³ voxels
        Blocks that touch such a region or lie beside one, where its edge may be soft: nothing is learned
        there.
    left_out : ndarray of bool, of the same shape
        These and saturated beads: nothing is measured there.
    means : tuple of ndarray of float32, of the same shape
        The local mean of each map in its grey values, continued smoothly into what is left out.
    """

    shape: tuple[int, ...]
    packed: NDArray[np.uint8]
    share: float
    alone: tuple[float, ...]
    outside: Bools
    left_out: Bools
    means: tuple[Floats, ...]

    @property
    def ndim(self) -> int:
        """Three axes."""
        return len(self.shape)

    def __getitem__(self, place: Any) -> Bools:
        """Return the voxels of a part, True where there are no data."""
        z, *rest = place if isinstance(place, tuple) else (place,)
        planes = np.unpackbits(self.packed[z], axis=-1, count=self.shape[2]).view(bool)
        part: Bools = planes[(*(slice(None),) * (planes.ndim - 2), *rest)]
        return part

    @property
    def usable(self) -> BlockView:
        """What may be measured: False in such regions, near them and in saturated beads; to be sliced."""
        return BlockView(~self.left_out, self.shape)

    @property
    def forbidden(self) -> BlockView:
        """What crops should keep off: such regions and their surroundings; to be sliced."""
        return BlockView(self.outside, self.shape)

    def binned(self, factor: int) -> NoData:
        """Return what a volume with larger voxels lacks: those that stand for any voxel without data.

        Parameters
        ----------
        factor : int
            How many voxels become one, along each axis; a last bin need not be full.
        """
        shape = tuple(-(-length // factor) for length in self.shape)
        empty = np.stack(
            [
                _joined(self[start : start + factor], factor, np.max)[0]
                for start in range(0, self.shape[0], factor)
            ]
        )
        return NoData(
            shape=shape,
            packed=np.packbits(empty, axis=-1),
            share=float(empty.mean()),
            alone=self.alone,
            outside=_joined(self.outside, factor, np.max),
            left_out=_joined(self.left_out, factor, np.max),
            means=tuple(_joined(mean, factor, np.mean) for mean in self.means),
        )

    def filled(self, volume: Any, index: int) -> FilledView:
        """Return one of the maps with its local mean in place of what is no data."""
        return FilledView(volume, self, self.means[index])

    def soft_mask(self, box: tuple[slice, ...] | None = None) -> Floats:
        """Return a weight for every voxel of a box: 0 in what is left out, 1 away from it, smooth between.

        Parameters
        ----------
        box : tuple of three slices, optional
            With start and stop; the whole volume if not given.

        Returns
        -------
        ndarray of float32
        """
        parts = box or tuple(slice(0, length) for length in self.shape)
        spans = [range(*part.indices(length)) for part, length in zip(parts, self.shape, strict=True)]
        wide = tuple(slice(max(0, s.start - 2 * EDGE), s.stop + 2 * EDGE) for s in spans)
        weight = BlockView(self._inner, self.shape)[wide].astype(np.float32)
        for _ in range(2):
            weight = uniform_filter(weight, _FADE, mode="nearest")
        inner = tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(spans, wide, strict=True))
        return np.asarray(weight[inner].clip(0, 1), dtype=np.float32)

    @cached_property
    def _inner(self) -> Bools:
        inner = ~binary_dilation(self.left_out, np.ones((3, 3, 3)))
        return inner if inner.any() else ~self.left_out

    @cached_property
    def data_bounds(self) -> tuple[slice, slice, slice]:
        """The smallest box around all that may be learned from; the whole volume if that is nothing."""
        bounds = []
        for axis, length in enumerate(self.shape):
            others = tuple(other for other in range(3) if other != axis)
            found = np.flatnonzero(~self.outside.all(axis=others))
            first, last = (found[0], found[-1]) if found.size else (0, len(self.outside))
            bounds.append(slice(int(first) * EDGE, min(length, (int(last) + 1) * EDGE)))
        return bounds[0], bounds[1], bounds[2]


class BlockView:
    """An array of voxels (z, y, x) that is kept as one of blocks; to be sliced."""

    def __init__(self, blocks: NDArray[Any], shape: Sequence[int]) -> None:
        self._blocks, self.shape, self.dtype = blocks, tuple(shape), blocks.dtype
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))

    def __getitem__(self, place: Any) -> NDArray[Any]:
        parts = place if isinstance(place, tuple) else (place,)
        parts += (slice(None),) * (len(self.shape) - len(parts))
        indices = [np.arange(length)[part] // EDGE for part, length in zip(parts, self.shape, strict=True)]
        picked = self._blocks[np.ix_(*map(np.atleast_1d, indices))]
        part: NDArray[Any] = picked.reshape([len(index) for index in indices if np.ndim(index)])
        return part


class FilledView:
    """A map in which the local mean stands in place of what is no data; to be sliced (z, y, x)."""

    def __init__(self, volume: Any, no_data: NoData, mean: Floats) -> None:
        self._volume, self._no_data, self._mean = volume, no_data, BlockView(mean, volume.shape)
        self.shape, self.ndim, self.size = volume.shape, volume.ndim, volume.size
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, place: Any) -> Floats:
        values = np.asarray(self._volume[place], dtype=np.float32)
        empty = self._no_data[place]
        return np.where(empty, self._mean[place], values) if empty.any() else values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy  # it is always made anew
        return np.asarray(self[:], dtype=dtype)


def _joined(values: NDArray[Any], factor: int, combine: Any) -> NDArray[Any]:
    """Return one value for every cube of so many, the last ones continued where they are not full."""
    whole = np.pad(values, [(0, -length % factor) for length in values.shape], mode="edge")
    z, y, x = (length // factor for length in whole.shape)
    joined = combine(whole.reshape(z, factor, y, factor, x, factor), axis=(1, 3, 5))
    return np.asarray(joined, dtype=values.dtype)


def enlarged(blocks: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Return an array (z, y, x) of voxels with the values of the blocks that they lie in."""
    return np.array(BlockView(blocks, shape)[:])


def extrapolated(means: Floats, known: Bools) -> Floats:
    """Continue the blocks' means smoothly into unknown ones, to the mean of all known ones far away."""
    if not known.any():
        return means
    average = np.float32(means[known].mean(dtype=np.float64))
    weight = gaussian_filter(known.astype(np.float32), _REACH)
    smooth = gaussian_filter(np.where(known, means - average, 0), _REACH)
    return np.asarray(average + smooth / (weight + np.float32(1e-3)), dtype=np.float32)


def faded(volume: NDArray[Any], weight: Floats) -> Floats:
    """Fade a volume out to its own mean where a soft mask is 0.

    Its mean is then the mask's weighted mean of the volume, so that what takes the mean off afterwards sees
    the volume times the mask.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
    weight : ndarray of float32, shape (z, y, x)
        0 to 1; where it is 0 everywhere, the volume is returned as it is.
    """
    values = np.asarray(volume, dtype=np.float32)
    total = float(weight.sum(dtype=np.float64))
    if total == 0:
        return values
    mean = np.float32((values * weight).sum(dtype=np.float64) / total)
    return mean + (values - mean) * weight


__all__ = ["BlockView", "FilledView", "NoData", "enlarged", "extrapolated", "faded"]
