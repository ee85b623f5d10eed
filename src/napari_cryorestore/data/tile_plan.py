"""How a volume is tiled: where tiles lie, and what each weighs at every voxel that it covers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.data.corners import Box, Triple, triple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    TileFunction = Callable[[Tensor], Tensor]
    Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PlacedTile:
    """One of the tiles of a plan.

    Attributes
    ----------
    start : (int, int, int)
        Its first voxel; may lie before the volume's.
    weights : three arrays
        How much it counts along z, y and x.
    """

    start: Triple
    weights: tuple[Floats, Floats, Floats]

    @property
    def sizes(self) -> Triple:
        """Its sizes (z, y, x) in voxels."""
        z, y, x = self.weights
        return len(z), len(y), len(x)

    def within(self, box: Box) -> Box | None:
        """Return the voxels of a box that it covers, counted as the box is; ``None`` if there are none."""
        first = [max(low, start) for low, start in zip(box.start, self.start, strict=True)]
        last = [min(n, a + size) for n, a, size in zip(box.stop, self.start, self.sizes, strict=True)]
        if any(stop <= start for start, stop in zip(first, last, strict=True)):
            return None
        return Box((first[0], first[1], first[2]), (last[0], last[1], last[2]))

    def window(self, box: Box) -> tuple[tuple[slice, slice, slice], Floats]:
        """Return where a box of voxels that it covers lies in it, and how much it counts there (z, y, x)."""
        here = _moved(box, self.start)
        z, y, x = (weight[part] for weight, part in zip(self.weights, here, strict=True))
        return here, z[:, None, None] * (y[:, None] * x)

    def add_to(self, out: Floats, values: Floats, *, corner: Triple = (0, 0, 0)) -> None:
        """Add its weighted values (z, y, x) to an array whose first voxel is `corner`."""
        z, y, x = corner
        box = self.within(Box(corner, (z + out.shape[0], y + out.shape[1], x + out.shape[2])))
        if box is not None:
            here, window = self.window(box)
            out[_moved(box, corner)] += values[here] * window


@dataclass(frozen=True)
class TilePlan:
    """How a volume is tiled.

    Attributes
    ----------
    tile : int or (int, int, int)
        Sizes of a tile in voxels.
    margin : int
        Half the least overlap of neighbours, in voxels, and how far tiles reach into the reflected borders.
        A tile's weight rises as a Hann window does, from 0 to 1 over twice the margin.
    align : int
        Tiles lie a multiple of this many voxels apart. A network that halves its maps treats places within a
        coarse voxel differently; tiles that agree on the places agree where they overlap.
    batch : int
        Tiles handed over at once.
    mask : array-like of bool, shape (z, y, x), optional
        Tiles without any True voxel are left alone.
    elsewhere : callable, optional
        What is done to those tiles instead, e.g. ``torch.zeros_like``; they are copied unless given.

    Raises
    ------
    ValueError
        If there is no room between the margins of a tile, or the batch is empty.
    """

    tile: int | Triple
    margin: int
    align: int = 1
    batch: int = 1
    mask: Any = field(default=None, compare=False)
    elsewhere: TileFunction | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.margin < 0 or min(self.sizes) <= 2 * self.margin:
            raise ValueError(
                f"A tile of {self.sizes} voxels has no room between margins of {self.margin} voxels; "
                "use a larger tile or a smaller margin."
            )
        if self.batch < 1:
            raise ValueError(f"The batch must hold at least one tile, but holds {self.batch}.")

    @property
    def sizes(self) -> Triple:
        """Sizes (z, y, x) of a tile in voxels."""
        return triple(self.tile)

    def positions(self, shape: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """Return where tiles start along z, y and x of a volume.

        They are as few as overlap by at least twice the margin, lie evenly, and reach at least the margin
        beyond the first and the last voxel.
        """
        return tile_positions(shape, self.sizes, self.margin, self.align)

    def tiles(self, shape: Sequence[int]) -> list[PlacedTile]:
        """Return the tiles of a volume in the order in which they are worked on, x running fastest.

        Their weights sum to 1 at every voxel and vanish outside.
        """
        rows = self.positions(shape)
        weights = [axis_weights(*item, self.margin) for item in zip(rows, self.sizes, shape, strict=True)]
        z, y, x = (list(zip(*axis, strict=True)) for axis in zip(rows, weights, strict=True))
        return [PlacedTile((a, b, c), (u, v, w)) for (a, u), (b, v), (c, w) in product(z, y, x)]


def fit_tile(shape: Sequence[int], *, tile: int, margin: int, size_multiple: int, minimum: int = 1) -> Triple:
    """Choose the sizes of a tile that a network uses best.

    Parameters
    ----------
    shape : (int, int, int)
        Of the volume.
    tile : int
        The largest edge to take.
    margin : int
        See `TilePlan`; it is kept, so a `tile` too small for it is exceeded.
    size_multiple : int
        Of the network, and what tiles are aligned to.
    minimum : int
        The smallest size that the network takes.

    Returns
    -------
    (int, int, int)
        Multiples of `size_multiple`, no larger than as many tiles as are needed anyway must be.
    """
    least = _multiple_from(max(2 * margin + size_multiple, minimum), size_multiple)
    largest = max(least, tile // size_multiple * size_multiple)
    lowest = _multiple_from(minimum, size_multiple)
    z, y, x = (max(lowest, _axis_tile(size, largest, margin, size_multiple)) for size in shape)
    return z, y, x


def tile_positions(
    shape: Sequence[int], tile: int | Triple, margin: int, align: int = 1
) -> tuple[list[int], list[int], list[int]]:
    """Return where tiles start along z, y and x; see `TilePlan.positions`."""
    z, y, x = (_axis_positions(n, size, margin, align) for n, size in zip(shape, triple(tile), strict=True))
    return z, y, x


def _axis_tile(size: int, largest: int, margin: int, multiple: int) -> int:
    if size + 2 * margin <= largest:
        return _multiple_from(size + 2 * margin, multiple)
    stride = (largest - 2 * margin) // multiple * multiple
    stride = _multiple_from(math.ceil(size / math.ceil(size / stride)), multiple)
    return _multiple_from(stride + 2 * margin, multiple)


def _axis_positions(size: int, tile: int, margin: int, align: int) -> list[int]:
    if size + 2 * margin <= tile:
        return [(size - tile) // 2]
    own = tile - 2 * margin  # voxels that a tile gains over its neighbour, at most
    most = max(1, own // align * align)
    count = math.ceil((size - own) / most) + 1
    stride = min(most, _multiple_from(math.ceil((size - own) / (count - 1)), align))
    beyond = (count - 1) * stride + own - size
    return [index * stride - margin - beyond // 2 for index in range(count)]


def axis_weights(starts: list[int], tile: int, size: int, margin: int) -> list[NDArray[np.float32]]:
    """Return each tile's weights along one axis; they sum to 1 at every voxel of the volume."""
    offsets = np.arange(tile)
    border = np.minimum(offsets, offsets[::-1]) + 0.5
    ramp = np.sin(0.5 * np.pi * np.minimum(border / max(2 * margin, 0.5), 1)) ** 2
    total = np.zeros(size)
    inside = [slice(max(0, -start), min(tile, size - start)) for start in starts]
    for start, part in zip(starts, inside, strict=True):
        total[start + part.start : start + part.stop] += ramp[part]
    weights = []
    for start, part in zip(starts, inside, strict=True):
        weight = np.zeros(tile, dtype=np.float32)
        weight[part] = ramp[part] / total[start + part.start : start + part.stop]
        weights.append(weight)
    return weights


def _multiple_from(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _moved(box: Box, origin: Triple) -> tuple[slice, slice, slice]:
    z, y, x = (slice(a - o, b - o) for a, b, o in zip(box.start, box.stop, origin, strict=True))
    return z, y, x


__all__ = ["PlacedTile", "TilePlan", "axis_weights", "fit_tile", "tile_positions"]
