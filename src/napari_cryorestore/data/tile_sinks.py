"""Where restored tiles go: summed to the mean of the maps and, if need be, fitted to the raw other ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.data.corners import Box
from napari_cryorestore.data.tile_journal import Journal
from napari_cryorestore.physics.normalize import Standardisation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.data.tile_plan import PlacedTile

    Floats = NDArray[np.float32]

_NONE = Standardisation(0.0, 1.0)


class TileSink:
    """Adds weighted tiles to an output: the mean of what was made of each half.

    Parameters
    ----------
    out : array, shape (z, y, x), float32
        Zero at first; may be a memory map.
    scales : sequence of Standardisation
        The units that the halves' tiles are put back into; none leaves them as they are.
    journal : Journal, optional
        Counts the tiles, so that a killed process may be followed by another.
    """

    def __init__(
        self, out: Floats, *, scales: Sequence[Standardisation] = (), journal: Journal | None = None
    ) -> None:
        self.out, self.scales = out, tuple(scales)
        self.journal = journal or Journal()
        self.shape = out.shape
        self._volume = Box((0, 0, 0), (out.shape[0], out.shape[1], out.shape[2]))

    def take(self, tiles: Sequence[PlacedTile], values: Floats) -> None:
        """Add the values (tiles, halves, z, y, x) of some tiles."""
        covered = [box.slices for tile in tiles if (box := tile.within(self._volume)) is not None]
        with self.journal.step(self.out, covered, count=len(tiles)):
            for tile, halves in zip(tiles, values, strict=True):
                self.add(tile, halves)

    def add(self, tile: PlacedTile, halves: Floats) -> None:
        """Add one tile."""
        scales = self.scales or (_NONE,) * len(halves)
        # in the files' units from here on; an own array, as the values may be the raw ones
        mean: Floats = np.zeros(halves.shape[1:], dtype=np.float32)
        for half, scale in zip(halves, scales, strict=True):
            mean += half * np.float32(scale.std / len(halves)) + np.float32(scale.mean / len(halves))
        tile.add_to(self.out, mean)


class FittingSink(TileSink):
    """Fits, besides, lines from the restored halves to the raw other ones, whose noise they do not share.

    Each voxel counts as much in every tile as the tile counts there, so once in all.

    Parameters
    ----------
    out, scales, journal
        As of `TileSink`.
    raw : sequence of arrays, shape (z, y, x)
        The raw halves.
    """

    def __init__(self, out: Floats, *, raw: Sequence[Any], **more: Any) -> None:
        super().__init__(out, **more)
        self._raw = raw
        if not self.journal.notes:
            self.journal.notes = [0.0] * 5 * len(raw)

    def add(self, tile: PlacedTile, halves: Floats) -> None:
        """Add one tile, and what its voxels say of the lines."""
        super().add(tile, halves)
        box = tile.within(self._volume)
        if box is None:
            return
        here, window = tile.window(box)
        sums = np.array(self.journal.notes).reshape(len(self._raw), 5)
        for index, (half, scale) in enumerate(zip(halves, self.scales, strict=True)):
            for planes in zip(window, half[here], self._raw[index - 1][box.slices], strict=True):
                w, x, y = (np.asarray(plane, dtype=np.float64) for plane in planes)
                x = scale.invert(x).astype(np.float64)
                sums[index] += [w.sum(), (w * x).sum(), (w * y).sum(), (w * x * x).sum(), (w * x * y).sum()]
        self.journal.notes = sums.ravel().tolist()

    def line(self) -> tuple[float, float]:
        """Return slope and offset of the least-squares lines y ≈ a x + b, on average over the halves."""
        lines = [_line(*sums) for sums in np.array(self.journal.notes).reshape(-1, 5)]
        slope, offset = np.mean(lines, axis=0)
        return float(slope), float(offset)


def _line(n: float, x: float, y: float, xx: float, xy: float) -> tuple[float, float]:
    """Return slope a and offset b from sums; 1 and the shift if x is flat."""
    variance = xx / n - (x / n) ** 2
    slope = (xy / n - x * y / n**2) / variance if variance > 0 else 1.0
    return slope, y / n - slope * x / n


__all__ = ["FittingSink", "TileSink"]
