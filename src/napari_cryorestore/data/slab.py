"""Where the slab of ice lies in a tomogram: between two planes, which may be tilted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.data.structure import (
    binning_factor,
    block_means,
    blocks_enlarged,
    in_deviations,
    local_deviation,
    require_volume,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_cryorestore.no_data import NoData

    Floats = NDArray[np.floating[Any]]

BOX = 32
"""Edge of the boxes whose variance is looked at, in voxels; less in thin tomograms."""

_BUSY = 5  # percent of the boxes, those that vary most, which lie in the ice
_ROUNDS = 3  # in which each face moves out, to where most of what is beyond it lies
_FEWEST = 20  # boxes that tell where a plane is
_TRIMMED = 2.5  # deviations beyond which a box does not count for a plane


def slab_mask(volume: Any, *, no_data: NoData | None = None) -> NDArray[np.bool_]:
    """Find the slab in which the specimen lies.

    As in Slabify: of all boxes those that vary most lie in the slab; a plane through their middles parts
    those above from those below, and another one through the outermost of each side, moved out by half a box,
    is a face. All boxes of a grid are looked at, by running sums, so that there is nothing to draw.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        May be memory-mapped; it is read slab by slab.
    no_data : NoData, optional
        What does not count; the volume should hold local means there.

    Returns
    -------
    ndarray of bool, shape (z, y, x)
        All of the volume where too little varies to tell.

    Raises
    ------
    ValueError
        If the volume does not have three axes.
    """
    require_volume(volume)
    factor = binning_factor(volume.shape, at_least=2)
    usable = None if no_data is None else block_means(no_data.usable, factor) == 1
    image = in_deviations(block_means(volume, factor), usable)
    reach = max(1, min(round(BOX / factor), image.shape[0] // 4) // 2)
    places = _busiest(local_deviation(image, reach), reach, usable)
    mask = np.ones(image.shape, dtype=bool)
    if len(places) >= 2 * _FEWEST:
        middle = _plane(places)
        top, bottom = (_face(places, middle, side=side) for side in (-1, 1))
        z, y, x = np.ogrid[tuple(slice(0, size) for size in image.shape)]
        mask = (z >= _height(top, y, x) - reach) & (z <= _height(bottom, y, x) + reach)
        if usable is not None:
            mask &= usable
    return blocks_enlarged(mask, factor, volume.shape)


def _busiest(deviation: NDArray[np.float32], reach: int, usable: NDArray[np.bool_] | None) -> Floats:
    """Return the middles (z, y, x) of the boxes that vary most, of those that lie wholly inside."""
    step = max(1, reach // 2)
    grid = tuple(slice(reach, size - reach, step) for size in deviation.shape)
    sampled = deviation[grid]
    known = np.ones(sampled.shape, dtype=bool) if usable is None else usable[grid]
    if not known.any():
        return np.empty((0, 3))
    found = np.argwhere(known & (sampled > np.percentile(sampled[known], 100 - _BUSY)))
    return found * float(step) + reach


def _face(places: Floats, plane: Floats, *, side: int) -> Floats:
    """Move a plane out, to where the outermost boxes of one side lie."""
    for _ in range(_ROUNDS):
        beyond = places[side * (places[:, 0] - _height(plane, places[:, 1], places[:, 2])) > 0]
        if len(beyond) < _FEWEST:
            break
        plane = _plane(beyond)
    return plane


def _plane(places: Floats) -> Floats:
    """Return (a, b, c) of the plane z = a y + b x + c through most of some places."""
    kept = places
    for _ in range(4):
        terms = np.column_stack([kept[:, 1:], np.ones(len(kept))])
        plane: Floats = np.linalg.lstsq(terms, kept[:, 0], rcond=None)[0]
        off = np.abs(places[:, 0] - _height(plane, places[:, 1], places[:, 2]))
        near = places[off <= max(1.0, _TRIMMED * 1.4826 * float(np.median(off)))]
        if len(near) < _FEWEST:
            break
        kept = near
    return plane


def _height(plane: Floats, y: Any, x: Any) -> Any:
    return plane[0] * y + plane[1] * x + plane[2]


__all__ = ["BOX", "slab_mask"]
