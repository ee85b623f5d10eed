"""Mean and standard deviation of a tomogram and their removal; skewness, which tells dark from bright."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = TypeVar("Array", Tensor, NDArray[Any])
    from collections.abc import Sequence

_SLAB_VOXELS = 2**22  # 32 MiB in float64
_BIN, _SLABS, _LIMIT = 4, 24, 6.0


@dataclass(frozen=True)
class Standardisation:
    """The linear change of grey values to mean 0 and standard deviation 1.

    Attributes
    ----------
    mean, std : float
        In the grey values of the file.

    Raises
    ------
    ValueError
        If either is not finite or std is not positive.
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.std) and self.std > 0):
            raise ValueError(
                f"Standardising needs a finite mean and a positive standard deviation, "
                f"not {self.mean:g} and {self.std:g}."
            )

    def apply(self, x: Array) -> Array:
        """Return ``(x - mean) / std`` in float32; array in, array out, tensor in, tensor out, any shape."""
        return (_float32(x) - self.mean) / self.std

    def invert(self, x: Array) -> Array:
        """Return ``x * std + mean`` in float32, the inverse of `apply`."""
        return _float32(x) * self.std + self.mean


def measure(volume: NDArray[Any], *, mask: Any = None) -> Standardisation:
    """Measure mean and standard deviation, reading a few planes at a time.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        Real, any type, memory-mapped or not; sums are taken in float64.
    mask : array-like, shape (z, y, x), optional
        Only voxels where it is not 0 are measured (all must be finite).

    Returns
    -------
    Standardisation

    Raises
    ------
    ValueError
        If the volume is not three-dimensional, contains NaN or infinite voxels or is constant, or if the mask
        has another shape or is empty.
    """
    if volume.ndim != 3 or volume.size == 0:
        raise ValueError(f"A tomogram has three axes (z, y, x); this volume has shape {volume.shape}.")
    if mask is not None and mask.shape != volume.shape:
        raise ValueError(
            f"The mask has shape {mask.shape} but the volume {volume.shape}; they must be equal."
        )
    count, mean, squares = 0, 0.0, 0.0  # squares: sum of squared deviations from the mean
    lowest, highest = math.inf, -math.inf
    for values in _slabs(volume, mask):
        # two groups joined: Chan, Golub & LeVeque 1979
        slab_mean = float(values.mean())
        step, total = slab_mean - mean, count + values.size
        squares += float(np.square(values - slab_mean).sum()) + step**2 * count * values.size / total
        mean += step * values.size / total
        count = total
        lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
    if count == 0:
        raise ValueError("The mask is empty: nothing is left to measure; choose another mask or none.")
    if lowest == highest:
        raise ValueError(
            f"The volume is constant (every voxel is {lowest:g}), so there is nothing to restore: "
            "check that the file was written completely."
        )
    return Standardisation(mean, math.sqrt(squares / count))


def _slabs(volume: NDArray[Any], mask: Any) -> Iterator[NDArray[np.float64]]:
    planes = max(1, _SLAB_VOXELS // (volume.shape[1] * volume.shape[2]))
    for start in range(0, volume.shape[0], planes):
        slab = np.asarray(volume[start : start + planes], dtype=np.float64)
        _refuse_non_finite(slab, start)
        values = slab.ravel() if mask is None else slab[np.asarray(mask[start : start + planes]) != 0]
        if values.size:
            yield values


def _refuse_non_finite(slab: NDArray[np.float64], start: int) -> None:
    if np.isfinite(slab).all():
        return
    wrong = ~np.isfinite(slab)
    plane = start + int(np.argmax(wrong.any(axis=(1, 2))))
    kind = "NaN" if np.isnan(slab).any() else "infinite"
    raise ValueError(
        f"The volume contains {kind} voxels (first in plane z = {plane}): reconstruct the tomogram again, "
        "or replace them, e.g. by the mean."
    )


def _float32(x: Array) -> Array:
    return x.float() if isinstance(x, Tensor) else np.asarray(x, dtype=np.float32)


def skewness(halves: Sequence[NDArray[Any]]) -> float:
    """Measure how lopsided the mean of half maps is: negative where density is dark, as in raw tomograms.

    Blocks of 4³ voxels are averaged first, in which noise, that is symmetric, fades. Values more than six
    median deviations from the median count as that, so that gold and bad voxels have no more say than others.

    Parameters
    ----------
    halves : sequence of array, shape (z, y, x)
        One or two, memory-mapped or not; at most 24 slabs of four planes are read.

    Returns
    -------
    float
        0 where the volume is constant, or not four voxels wide.
    """
    depth = halves[0].shape[0] // _BIN
    slabs = sorted({round(place) for place in np.linspace(0, depth - 1, min(depth, _SLABS))})
    binned = np.concatenate([_binned(halves, _BIN * slab) for slab in slabs] or [np.zeros(0)])
    binned = binned[np.isfinite(binned)]
    if not binned.size:
        return 0.0
    centred = binned - np.median(binned)
    spread = float(np.median(np.abs(centred)))
    if spread == 0:
        return 0.0
    clipped = np.clip(centred / spread, -_LIMIT, _LIMIT)
    clipped -= clipped.mean()
    variance = float(np.square(clipped).mean())
    return float((clipped**3).mean() / variance**1.5)


def _binned(halves: Sequence[NDArray[Any]], first: int) -> NDArray[np.float64]:
    total = np.mean([np.asarray(half[first : first + _BIN], dtype=np.float64) for half in halves], axis=0)
    rows, columns = (size // _BIN for size in total.shape[1:])
    cut = total[:, : rows * _BIN, : columns * _BIN]
    return np.asarray(cut.reshape(_BIN, rows, _BIN, columns, _BIN).mean(axis=(0, 2, 4)).ravel())


__all__ = ["Standardisation", "measure", "skewness"]
