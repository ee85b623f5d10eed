"""Where a tomogram has structure: a mask to train in and the block that is most worth looking at."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter, uniform_filter

from napari_cryorestore.data.crops import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.no_data import NoData

    Floats = NDArray[np.float32]

DISABLED = 99.8
"""Percent from which on a test of `structure_mask` lets everything pass."""

MOST_VOXELS = 8_000_000
"""Larger volumes are binned down to this size first, which bounds the memory."""

_SAMPLE = 1_000_000  # voxels that tell a percentile well enough
_SIDE = 5  # of the local standard deviation by which a block is chosen, in voxels of a volume binned by 2
_OUTLIERS = 0.2  # percent of the voxels on either side: gold beads must not decide where the structure is


def structure_mask(
    volume: Any,
    *,
    side: int = 5,
    density: float = 50,
    std: float = 50,
    dark: bool = True,
    no_data: NoData | None = None,
) -> NDArray[np.bool_]:
    """Find the voxels that lie near density and in varied surroundings.

    As in IsoNet, on a copy binned by 2 (by more beyond 64 million voxels): the smoothed density
    close by and the local standard deviation must both be among the highest.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        May be memory-mapped; it is read slab by slab.
    side : int
        Reach of both tests, in voxels of a volume binned by 2.
    density, std : float
        Percentage of the voxels that pass each test; `DISABLED` and above lets all of them pass.
    dark : bool
        Whether structure is darker than its surroundings, as in most reconstructions.
    no_data : NoData, optional
        What passes no test and counts in no percentage; the volume should hold local means there.

    Returns
    -------
    ndarray of bool, shape (z, y, x)

    Raises
    ------
    ValueError
        If the volume does not have three axes, the reach is not positive or a percentage not within 0 to 100.
    """
    require_volume(volume)
    _require_sensible(side, density=density, std=std)
    factor = binning_factor(volume.shape, at_least=2)
    usable = None if no_data is None else block_means(no_data.usable, factor) == 1
    binned = in_deviations(block_means(volume, factor), usable)
    reach = max(1, round(2 * side / factor))
    mask = np.ones(binned.shape, dtype=bool) if usable is None else usable.copy()
    if density < DISABLED:
        smooth = gaussian_filter(-binned if dark else binned, reach / 2)
        mask &= _highest(maximum_filter(smooth, 2 * reach + 1), density, usable)
    if std < DISABLED:
        mask &= _highest(local_deviation(binned, reach), std, usable)
    return blocks_enlarged(mask, factor, volume.shape)


def most_structured_box(volume: Any, size: Sequence[int], *, no_data: NoData | None = None) -> Box:
    """Find the block of a given size that holds most structure.

    Every position is looked at through an integral image (in a volume larger than `MOST_VOXELS`, every one on
    its binned grid). Of equally good blocks the one nearest to the middle is taken.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        A mask (bool), to hold the largest share of, or a tomogram, to have the largest mean local standard
        deviation in.
    size : (int, int, int)
        Sizes of the block in voxels; where larger than the volume, the volume's.
    no_data : NoData, optional
        What the block keeps off as far as it can; the volume should hold local means there.

    Returns
    -------
    Box

    Raises
    ------
    ValueError
        If the volume does not have three axes or a size is not positive.
    """
    require_volume(volume)
    if len(size) != 3 or min(size) < 1:
        raise ValueError(f"The size of a block is three positive numbers (z, y, x), not {tuple(size)}.")
    factor = binning_factor(volume.shape, at_least=1 if volume.dtype == np.bool_ else 2)
    image = block_means(volume, factor)
    if volume.dtype != np.bool_:
        usable = None if no_data is None else block_means(no_data.usable, factor) == 1
        image = local_deviation(in_deviations(image, usable), max(1, round(2 * _SIDE / factor)))
    fitted = [min(part, whole) for part, whole in zip(size, volume.shape, strict=True)]
    parts = [max(1, min(round(part / factor), n)) for part, n in zip(fitted, image.shape, strict=True)]
    sums = _box_sums(image, parts)
    if no_data is not None:
        empty = np.rint(_box_sums(block_means(no_data.forbidden, factor), parts))
        sums[empty > empty.min()] = -np.inf
    first = [start * factor for start in _best_start(sums)]
    start = [min(f, whole - part) for f, whole, part in zip(first, volume.shape, fitted, strict=True)]
    stop = [f + part for f, part in zip(start, fitted, strict=True)]
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def require_volume(volume: NDArray[Any]) -> None:
    """Raise ``ValueError`` for what has not three axes."""
    if volume.ndim != 3 or min(volume.shape) < 1:
        raise ValueError(f"A tomogram has three axes (z, y, x), but this array's shape is {volume.shape}.")


def _require_sensible(side: int, **percentages: float) -> None:
    if side < 1:
        raise ValueError(f"The reach of the mask must be at least 1 voxel, not {side}.")
    for name, percent in percentages.items():
        if not 0 < percent <= 100:
            raise ValueError(f"The mask's {name} must be above 0 and at most 100 percent, not {percent:g}.")


def binning_factor(shape: Sequence[int], *, at_least: int) -> int:
    """Return by what a volume is binned so that at most `MOST_VOXELS` are left."""
    factor = at_least
    while np.prod([-(-n // factor) for n in shape], dtype=float) > MOST_VOXELS:
        factor += 1
    return factor


def block_means(volume: Any, factor: int) -> Floats:
    """Average blocks of voxels (those at the far borders as far as they go), a few planes at a time."""
    if factor == 1:
        return np.asarray(volume[:], dtype=np.float32)
    ys, xs = np.arange(0, volume.shape[1], factor), np.arange(0, volume.shape[2], factor)
    counts = np.outer(np.diff([*ys, volume.shape[1]]), np.diff([*xs, volume.shape[2]]))
    binned = np.empty((-(-volume.shape[0] // factor), len(ys), len(xs)), dtype=np.float32)
    for i, plane in enumerate(binned):
        slab = np.asarray(volume[i * factor : (i + 1) * factor], dtype=np.float32).mean(axis=0)
        plane[:] = np.add.reduceat(np.add.reduceat(slab, ys, axis=0), xs, axis=1) / counts
    return binned


def in_deviations(volume: Floats, usable: NDArray[np.bool_] | None) -> Floats:
    """Cap outliers, then centre and scale, so that squares in float32 lose nothing."""
    known = _known(volume, usable)
    capped = np.clip(volume, *np.percentile(_sampled(known), (_OUTLIERS, 100 - _OUTLIERS)))
    known = _known(capped, usable)
    mean, deviation = known.mean(dtype=np.float64), known.std(dtype=np.float64)
    return np.asarray((capped - mean) / (deviation or 1.0), dtype=np.float32)


def local_deviation(volume: Floats, reach: int) -> Floats:
    """Return the standard deviation around every voxel, in a cube of 2 · reach + 1."""
    mean = uniform_filter(volume, 2 * reach + 1)
    variance = uniform_filter(np.square(volume), 2 * reach + 1) - np.square(mean)
    return np.asarray(np.sqrt(np.maximum(variance, 0)), dtype=np.float32)


def _highest(values: Floats, percent: float, usable: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return np.asarray(values > np.percentile(_sampled(_known(values, usable)), 100 - percent))


def _known(values: Floats, usable: NDArray[np.bool_] | None) -> Floats:
    return values if usable is None or not usable.any() else values[usable]


def _sampled(values: Floats) -> Floats:
    return values.ravel()[:: max(1, values.size // _SAMPLE)]


def blocks_enlarged(mask: NDArray[np.bool_], factor: int, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return a binned mask at the size that the volume had."""
    large = np.empty(tuple(shape), dtype=bool)
    for z in range(shape[0]):
        plane = mask[z // factor].repeat(factor, axis=0).repeat(factor, axis=1)
        large[z] = plane[: shape[1], : shape[2]]
    return large


def _box_sums(image: Floats, parts: Sequence[int]) -> NDArray[np.float64]:
    """Sum over every block of the given size, by the eight corners of an integral image."""
    integral = np.pad(image, ((1, 0), (1, 0), (1, 0))).astype(np.float64)
    for axis in range(3):
        np.cumsum(integral, axis=axis, out=integral)
    counts = [n - part + 1 for n, part in zip(image.shape, parts, strict=True)]
    sums = np.zeros(counts)
    for corner in product((0, 1), repeat=3):
        place = tuple(
            slice(end * part, end * part + n) for end, part, n in zip(corner, parts, counts, strict=True)
        )
        sums += (-1) ** (3 - sum(corner)) * integral[place]
    return sums


def _best_start(sums: NDArray[np.float64]) -> tuple[int, ...]:
    best = np.argwhere(sums >= sums.max() - 1e-6 * np.abs(sums[np.isfinite(sums)]).max())
    middle = (np.array(sums.shape) - 1) / 2
    chosen = np.square(best - middle).sum(axis=1).argmin()
    return tuple(int(first) for first in best[chosen])


__all__ = [
    "DISABLED",
    "MOST_VOXELS",
    "binning_factor",
    "block_means",
    "blocks_enlarged",
    "in_deviations",
    "local_deviation",
    "most_structured_box",
    "require_volume",
    "structure_mask",
]
