"""Cutting a volume into overlapping tiles, applying a function to each, blending them, in little memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from napari_cryorestore.data.crops import reflected
from napari_cryorestore.data.tile_plan import TilePlan, fit_tile, tile_positions
from napari_cryorestore.data.tile_sinks import TileSink
from napari_cryorestore.hardware import is_out_of_memory, release_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_cryorestore.data.corners import Triple
    from napari_cryorestore.data.crops import Box
    from napari_cryorestore.data.tile_plan import PlacedTile, TileFunction

    Floats = NDArray[np.float32]
    Group = tuple[list[PlacedTile], Floats]
    from torch import Tensor


def process_tiles(
    source: Source | Sequence[Source],
    out: Floats | TileSink,
    function: TileFunction,
    *,
    plan: TilePlan,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> int:
    """Apply a function tile by tile and blend the results; the identity gives the volume back.

    With tiles at p, the function f and weights w that sum to 1 at every voxel, out = Σ_p w_p f(source_p), or
    the mean over several sources. Held at any time: three batches of tiles, as the next one is read and the
    last one added while the function works.

    Parameters
    ----------
    source : array-like, shape (z, y, x), or several of one shape
        Memory-mapped or not; read tile by tile.
    out : array, shape (z, y, x), or TileSink
        What tiles are added to: zero at first.
    function : callable
        Takes (b, 1, *tile) float32 on the CPU and returns the same shape, on any device; b is not larger than
        the plan's batch. Tiles of several sources come together where the batch is large enough.
    plan : TilePlan
        Sizes, overlap, batch and mask. Tiles that hold nothing but one value are left alone, too.
    progress : callable, optional
        Is told the share of tiles done, up to 1; at once, too, where another process has done some.
    cancelled : callable, optional
        Returns whether to end; called before every batch.

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
    torch.OutOfMemoryError, MemoryError
        If memory runs out with a single tile.
    """
    sources: Sequence[Source] = source if isinstance(source, list | tuple) else [source]  # type: ignore[list-item]
    tiles = plan.tiles(_common_shape(sources, out.shape, plan))
    sink = out if isinstance(out, TileSink) else TileSink(out)
    worker = Worker(function, plan.batch)
    read = partial(_read_all, sources, plan=plan)

    def told() -> None:
        if progress is not None:
            progress(sink.journal.done / len(tiles))

    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        place, writing = sink.journal.done, None
        if place:
            told()
        reading = _ahead(reader, read, tiles[place:], worker.batch // len(sources))
        while reading is not None:
            if cancelled is not None and cancelled():
                raise Cancelled("The restoration was cancelled.")
            group, values = reading.result()
            place += len(group)
            reading = _ahead(reader, read, tiles[place:], worker.batch // len(sources))
            applied = _apply_where_needed(values, group, plan, worker)
            if writing is not None:
                writing.result()
                told()
            writing = writer.submit(sink.take, group, applied)
        if writing is not None:
            writing.result()
    told()
    return worker.batch


def process_box(
    source: Source,
    box: Box,
    function: TileFunction,
    *,
    plan: TilePlan,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Floats:
    """Return what `process_tiles` would write into a box, by way of the tiles that touch it.

    Arguments and errors are those of `process_tiles`; the box must lie within the volume.
    """
    tiles = [tile for tile in plan.tiles(source.shape) if tile.within(box) is not None]
    worker, done, out = Worker(function, plan.batch), 0, np.zeros(box.shape, dtype=np.float32)
    while done < len(tiles):
        if cancelled is not None and cancelled():
            raise Cancelled("The restoration was cancelled.")
        group, values = _read_all([source], tiles[done : done + worker.batch], plan=plan)
        for tile, applied in zip(group, _apply_where_needed(values, group, plan, worker), strict=True):
            tile.add_to(out, applied[0], corner=box.start)
        done += len(group)
        if progress is not None:
            progress(done / len(tiles))
    return out


class Cancelled(Exception):  # noqa: N818  a request of the user, not an error
    """The user stopped the work before it was done."""


class CancellableView:
    """A volume that can be sliced until the work is cancelled.

    Measuring a large tomogram takes seconds, reading a few planes of it a fraction of one.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        Memory-mapped or not.
    cancelled : callable
        Returns whether to end; called before every reading.
    """

    def __init__(self, volume: NDArray[Any], cancelled: Callable[[], bool]) -> None:
        self._volume, self._cancelled = volume, cancelled
        self.shape, self.ndim = volume.shape, volume.ndim
        self.size, self.dtype = volume.size, volume.dtype

    def __getitem__(self, place: Any) -> NDArray[Any]:
        if self._cancelled():
            raise Cancelled("The restoration was cancelled.")
        part: NDArray[Any] = self._volume[place]
        return part


class Source(Protocol):
    """What tiles are read from: an array, or anything else that can be sliced (z, y, x)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (z, y, x) in voxels."""
        ...

    def __getitem__(self, slices: tuple[slice, slice, slice], /) -> Any:
        """Return a block of voxels."""
        ...


def _common_shape(sources: Sequence[Source], out: tuple[int, ...], plan: TilePlan) -> Triple:
    shape = tuple(sources[0].shape)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"A volume has three axes (z, y, x), but this one has the shape {shape}.")
    for other in sources[1:]:
        if tuple(other.shape) != shape:
            raise ValueError(f"Halves must have one shape, but these have {shape} and {tuple(other.shape)}.")
    if tuple(out) != shape:
        raise ValueError(f"The output must have the volume's shape {shape}, but has {tuple(out)}.")
    if plan.mask is not None and plan.mask.shape != shape:
        raise ValueError(f"The mask must have the volume's shape {shape}, but has {plan.mask.shape}.")
    return shape[0], shape[1], shape[2]


def _ahead(
    reader: ThreadPoolExecutor, read: Callable[..., Group], tiles: list[PlacedTile], count: int
) -> Future[Group] | None:
    """Begin to read the next tiles, if there are any."""
    return reader.submit(read, tiles[: max(1, count)]) if tiles else None


def _read_all(sources: Sequence[Source], tiles: list[PlacedTile], *, plan: TilePlan) -> Group:
    """Return the tiles with what the sources hold there, (tiles, sources, z, y, x)."""
    values = np.empty((len(tiles), len(sources), *plan.sizes), dtype=np.float32)
    for tile, halves in zip(tiles, values, strict=True):
        for half, source in zip(halves, sources, strict=True):
            half[...] = _read(source, tile.start, plan.sizes)
    return tiles, values


def _apply_where_needed(
    values: Floats, tiles: Sequence[PlacedTile], plan: TilePlan, worker: Worker
) -> Floats:
    """Apply the function to those tiles that are not empty."""
    full = np.array([_is_in_mask(plan, tile) for tile in tiles])
    flat = np.array([all((half == half.flat[0]).all() for half in halves) for halves in values])
    varied = full & ~flat
    if varied.any():
        values[varied] = _applied(worker, values[varied])
    if plan.elsewhere is not None and not full.all():
        values[~full] = _applied(plan.elsewhere, values[~full])
    return values


def _applied(function: TileFunction, values: Floats) -> Floats:
    flat = torch.from_numpy(values.reshape(-1, 1, *values.shape[2:]))
    result: Floats = function(flat).numpy().reshape(values.shape)
    return result


def _is_in_mask(plan: TilePlan, tile: PlacedTile) -> bool:
    if plan.mask is None:
        return True
    z, y, x = (slice(max(0, first), first + size) for first, size in zip(tile.start, tile.sizes, strict=True))
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


class Worker:
    """Applies a function in batches that halve when memory runs out; `batch` is what has fitted so far."""

    def __init__(self, function: TileFunction, batch: int) -> None:
        self.function = function
        self.batch = batch

    def __call__(self, tiles: Tensor) -> Tensor:
        """Return the function's tiles (b, 1, z, y, x), float32 on the CPU."""
        pieces: list[Tensor] = []
        done = 0
        while done < len(tiles):
            piece = tiles[done : done + self.batch]
            result = self._attempt(piece)
            if result is None:
                self.batch = len(piece) // 2
                release_memory()
                continue
            if result.shape != piece.shape:
                raise ValueError(
                    f"The function must return tiles of the shape {tuple(piece.shape)} it is given, "
                    f"but returned {tuple(result.shape)}."
                )
            pieces.append(result)
            done += len(piece)
        return torch.cat(pieces)

    def _attempt(self, piece: Tensor) -> Tensor | None:
        """Return None when memory ran out; the failed attempt's tensors are released with this frame."""
        try:
            return self.function(piece).detach().float().cpu()
        except (RuntimeError, MemoryError) as error:
            if len(piece) == 1 or not is_out_of_memory(error):
                raise
            return None


__all__ = [
    "CancellableView",
    "Cancelled",
    "Source",
    "TilePlan",
    "TileSink",
    "Worker",
    "fit_tile",
    "process_box",
    "process_tiles",
    "tile_positions",
]
