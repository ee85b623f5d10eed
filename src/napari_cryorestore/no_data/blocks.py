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

BORDER = 8
"""Planes below each face that are looked at one by one, as a thin border fills no block."""

_SAMPLED_PLANES = 16
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
        Variance of the difference of the halves, each in units of its usual local deviation; None of one map.
    low : tuple of ndarray of float32
        The smallest value of each map: where it is constant, its fill.
    means : tuple of ndarray of float32
        The mean of each map.
    extremes : tuple of (float, float)
        Smallest and largest value of each whole map.
    borders : tuple of (int, int)
        Along z, y and x: how many planes at the first and the last face are constant in every map.
    steps : tuple of float
        The smallest difference between neighbouring voxels of each map: of whole numbers, their unit.
    alone : tuple of Blocks
        What each of two halves says by itself; empty of one map.
    """

    shape: tuple[int, ...]
    constant: Bools
    spread: Floats | None
    low: tuple[Floats, ...]
    means: tuple[Floats, ...]
    extremes: tuple[tuple[float, float], ...]
    borders: tuple[tuple[int, int], ...]
    steps: tuple[float, ...]
    alone: tuple[Blocks, ...] = ()


def measure_blocks(maps: Sequence[Any]) -> Blocks:
    """Measure the blocks of one map or two halves of one shape (z, y, x), reading a few planes at a time."""
    shape = tuple(maps[0].shape)
    grid = tuple(-(-length // EDGE) for length in shape)
    measured = [_Map(volume, grid) for volume in maps]
    products = np.zeros(grid, dtype=np.float32)
    for row in range(grid[0]):
        slabs = [one.add(row) for one in measured]
        if len(slabs) == 2:
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
        borders=_borders([one.faces for one in measured], shape),
        steps=tuple(one.step for one in measured),
        alone=alone,
    )


def _said_by(one: _Map) -> Blocks:
    return Blocks(
        shape=one.shape,
        constant=one.low == one.high,
        spread=None,
        low=(one.low,),
        means=(one.means * one.unit + one.centre,),
        extremes=((float(one.low.min()), float(one.high.max())),),
        borders=_borders([one.faces], one.shape),
        steps=(one.step,),
    )


class _Map:
    """One map, of which one row of blocks after another is measured."""

    def __init__(self, volume: Any, grid: tuple[int, ...]) -> None:
        self._volume, self.shape = volume, tuple(volume.shape)
        self.centre, self.unit, self.step = _rough_scale(volume)
        self.low, self.high, self.means, self.squares = (np.empty(grid, dtype=np.float32) for _ in range(4))
        self.faces = _Faces(volume.shape)

    def add(self, row: int) -> Floats:
        """Measure one row of blocks; return its voxels about the centre in rough units, padded to blocks."""
        first = row * EDGE
        planes = np.asarray(self._volume[first : first + EDGE], dtype=np.float32)
        self.faces.add(planes, first)
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


class _Faces:
    """Smallest and largest value of each plane near the six faces."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._depth = shape[0]
        self._ranges = [
            [[np.full(min(BORDER, length), s * np.inf) for s in (1, -1)] for _ in range(2)]
            for length in shape
        ]

    def add(self, planes: Floats, first: int) -> None:
        """Look at some planes, of which the first is the volume's plane `first`."""
        for z, plane in enumerate(planes, start=first):
            for end, place in enumerate((z, self._depth - 1 - z)):
                if place < len(self._ranges[0][end][0]):
                    self._widen(0, end, place, plane.min(), plane.max())
        for axis in (1, 2):
            moved = np.moveaxis(planes, axis, 0)
            for end, order in enumerate((1, -1)):
                outer = moved[::order][:BORDER]
                self._widen(axis, end, slice(None), outer.min(axis=(1, 2)), outer.max(axis=(1, 2)))

    def _widen(self, axis: int, end: int, place: int | slice, low: Any, high: Any) -> None:
        lows, highs = self._ranges[axis][end]
        lows[place], highs[place] = np.minimum(lows[place], low), np.maximum(highs[place], high)

    def constant(self, axis: int, end: int) -> Bools:
        """Tell of each plane, from the face inwards, whether it is constant."""
        lows, highs = self._ranges[axis][end]
        return np.asarray(lows == highs)


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


def _borders(faces: Sequence[_Faces], shape: Sequence[int]) -> tuple[tuple[int, int], ...]:
    found = []
    for axis, length in enumerate(shape):
        first, last = (
            _leading(np.logical_and.reduce([one.constant(axis, end) for one in faces])) for end in (0, 1)
        )
        found.append((first, last) if first + last < length else (length, 0))
    return tuple(found)


def _leading(truths: Bools) -> int:
    return int(truths.size if truths.all() else np.argmin(truths))


__all__ = ["BORDER", "EDGE", "Blocks", "measure_blocks", "typical"]
