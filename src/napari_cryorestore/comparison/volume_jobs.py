"""Opening or restoring the volume of a row, as a job for the result cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.comparison.comparison_config import RESTORED
from napari_cryorestore.comparison.result_cache import Job
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_cryorestore.comparison.comparison_config import Position, RowConfig
    from napari_cryorestore.comparison.result_cache import Watch
    from napari_cryorestore.comparison.sources import Sources
    from napari_cryorestore.comparison.volume import ComparedVolume

_KEPT = 0.25  # of a region's edge that the crosshair may go from its middle before another one is made
_NOT_THE_VOLUME = {"name", "hidden", "limits"}


class VolumeJobs:
    """Turns rows into jobs, whose keys change only when another volume is needed.

    Parameters
    ----------
    sources : Sources, optional
        What opens them; made when first needed, in the thread that needs it, as it imports PyTorch.
    """

    def __init__(self, sources: Sources | None = None) -> None:
        self._sources = sources
        self._centre: Position | None = None

    def job(self, row: RowConfig, *, region: int) -> Job:
        """Return the job of opening or restoring a row's volume.

        Parameters
        ----------
        row : RowConfig
            Any but a layer; a live one with its step.
        region : int
            Edge in voxels of what is restored around the place given to `look_at`.
        """
        centre, size = (self._centre, region) if row.kind in RESTORED else (None, 0)
        fields = [value for name, value in row if name not in _NOT_THE_VOLUME]
        key = ("row", *fields, *_stamps(row), size, centre)

        def compute(watch: Watch) -> ComparedVolume:
            from napari_cryorestore.comparison.sources import Sources, region_edge

            self._sources = self._sources or Sources()
            return self._sources.open_row(
                row,
                cursor=centre,
                region=region_edge(row, region),
                progress=watch.progress,
                cancelled=watch.cancelled,
            )

        return Job(key, compute, size=memory_of)

    def look_at(self, cursor: Position | None, regions: Iterable[tuple[ComparedVolume, int]]) -> bool:
        """Restore around the crosshair from now on, unless it lies well within what is restored already.

        Parameters
        ----------
        cursor : Position or None
            Å.
        regions : iterable
            What is restored so far, with the edge that was requested: where sides are longer or shorter, they
            are those of the tomogram.

        Returns
        -------
        bool
            Whether other regions are needed now.
        """
        regions = list(regions)
        if cursor is None or ((self._centre or regions) and not self._is_left(cursor, regions)):
            return False
        changed = cursor != self._centre
        self._centre = cursor
        return changed

    def _is_left(self, cursor: Position, regions: list[tuple[ComparedVolume, int]]) -> bool:
        return any(
            size == edge and abs(place - middle) > _KEPT * edge * voxel
            for volume, edge in regions
            if max(volume.shape) <= edge
            for place, middle, size, voxel in zip(
                cursor, self._centre or _middle(volume), volume.shape, volume.voxel_size, strict=True
            )
        )


def _middle(volume: ComparedVolume) -> Position:
    z, y, x = ((low + high) / 2 for low, high in volume.extent)
    return z, y, x


def newest_preview(run: Path) -> int | None:
    """Return the step of the newest preview in a run's folder, or ``None`` before the first one."""
    return max(RunDir(run).snapshot_steps(), default=None)


def memory_of(volume: ComparedVolume) -> int:
    """Return the bytes that a volume takes in memory; files that are mapped take none."""
    arrays: list[Any] = [volume.data, *(volume.halves or ())]
    in_memory = [array for array in arrays if isinstance(array, np.ndarray) and not _is_mapped(array)]
    return sum(array.nbytes for array in in_memory)


def _is_mapped(array: np.ndarray) -> bool:
    return isinstance(array, np.memmap) or isinstance(array.base, np.memmap)


def _stamps(row: RowConfig) -> tuple[int, ...]:
    """Tell when the files of a row were written last, so that changed ones are read again."""
    paths = [path for path in (row.path, row.even, row.odd) if path is not None and path.is_file()]
    return tuple(path.stat().st_mtime_ns for path in paths)


__all__ = ["VolumeJobs", "memory_of", "newest_preview"]
