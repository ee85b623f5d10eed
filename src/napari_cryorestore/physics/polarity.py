"""Whether density is dark or bright in a tomogram: the skewness of its averaged values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BIN, _SLABS, _LIMIT = 4, 24, 6.0


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


__all__ = ["skewness"]
