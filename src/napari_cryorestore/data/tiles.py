"""Cutting a volume into overlapping tiles and mending them: exact twins, within bounded memory."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from napari_cryorestore.data.crops import reflected
from napari_cryorestore.data.tile_plan import TilePlan, fit_tile, tile_positions
from napari_cryorestore.data.tile_worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_cryorestore.data.corners import Triple
    from napari_cryorestore.data.crops import Box
    from napari_cryorestore.data.tile_plan import TileFunction

    Floats = NDArray[np.float32]


class Cancelled(Exception):  # noqa: N818  a wish of the user, not an error
    """The user stopped the work before it was done."""


class Source(Protocol):
    """What tiles are read from: an array, or anything else that can be sliced (z, y, x)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (z, y, x) in voxels."""
        ...

    def __getitem__(self, slices: tuple[slice, slice, slice], /) -> Any:
        """Return a block of voxels."""
        ...


class Sink(Protocol):
    """What finished planes are written to, each plane once and in order: an array, or anything like it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (z, y, x) in voxels."""
        ...

    def __setitem__(self, planes: slice, values: NDArray[np.float32], /) -> None:
        """Copy the planes (n, y, x) of a slice along z; they are overwritten afterwards."""
        ...


def process_tiles(
    source: Source,
    out: Sink,
    function: TileFunction,
    *,
    plan: TilePlan,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> int:
    """Apply a function tile by tile and blend the results; the identity gives the volume back.

    With tiles at p, the function f and weights w that sum to 1 at every voxel, out = Σ_p w_p f(source_p).
    Held at any time: a batch of tiles and as many planes (float32) as a tile is thick.

    Parameters
    ----------
    source : array-like, shape (z, y, x)
        Memory-mapped or not; read tile by tile.
    out : array-like, shape (z, y, x)
        Written in slabs of finished planes, from the first to the last.
    function : callable
        Takes (b, 1, *tile) float32 on the CPU and returns the same shape, on any device; b may be smaller
        than the plan's batch.
    plan : TilePlan
        Sizes, overlap, batch and mask.
    progress : callable, optional
        Is told the share of tiles done, up to 1.
    cancelled : callable, optional
        Is asked before every batch.

    Returns
    -------
    int
        The batch that fitted into memory: the plan's, halved as often as memory ran out.

    Raises
    ------
    Cancelled
        If `cancelled` says so.
    ValueError
        If shapes do not match.
    torch.OutOfMemoryError
        If memory runs out with a single tile.
    """
    shape = _common_shape(source, out, plan)
    rows, weights = plan.positions(shape), plan.weights(shape)
    worker = Worker(function, plan.batch)
    across = list(product(range(len(rows[1])), range(len(rows[2]))))
    slab = _Slab(out, plan.sizes[0], shape)
    for i, z in enumerate(rows[0]):
        slab.advance(z)
        for done, group in _groups(across, worker):
            if cancelled is not None and cancelled():
                raise Cancelled("The restoration was cancelled.")
            starts = [(z, rows[1][j], rows[2][k]) for j, k in group]
            mended = _process(source, starts, plan, worker)
            for start, (j, k), values in zip(starts, group, mended, strict=True):
                slab.add(start, values, (weights[0][i], weights[1][j], weights[2][k]))
            if progress is not None:
                progress((i + done / len(across)) / len(rows[0]))
    slab.advance(shape[0])
    return worker.batch


def process_box(
    source: Source,
    box: Box,
    function: TileFunction,
    *,
    plan: TilePlan,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Return what `process_tiles` would write into a box, by way of the tiles that touch it.

    Arguments and errors are those of `process_tiles`; the box must lie within the volume.
    """
    shape = tuple(source.shape)
    rows, weights = plan.positions(shape), plan.weights(shape)
    touched = [
        [i for i, start in enumerate(row) if start < high and start + size > low]
        for row, size, low, high in zip(rows, plan.sizes, box.start, box.stop, strict=True)
    ]
    tiles = list(product(*touched))
    worker, done, out = Worker(function, plan.batch), 0, np.zeros(box.shape, dtype=np.float32)
    while done < len(tiles):
        if cancelled is not None and cancelled():
            raise Cancelled("The restoration was cancelled.")
        group = tiles[done : done + worker.batch]
        starts = [(rows[0][i], rows[1][j], rows[2][k]) for i, j, k in group]
        mended = _process(source, starts, plan, worker)
        for start, tile, (i, j, k) in zip(starts, mended, group, strict=True):
            _add_part(out, box, start, tile, (weights[0][i], weights[1][j], weights[2][k]))
        done += len(group)
        if progress is not None:
            progress(done / len(tiles))
    return out


def _add_part(out: Floats, box: Box, start: Triple, tile: Floats, weights: tuple[Floats, ...]) -> None:
    """Add the part of a weighted tile that lies in the box."""
    firsts = [max(low, first) for low, first in zip(box.start, start, strict=True)]
    lasts = [min(n, f + size) for n, f, size in zip(box.stop, start, tile.shape, strict=True)]
    z, y, x = (slice(a - f, b - f) for a, b, f in zip(firsts, lasts, start, strict=True))
    window = weights[0][z, None, None] * (weights[1][y, None] * weights[2][x])
    at = tuple(slice(a - low, b - low) for a, b, low in zip(firsts, lasts, box.start, strict=True))
    out[at] += tile[z, y, x] * window


class _Slab:
    """Accumulates the planes that the tiles of one row along z touch, and writes those that are finished."""

    def __init__(self, out: Sink, thickness: int, shape: Triple) -> None:
        self.out = out
        self.start = 0
        self.planes = np.zeros((min(thickness, shape[0]), *shape[1:]), dtype=np.float32)

    def advance(self, start: int) -> None:
        """Write the planes before `start` and make room for later ones."""
        finished = max(0, start - self.start)
        if finished == 0:
            return
        self.out[self.start : self.start + finished] = self.planes[:finished]
        kept = len(self.planes) - finished
        for plane in range(kept):  # one by one, as overlapping slices would be copied as a whole
            self.planes[plane] = self.planes[plane + finished]
        self.planes[kept:] = 0
        self.start += finished

    def add(self, start: Triple, tile: NDArray[np.float32], weights: tuple[NDArray[np.float32], ...]) -> None:
        """Add a tile, less what lies outside the volume."""
        shape = (self.start + len(self.planes), *self.planes.shape[1:])
        firsts = [max(0, -first) for first in start]
        lasts = [
            min(length, size - first) for length, size, first in zip(tile.shape, shape, start, strict=True)
        ]
        z, y, x = (slice(a, b) for a, b in zip(firsts, lasts, strict=True))
        window = weights[0][z, None, None] * (weights[1][y, None] * weights[2][x])
        at = tuple(slice(f + a, f + b) for f, a, b in zip(start, firsts, lasts, strict=True))
        self.planes[at[0].start - self.start : at[0].stop - self.start, at[1], at[2]] += (
            tile[z, y, x] * window
        )


def _common_shape(source: Source, out: Sink, plan: TilePlan) -> Triple:
    shape = tuple(source.shape)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"A volume has three axes (z, y, x), but this one has the shape {shape}.")
    if tuple(out.shape) != shape:
        raise ValueError(f"The output must have the volume's shape {shape}, but has {tuple(out.shape)}.")
    if plan.mask is not None and plan.mask.shape != shape:
        raise ValueError(f"The mask must have the volume's shape {shape}, but has {plan.mask.shape}.")
    return shape[0], shape[1], shape[2]


def _groups(items: list[tuple[int, int]], worker: Worker) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield batches, as large as the worker has found possible by then, and the number done after each."""
    done = 0
    while done < len(items):
        group = items[done : done + worker.batch]
        done += len(group)
        yield done, group


def _process(source: Source, starts: list[Triple], plan: TilePlan, worker: Worker) -> NDArray[np.float32]:
    tiles = np.stack([_read(source, start, plan.sizes) for start in starts])
    wanted = np.array([_is_wanted(plan, start) for start in starts])
    if wanted.any():
        tiles[wanted] = _applied(worker, tiles[wanted])
    if plan.elsewhere is not None and not wanted.all():
        tiles[~wanted] = _applied(plan.elsewhere, tiles[~wanted])
    return tiles


def _applied(function: TileFunction, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = function(torch.from_numpy(tiles)[:, None])[:, 0].numpy()
    return result


def _is_wanted(plan: TilePlan, start: Triple) -> bool:
    if plan.mask is None:
        return True
    z, y, x = (slice(max(0, first), first + size) for first, size in zip(start, plan.sizes, strict=True))
    return bool(np.any(plan.mask[z, y, x]))


def _read(source: Source, start: Triple, sizes: Triple) -> NDArray[np.float32]:
    """Read one tile, reflected at the borders."""
    indices = [
        reflected(torch.arange(first, first + size), length).numpy()
        for first, size, length in zip(start, sizes, source.shape, strict=True)
    ]
    lowest = [int(axis.min()) for axis in indices]
    z, y, x = (slice(low, int(axis.max()) + 1) for low, axis in zip(lowest, indices, strict=True))
    block = np.asarray(source[z, y, x], dtype=np.float32)
    if block.shape == sizes:
        return block
    tile: NDArray[np.float32] = block[
        np.ix_(*(axis - low for axis, low in zip(indices, lowest, strict=True)))
    ]
    return tile


__all__ = [
    "Cancelled", "Sink", "Source", "TilePlan", "fit_tile", "process_box", "process_tiles", "tile_positions",
]  # fmt: skip
