"""Finding the regions of a tomogram that hold no data, in one reading of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import (
    binary_dilation,
    binary_opening,
    distance_transform_cdt,
    distance_transform_edt,
    find_objects,
    label,
    minimum_filter,
)

from napari_cryorestore.no_data.blocks import COARSE, EDGE, Blocks, measure_blocks, typical
from napari_cryorestore.no_data.empty_voxels import NoData, enlarged, extrapolated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.no_data.blocks import Bools, Floats

SMALLEST = 8
"""Edge in voxels of the smallest cube that counts as no data; smaller ones may be saturated or chance."""

_VARIANCE = 0.01  # share of the usual variance of the halves' difference, below which nothing was measured
_GAP = (0.04, 0.5)  # up to this share, at most so many blocks per one below _VARIANCE: a fill stands apart
_SAME = 0.9  # share of the blocks that are not constant, beyond which equal halves are one volume
_TAPERED = (0.5, 4)  # share of the usual variance below which, for so many blocks, a fill's soft edge goes on
_LARGE = 16  # blocks that make a region large without a closer look
_CHANCE = 0.002  # share of blocks that are constant outside solid regions, from which on chance makes them
_NEAR = 3  # voxels to look beyond the constant blocks of a small region
_FLANK = 0.3  # share of its depth that the voxels around a saturated bead reach on average
_LARGEST_BEAD = 64  # voxels across: what saturates is small
_SOLID = (0.3, 0.9)  # of the blocks so deep, and of that share squared one block above: chance falls faster
_KERNEL = 64  # blocks deeper than chance that lie together, from which on they are a fill
_FAR = 8  # levels away from the usual ones, from which on values of coarse maps may be saturated


def find_no_data(*maps: Any) -> NoData | None:
    """Find where one map, or both halves of a tomogram, hold no data.

    No data are connected regions, slabs, borders or blocks of at least 8³ voxels, in which a map holds one
    value, whichever, or in which the difference of the halves varies by less than 1 % of what is usual.
    Single equal voxels are chance in bytes or 16-bit numbers, and so are plateaus of maps with few levels:
    they stay data. Whole planes that hold one value are no data, however few. Blocks of 4³ voxels are
    measured in one reading of the volume, a few planes at a time; constant regions are then told to the
    voxel.

    Parameters
    ----------
    *maps : array-like, shape (z, y, x)
        One map, two halves or more parts; memory-mapped or not.

    Returns
    -------
    NoData or None
        None if there are data everywhere, or nowhere.

    Raises
    ------
    ValueError
        If there are no maps, or their shapes differ.
    """
    if not maps or len({tuple(volume.shape) for volume in maps}) != 1:
        raise ValueError(f"Give one map or two halves of one shape, not {[v.shape for v in maps]}.")
    with np.errstate(invalid="ignore", over="ignore"):  # not finite: whoever measures the voxels refuses it
        blocks = measure_blocks(maps)
        chosen = list(_looks(blocks, maps))
    if not chosen:
        return None
    outside = np.logical_or.reduce([_with_edges(one.empty, one.blocks) for one in chosen])
    beads = np.logical_or.reduce([one.saturated for one in chosen])
    left_out = outside | binary_dilation(beads, np.ones((3, 3, 3)))
    if left_out.all():  # so little is left that its surroundings must count
        outside = left_out = np.logical_or.reduce([one.empty for one in chosen])
        if left_out.all():
            return None
    packed, alone = _to_the_voxel(chosen, blocks)
    return NoData(
        shape=blocks.shape,
        packed=packed,
        share=_share(packed, blocks),
        alone=alone,
        outside=outside,
        left_out=left_out,
        means=tuple(extrapolated(mean, ~left_out) for mean in blocks.means),
    )


@dataclass(frozen=True)
class _Chosen:
    """Blocks of one or both maps without data, and blocks that hold nothing but saturated ones."""

    blocks: Blocks
    maps: Sequence[Any]
    empty: Bools
    saturated: Bools

    def packed(self) -> NDArray[np.uint8]:
        """Return a bit for every voxel, set where there are no data."""
        fine = _Voxels(self.maps, self.blocks, self.empty & self.blocks.constant, self.empty)
        return np.stack([np.packbits(plane, axis=-1) for plane in fine.planes()])


def _looks(blocks: Blocks, maps: Sequence[Any]) -> Iterator[_Chosen]:
    """Choose what holds no data in both halves, and then in one of them alone; or in the one map there is."""
    both = _regions(_flat(blocks), blocks, maps)
    if both is not None:
        yield both
    known = np.zeros_like(blocks.constant) if both is None else both.empty | both.saturated
    for one, half in zip(blocks.alone, maps, strict=False):
        if not one.constant.all() and (found := _regions(one.constant & ~known, one, [half])) is not None:
            yield found


def _to_the_voxel(chosen: Sequence[_Chosen], blocks: Blocks) -> tuple[NDArray[np.uint8], tuple[float, ...]]:
    """Return the bits of all that is no data, and the share that is so in one of two halves alone."""
    bits = [one.packed() for one in chosen]
    packed = np.bitwise_or.reduce(bits)
    alone = []
    for half in blocks.alone:
        others = [part for one, part in zip(chosen, bits, strict=True) if one.blocks is not half]
        elsewhere = np.bitwise_or.reduce(others) if others else np.zeros_like(packed)
        alone.append(_share(packed & ~elsewhere, blocks))
    return packed, tuple(alone)


def _share(packed: NDArray[np.uint8], blocks: Blocks) -> float:
    return float(np.bitwise_count(packed).sum(dtype=np.int64)) / float(np.prod(blocks.shape))


def _flat(blocks: Blocks) -> Bools:
    """Tell which blocks hold nothing that was measured."""
    if blocks.spread is None or blocks.bare > COARSE:
        return blocks.constant
    share = blocks.spread / np.float32(typical(blocks.spread, blocks.constant) or 1.0)
    even = share < _VARIANCE
    if np.count_nonzero(even & ~blocks.constant) > _SAME * np.count_nonzero(~blocks.constant):
        return blocks.constant  # the same volume twice, which is another matter
    between = np.count_nonzero((share >= _VARIANCE) & (share < _GAP[0]))
    # halves that were smoothed or denoised agree more or less everywhere, and nothing stands apart
    stands_apart = between <= _GAP[1] * np.count_nonzero(even)
    return blocks.constant | even if stands_apart else blocks.constant


def _regions(flat: Bools, blocks: Blocks, maps: Sequence[Any]) -> _Chosen | None:
    """Return the connected regions that are large enough, saturated ones apart; None if there are none."""
    if not flat.any() and not _any_plane(blocks):
        return None
    solid = binary_opening(np.pad(flat, 1, constant_values=True), np.ones((2, 2, 2)))[1:-1, 1:-1, 1:-1] & flat
    if np.count_nonzero(flat & ~solid & ~binary_dilation(solid)) > _CHANCE * flat.size:
        flat = solid
    if blocks.bare > COARSE:
        return _of_coarse(flat, blocks, maps)
    empty, saturated = np.zeros_like(flat), np.zeros_like(flat)
    for region in _large_regions(flat, blocks, maps):
        target = saturated if region.is_saturated() else empty
        target[region.place] |= region.here
    found = empty.any() or saturated.any() or _any_plane(blocks)
    return _Chosen(blocks, maps, empty, saturated) if found else None


def _of_coarse(flat: Bools, blocks: Blocks, maps: Sequence[Any]) -> _Chosen | None:
    """Return the regions of maps with so few levels that plateaus are chance: what is deeper than those."""
    saturated = np.zeros_like(flat)
    for region in _large_regions(flat, blocks, maps):
        if region.stands_out() and region.is_saturated():
            saturated[region.place] |= region.here
    empty = _deeper_than_chance(flat & ~saturated)
    found = empty.any() or saturated.any() or _any_plane(blocks)
    return _Chosen(blocks, maps, empty, saturated) if found else None


def _deeper_than_chance(flat: Bools) -> Bools:
    """Return what of some blocks is made of cubes larger than chance makes them.

    By chance, each depth is reached by a much smaller share of the blocks above it than the depth before;
    where a fill begins, that share no longer falls. The volume's faces are no rim.
    """
    if flat.all():
        return flat
    depths = distance_transform_cdt(flat, "chessboard")
    deeper = [np.count_nonzero(depths > depth) for depth in range(int(depths.max()) + 1)]
    least, falling = _SOLID
    for limit, (above, one, here) in enumerate(zip(deeper, deeper[1:], deeper[2:], strict=False), start=2):
        if here >= max(least * one, falling * one**3 / above**2):
            names, _ = label(depths > limit)
            large = np.isin(names, np.flatnonzero(np.bincount(names.ravel()) >= _KERNEL)) & (names > 0)
            reached = distance_transform_cdt(~large, "chessboard") <= limit if large.any() else large
            return np.asarray(reached & flat)
    return np.zeros_like(flat)


def _any_plane(blocks: Blocks) -> bool:
    return any(planes.any() for planes in blocks.planes)


def _large_regions(flat: Bools, blocks: Blocks, maps: Sequence[Any]) -> Iterator[_Region]:
    names, _ = label(flat)
    sizes = np.bincount(names.ravel())
    for name, place in enumerate(find_objects(names), start=1):
        region = _Region(place, names[place] == name, maps, blocks)
        if sizes[name] >= _LARGE or region.holds_a_cube():
            yield region


@dataclass(frozen=True, eq=False)
class _Region:
    """A connected region of flat blocks, to be looked at more closely where it is small."""

    place: tuple[slice, ...]
    here: Bools
    maps: Sequence[Any]
    blocks: Blocks

    def holds_a_cube(self) -> bool:
        """Tell whether a cube of the smallest size fits into it, counted in voxels."""
        equal, _ = self._equal()
        return bool(minimum_filter(equal, SMALLEST, mode="constant", cval=0)[self._inner(equal)].any())

    def is_saturated(self) -> bool:
        """Tell whether it is the flat top of a bead: at an end of the range, with flanks that lead there."""
        sides = [(part.stop - part.start) * EDGE for part in self.place]
        if max(sides) > _LARGEST_BEAD:
            return False
        equal, voxels = self._equal()
        ring = binary_dilation(equal, iterations=1) & ~equal
        if not ring.any():
            return False
        known = zip(self.values, self.blocks.extremes, self.blocks.means, voxels, strict=True)
        for value, ends, means, one in known:
            usual, flank = float(np.median(means)), float(one[ring].mean())
            if value not in ends or abs(flank - usual) < _FLANK * abs(value - usual):
                return False
        return True

    def stands_out(self) -> bool:
        """Tell whether its values lie many levels away from the usual ones."""
        usual = (float(np.median(means)) for means in self.blocks.means)
        known = zip(self.values, usual, self.blocks.steps, strict=True)
        return all(abs(value - middle) > _FAR * step for value, middle, step in known)

    @cached_property
    def values(self) -> tuple[float, ...]:
        """Return what each map holds in the first of its blocks, of constant ones if there are any."""
        constant = self.blocks.constant[self.place] & self.here
        first = tuple(index[0] for index in np.nonzero(constant if constant.any() else self.here))
        return tuple(float(low[self.place][first]) for low in self.blocks.low)

    def _equal(self) -> tuple[Bools, list[Floats]]:
        """Return which voxels in and around it hold its value in every map, and the maps there."""
        around = tuple(
            slice(max(0, part.start * EDGE - _NEAR), min(length, part.stop * EDGE + _NEAR))
            for part, length in zip(self.place, self.blocks.shape, strict=True)
        )
        voxels = [np.asarray(volume[around], dtype=np.float32) for volume in self.maps]
        same = [one == value for one, value in zip(voxels, self.values, strict=True)]
        return np.logical_and.reduce(same), voxels

    @staticmethod
    def _inner(equal: Bools) -> tuple[slice, ...]:
        """Return where a cube lies whole inside: the filter's window reaches half a cube to both sides."""
        half = SMALLEST // 2
        return tuple(slice(half, length - half + 1) for length in equal.shape)


@dataclass(frozen=True)
class _Voxels:
    """The regions to the voxel: blocks, and what holds the same values beside constant ones."""

    maps: Sequence[Any]
    blocks: Blocks
    constant: Bools
    empty: Bools

    def planes(self) -> Iterator[Bools]:
        """Yield one plane (y, x) after the other, True where there are no data."""
        beside = binary_dilation(self.constant, np.ones((3, 3, 3))) & ~self.empty
        nearest: NDArray[Any] | None = None
        if beside.any():
            nearest = distance_transform_edt(~self.constant, return_distances=False, return_indices=True)
        for row in range(self.empty.shape[0]):
            stop = min(self.blocks.shape[0], (row + 1) * EDGE)
            slab = enlarged(self.empty[row : row + 1], (stop - row * EDGE, *self.blocks.shape[1:]))
            if nearest is not None and beside[row].any():
                slab |= self._same_beside(row, stop, beside[row], nearest[:, row])
            z, y, x = self.blocks.planes
            slab |= z[row * EDGE : stop, None, None] | y[:, None] | x
            yield from slab

    def _same_beside(self, row: int, stop: int, beside: Bools, nearest: NDArray[Any]) -> Bools:
        shape = stop - row * EDGE, *self.blocks.shape[1:]
        same = enlarged(beside[None], shape)
        for volume, low in zip(self.maps, self.blocks.low, strict=True):
            fill = enlarged(low[tuple(nearest)][None], shape)
            same &= np.asarray(volume[row * EDGE : stop], dtype=np.float32) == fill
        return same


def _with_edges(empty: Bools, blocks: Blocks) -> Bools:
    """Return the blocks without data, their soft edges, one block around them, and those of whole planes."""
    outside = empty
    if blocks.spread is not None and empty.any():
        weak = blocks.spread < np.float32(_TAPERED[0] * typical(blocks.spread, blocks.constant))
        outside = binary_dilation(empty, iterations=_TAPERED[1], mask=weak | empty)
    outside = binary_dilation(outside, np.ones((3, 3, 3))) if outside.any() else outside.copy()
    for axis, planes in enumerate(blocks.planes):
        np.moveaxis(outside, axis, 0)[np.flatnonzero(planes) // EDGE] = True
    return outside


__all__ = ["SMALLEST", "find_no_data"]
