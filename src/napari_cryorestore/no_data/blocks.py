"""Small blocks of one map or of two halves: whether they are constant, how they vary, and their means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import binary_dilation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Bools = NDArray[np.bool_]
    Combine = Callable[[Any, Any], Any]

EDGE = 4
"""Edge of a block in voxels."""

COARSE = 0.1
"""Share of blocks with two neighbouring levels and no more, from which on others are constant by chance."""

_SAMPLED_PLANES = 16
_NEXT = 1.5  # steps: less than two levels
_ROUNDING = np.float32(2e-6)  # share of the squares, below which their differences say nothing


@dataclass(frozen=True)
class Blocks:
    """What the blocks of a volume say, each array of shape (z, y, x) in blocks.

    Attributes
    ----------
    shape : tuple of int
        Of the volume, in voxels.
    constant : ndarray of bool
        Whether every map holds a single value there.
    spread : ndarray of float32 or None
        Variance of the difference of the first two maps, each in units of its usual local deviation; None of
        one map.
    low : tuple of ndarray of float32
        The smallest value of each map: where it is constant, its fill.
    means : tuple of ndarray of float32
        The mean of each map.
    extremes : tuple of (float, float)
        Smallest and largest value of each whole map.
    planes : tuple of ndarray of bool
        Along z, y and x: which whole planes are constant in every map; a thin border fills no block.
    steps : tuple of float
        The smallest difference between neighbouring voxels of each map: of whole numbers, their unit.
    bare : float
        Share of the blocks that are not constant, but hold nothing beside two neighbouring levels: where many
        do, others are constant by chance. Of several maps that of which there are fewest.
    alone : tuple of Blocks
        What each of several maps says by itself; empty of one.
    """

    shape: tuple[int, ...]
    constant: Bools
    spread: Floats | None
    low: tuple[Floats, ...]
    means: tuple[Floats, ...]
    extremes: tuple[tuple[float, float], ...]
    planes: tuple[Bools, ...]
    steps: tuple[float, ...]
    bare: float
    alone: tuple[Blocks, ...] = ()


def measure_blocks(maps: Sequence[Any]) -> Blocks:
    """Measure the blocks of maps of one shape (z, y, x), reading a few planes at a time."""
    shape = tuple(maps[0].shape)
    grid = tuple(-(-length // EDGE) for length in shape)
    measured = [_Map(volume, grid) for volume in maps]
    products = np.zeros(grid, dtype=np.float32)
    for row in range(grid[0]):
        slabs = [one.add(row) for one in measured]
        if len(slabs) > 1:
            products[row] = _per_block(slabs[0] * slabs[1], np.add)[0] / EDGE**3
    alone = tuple(_said_by(one) for one in measured)
    if len(measured) == 1:
        return alone[0]
    return Blocks(
        shape=shape,
        constant=np.logical_and.reduce([one.constant for one in alone]),
        spread=_spread(measured[0], measured[1], products),
        low=tuple(one.low for one in measured),
        means=tuple(one.means[0] for one in alone),
        extremes=tuple(one.extremes[0] for one in alone),
        planes=tuple(
            np.logical_and.reduce(axis) for axis in zip(*(one.planes for one in alone), strict=True)
        ),
        steps=tuple(one.step for one in measured),
        bare=min(one.bare for one in alone),
        alone=alone,
    )


def _said_by(one: _Map) -> Blocks:
    ranges = one.high - one.low
    bare = float(np.mean((ranges <= _NEXT * one.step)[ranges > 0])) if ranges.any() else 0.0
    planes = one.planes.constant
    return Blocks(
        shape=one.shape,
        constant=one.low == one.high,
        spread=None,
        low=(one.low,),
        means=(one.means * one.unit + one.centre,),
        extremes=((float(one.low.min()), float(one.high.max())),),
        planes=planes if bare <= COARSE else tuple(map(_at_faces, planes)),
        steps=(one.step,),
        bare=bare,
    )


class _Map:
    """One map, of which one row of blocks after another is measured."""

    def __init__(self, volume: Any, grid: tuple[int, ...]) -> None:
        self._volume, self.shape = volume, tuple(volume.shape)
        self.centre, self.unit, self.step = _rough_scale(volume)
        self.low, self.high, self.means, self.squares = (np.empty(grid, dtype=np.float32) for _ in range(4))
        self.planes = _Planes(volume.shape)

    def add(self, row: int) -> Floats:
        """Measure one row of blocks; return its voxels about the centre in rough units, padded to blocks."""
        first = row * EDGE
        planes = np.asarray(self._volume[first : first + EDGE], dtype=np.float32)
        self.planes.add(planes, first)
        # a block cut off by a face is filled up with its last voxels, which leaves a constant one constant
        slab = np.pad(planes, [(0, -length % EDGE) for length in planes.shape], mode="edge")
        self.low[row] = _per_block(slab, np.minimum)[0]
        self.high[row] = _per_block(slab, np.maximum)[0]
        slab -= np.float32(self.centre)
        slab *= np.float32(1 / self.unit)
        self.means[row] = _per_block(slab, np.add)[0] / EDGE**3
        self.squares[row] = _per_block(np.square(slab), np.add)[0] / EDGE**3
        return slab

    @property
    def variance(self) -> Floats:
        """Of every block, in rough units."""
        return np.maximum(self.squares - np.square(self.means), 0)


class _Planes:
    """Smallest and largest value of each plane across each axis."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._lows, self._highs = (
            [np.full(length, sign * np.inf, dtype=np.float32) for length in shape] for sign in (1, -1)
        )

    def add(self, planes: Floats, first: int) -> None:
        """Look at some planes, of which the first is the volume's plane `first`."""
        here = slice(first, first + len(planes))
        for known, combine in ((self._lows, np.minimum), (self._highs, np.maximum)):
            known[0][here] = combine.reduce(planes.reshape(len(planes), -1), axis=1)
            together = combine.reduce(planes, axis=0)
            for axis in (1, 2):
                known[axis] = combine(known[axis], combine.reduce(together, axis=2 - axis))

    @property
    def constant(self) -> tuple[Bools, ...]:
        """Along each axis, which planes hold one value; none where all do."""
        found = [low == high for low, high in zip(self._lows, self._highs, strict=True)]
        return tuple(planes & ~planes.all() for planes in found)


def _at_faces(planes: Bools) -> Bools:
    """Leave out planes inside, which in small maps with few levels are constant by chance."""
    first, last = np.logical_and.accumulate(planes), np.logical_and.accumulate(planes[::-1])[::-1]
    return np.asarray(first | last)


def _rough_scale(volume: Any) -> tuple[float, float, float]:
    """Return a centre and a unit that keep sums of squares exact, of voxels that differ from the next.

    The third number is the smallest difference.
    """
    every = max(1, volume.shape[0] // _SAMPLED_PLANES)
    values, steps = [], []
    for z in range(every // 2, volume.shape[0], every):
        plane = np.asarray(volume[z], dtype=np.float32)
        change = np.abs(np.diff(plane, axis=1))
        varied = change > 0
        values.append(plane[:, 1:][varied])
        steps.append(change[varied])
    changes = np.concatenate(steps)
    if not changes.size:
        return 0.0, 1.0, 0.0
    return float(np.median(np.concatenate(values))), float(np.median(changes)) or 1.0, float(changes.min())


def _per_block(slab: NDArray[Any], combine: Combine) -> NDArray[Any]:
    """Combine the voxels of every block, whose edges divide the slab's."""
    for axis in range(3):
        parts = [slab[(slice(None),) * axis + (slice(first, None, EDGE),)] for first in range(EDGE)]
        slab = reduce(combine, parts)
    return slab


def _spread(even: _Map, odd: _Map, products: Floats) -> Floats:
    variances = even.variance, odd.variance
    constant = (even.low == even.high) & (odd.low == odd.high)
    first, second = (typical(variance, constant) or 1.0 for variance in variances)
    shared = (products - even.means * odd.means) / np.float32((first * second) ** 0.5)
    difference = variances[0] / np.float32(first) + variances[1] / np.float32(second) - 2 * shared
    rounding = _ROUNDING * (even.squares / np.float32(first) + odd.squares / np.float32(second))
    return np.maximum(difference, rounding)


def typical(values: Floats, constant: Bools) -> float:
    """Return the median of what is not next to nothing, away from constant blocks, whose edges vary most."""
    away = ~binary_dilation(constant, np.ones((3, 3, 3)))
    positive = values[away & (values > 0)] if away.any() else values[values > 0]
    if positive.size == 0:
        return 0.0
    return float(np.median(positive[positive > 0.01 * np.percentile(positive, 95)]))


__all__ = ["COARSE", "EDGE", "Blocks", "measure_blocks", "typical"]
