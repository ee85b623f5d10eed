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

from napari_cryorestore.no_data.blocks import EDGE, Blocks, measure_blocks, typical
from napari_cryorestore.no_data.region import NoData, enlarged, extrapolated

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
_LOOKED_AT = 48  # blocks at a region's rim that tell how its values go on
_JUMPS = (
    0.04  # share of neighbours there that are more than one level apart, up to which a map goes on smoothly
)
_FILL = 2  # times the depth of the deepest plateau at another level: more is a fill


def find_no_data(*maps: Any) -> NoData | None:
    """Find where one map, or both halves of a tomogram, hold no data.

    No data are connected regions, slabs, borders or blocks of at least 8³ voxels, in which a map holds one
    value, whichever, or in which the difference of the halves varies by less than 1 % of what is usual.
    Single equal voxels are chance in bytes or 16-bit numbers, and so are plateaus of smooth maps with few
    levels: they stay data. Blocks of 4³ voxels are measured in one reading of the volume, a few planes at a
    time; constant regions are then told to the voxel.

    Parameters
    ----------
    *maps : array-like, shape (z, y, x)
        One map, or even and odd half; memory-mapped or not.

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
    if blocks.spread is None:
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
    if not flat.any() and not np.any(blocks.borders):
        return None
    solid = binary_opening(np.pad(flat, 1, constant_values=True), np.ones((2, 2, 2)))[1:-1, 1:-1, 1:-1] & flat
    if np.count_nonzero(flat & ~solid & ~binary_dilation(solid)) > _CHANCE * flat.size:
        flat = solid
    large = list(_large_regions(flat, blocks, maps))
    smooth = [region for region in large if region.goes_on_smoothly()]
    empty, saturated = np.zeros_like(flat), np.zeros_like(flat)
    for region in large:
        usual = [other.depth for other in smooth if other.values != region.values]
        if region in smooth and usual:  # a smooth map with few levels, of which a fill is more than a plateau
            empty[region.place] |= region.deeper_than(_FILL * max(usual))
            continue
        target = saturated if region.is_saturated() else empty
        target[region.place] |= region.here
    found = empty.any() or saturated.any() or np.any(blocks.borders)
    return _Chosen(blocks, maps, empty, saturated) if found else None


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

    def goes_on_smoothly(self) -> bool:
        """Tell whether the values at its rim lead away level by level, as where a smooth map was rounded."""
        rim = np.argwhere(self._depths == 1)
        if not len(rim):
            return False
        corner = [part.start for part in self.place]
        looked_at = rim[np.unique(np.linspace(0, len(rim) - 1, _LOOKED_AT).round().astype(int))] + corner
        return all(
            self._jumps(volume, step, looked_at) <= _JUMPS
            for volume, step in zip(self.maps, self.blocks.steps, strict=True)
        )

    @staticmethod
    def _jumps(volume: Any, step: float, looked_at: NDArray[np.intp]) -> float:
        """Return the share of neighbours more than one level apart, in and around some blocks."""
        jumps = pairs = 0
        for block in looked_at:
            around = tuple(slice(max(0, (at - 1) * EDGE), (at + 2) * EDGE) for at in block)
            voxels = np.asarray(volume[around], dtype=np.float32)
            for axis in range(3):
                change = np.abs(np.diff(voxels, axis=axis))
                jumps += int(np.count_nonzero(change > 1.5 * step))
                pairs += change.size
        return jumps / max(1, pairs)

    @property
    def depth(self) -> int:
        """How many blocks lie between its innermost one and its rim; the volume's faces are no rim."""
        return int(self._depths.max())

    def deeper_than(self, blocks: float) -> Bools:
        """Return the part of it that is made of cubes which reach more than so many blocks to all sides."""
        inner = self._depths > blocks
        reached = distance_transform_cdt(~inner, "chessboard") <= blocks if inner.any() else inner
        return np.asarray(reached & self.here)

    @cached_property
    def _depths(self) -> NDArray[Any]:
        sides = zip(self.place, self.blocks.constant.shape, strict=True)
        around = [(int(part.start > 0), int(part.stop < length)) for part, length in sides]
        wide = np.pad(self.here, around)
        depths = distance_transform_cdt(wide, "chessboard")
        inner = [slice(first, first + n) for (first, _), n in zip(around, self.here.shape, strict=True)]
        return np.asarray(depths[tuple(inner)])

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
            self._add_borders(slab, row * EDGE)
            yield from slab

    def _same_beside(self, row: int, stop: int, beside: Bools, nearest: NDArray[Any]) -> Bools:
        shape = stop - row * EDGE, *self.blocks.shape[1:]
        same = enlarged(beside[None], shape)
        for volume, low in zip(self.maps, self.blocks.low, strict=True):
            fill = enlarged(low[tuple(nearest)][None], shape)
            same &= np.asarray(volume[row * EDGE : stop], dtype=np.float32) == fill
        return same

    def _add_borders(self, slab: Bools, first: int) -> None:
        depth, height, width = self.blocks.shape
        (top, bottom), (front, back), (left, right) = self.blocks.borders
        z = np.arange(first, first + len(slab))
        slab[(z < top) | (z >= depth - bottom)] = True
        slab[:, :front] = slab[:, height - back :] = True
        slab[:, :, :left] = slab[:, :, width - right :] = True


def _with_edges(empty: Bools, blocks: Blocks) -> Bools:
    """Return the blocks without data, their soft edges, one block around them, and those of thin borders."""
    outside = empty
    if blocks.spread is not None and empty.any():
        weak = blocks.spread < np.float32(_TAPERED[0] * typical(blocks.spread, blocks.constant))
        outside = binary_dilation(empty, iterations=_TAPERED[1], mask=weak | empty)
    outside = binary_dilation(outside, np.ones((3, 3, 3))) if outside.any() else outside.copy()
    for axis, (first, last) in enumerate(blocks.borders):
        moved = np.moveaxis(outside, axis, 0)
        moved[: -(-first // EDGE)] = True
        moved[max(0, blocks.shape[axis] - last) // EDGE if last else len(moved) :] = True
    return outside


__all__ = ["SMALLEST", "find_no_data"]
