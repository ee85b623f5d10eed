"""From a row's settings to its volume: files, halves, and runs at a step."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.checkpoint import load_label
from napari_cryorestore.comparison.comparison_config import RESTORED
from napari_cryorestore.comparison.foreign import binning, matched, voxel_sizes
from napari_cryorestore.comparison.programs import program_of
from napari_cryorestore.comparison.recorded import is_raw, tilts_recorded
from napari_cryorestore.comparison.region import Region, RegionRestorer
from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.data.binning import binned, binned_for
from napari_cryorestore.data.imaging import MeanOfMaps
from napari_cryorestore.examination import examine
from napari_cryorestore.io.halves import require_equal_shapes
from napari_cryorestore.io.tomogram import Tomogram, open_configured, open_tomogram
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import METHODS, Method
from napari_cryorestore.restoration.weights import chosen_weights
from napari_cryorestore.restore_config import ModelRef
from napari_cryorestore.run_config import RunConfig, TomogramConfig
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.runs.trained_on import TrainedOn
from napari_cryorestore.training.preview import preview_box

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.comparison.comparison_config import Position, RowConfig
    from napari_cryorestore.examination import Examination
    from napari_cryorestore.io.volume_format import Volume
    from napari_cryorestore.recording import Recording
    from napari_cryorestore.runs.chosen_step import WhichStep

FILTER_REGION = 256
"""Voxels along an edge for which a method without a network takes seconds: small tomograms are done whole."""


class Sources:
    """Opens the volumes that rows name, and measures once what all regions of a tomogram need.

    Parameters
    ----------
    hardware : DeviceConfig
        What restores regions.
    """

    def __init__(
        self,
        hardware: DeviceConfig = DeviceConfig(),  # noqa: B008  it is frozen
    ) -> None:
        self._hardware = hardware
        self._tomograms: dict[str, Tomogram] = {}
        self._restorers: dict[tuple[str, int], RegionRestorer] = {}
        self._steps = _RowSteps()
        self._lock = threading.Lock()

    def open_row(
        self,
        row: RowConfig,
        *,
        cursor: Position | None = None,
        region: int = 128,
        progress: Callable[[float], None] = lambda share: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> ComparedVolume:
        """Return the volume of a row; only that of a run at a step or of a method is computed.

        Parameters
        ----------
        row : RowConfig
            Which volume.
        cursor : Position, optional
            Å; the middle of what is restored. The tomogram's middle if not given.
        region : int
            Edge of what is restored, in voxels; a tomogram that has no more of them is restored whole.
        progress : callable
            Called with the share restored, 0 to 1.
        cancelled : callable
            Called before every batch of tiles; true to stop.

        Returns
        -------
        ComparedVolume
            Under the row's name.

        Raises
        ------
        Cancelled
            If `cancelled` says so.
        ValueError, OSError, MemoryError
            If there is no such volume, with what to do about it.
        """
        if row.kind in RESTORED:
            volume = self._region(row, cursor, region, progress=progress, cancelled=cancelled)
        elif row.kind == "mean":
            volume = _mean(row)
        elif row.kind == "result":
            volume = _result(row)
        elif row.kind == "live":
            volume = _newest_preview(row)
        else:
            volume = _file(row)
        return replace(volume, name=row.name)

    def voxel_size_of(self, row: RowConfig) -> Position:
        """Return a row's voxel size (z, y, x in Å) without restoring anything; errors as for `open_row`."""
        if row.kind in RESTORED:
            return (self._restorer(row).tomogram.voxel_size,) * 3
        return self.open_row(row).voxel_size

    def _region(self, row: RowConfig, cursor: Position | None, size: int, **more: Any) -> ComparedVolume:
        restorer = self._restorer(row)
        model = self._model(row)
        tomogram = restorer.tomogram
        if np.prod(tomogram.shape) <= size**3:  # a thin tomogram takes no longer than a region
            size = max(tomogram.shape)
        place = Region(_voxel(tomogram, cursor), size)
        box = place.within(tomogram.shape)
        key = f"{model!r}|{_identity(row)}|{box.start}|{box.stop}"
        return replace(restorer.restore(model, place, **more), key=key)

    def _model(self, row: RowConfig) -> ModelRef:
        if row.kind == "method":
            return ModelRef(method=row.method)
        return ModelRef(weights=_given(row.path), step=self._steps.of(row))

    def _restorer(self, row: RowConfig) -> RegionRestorer:
        key = _identity(row)
        with self._lock:
            if key not in self._tomograms:
                self._tomograms[key] = _tomogram(row)
            tomogram = binned_for(self._tomograms[key], self._learned(row))
            place = (key, tomogram.binning)
            if place not in self._restorers:
                self._restorers[place] = RegionRestorer(tomogram, self._hardware)
            return self._restorers[place]

    def _learned(self, row: RowConfig) -> TrainedOn:
        """Return what a row's weights learned from; nothing of a method without training."""
        model = self._model(row)
        if model.weights is None:
            return TrainedOn()
        return load_label(chosen_weights(model.weights, model.step)[0]).trained_on


class _RowSteps:
    """Remembers which step stands for each run, even if the run trains on and suggests another one."""

    def __init__(self) -> None:
        self._chosen: dict[Path, WhichStep] = {}
        self._lock = threading.Lock()

    def of(self, row: RowConfig) -> WhichStep:
        """Return the step of a row; errors as of `chosen_weights`."""
        if row.step is not None or row.kind != "run" or row.path is None:
            return row.step or "suggested"
        with self._lock:
            if row.path not in self._chosen:
                _, chosen = chosen_weights(row.path)
                self._chosen[row.path] = "suggested" if chosen is None else chosen.step
            return self._chosen[row.path]


def region_edge(row: RowConfig, region: int) -> int:
    """Return the edge in voxels of what is restored for a row: more of it where that needs no network."""
    if row.kind != "method":
        return region
    method = METHODS.get(row.method or "")
    has_network = method is not None and method.pretrained is not Method.pretrained
    return region if has_network else max(region, FILTER_REGION)


def open_row(row: RowConfig, *, cursor: Position | None = None, region: int = 128) -> ComparedVolume:
    """Return the volume of one row; `Sources` keeps what several rows need."""
    return Sources().open_row(row, cursor=cursor, region=region)


def _file(row: RowConfig) -> ComparedVolume:
    if row.path is None:
        raise ValueError(
            f"The layer {row.layer!r} was never a file: save it, or open the comparison where the layer is."
        )
    volume = open_volume(row.path)
    return _compared(volume, volume.data, row)


def _mean(row: RowConfig) -> ComparedVolume:
    even, odd = (open_volume(_given(path)) for path in (row.even, row.odd))
    require_equal_shapes(even.data, odd.data)
    return replace(
        _compared(even, MeanOfMaps(even.data, odd.data), row),
        halves=(even.data, odd.data),
        key=f"mean|{even.path}|{odd.path}",
    )


def _result(row: RowConfig) -> ComparedVolume:
    """Open what another program made, as it lies beside the raw tomogram, if that is named."""
    volume = open_volume(_given(row.path))
    data, sizes, told = volume.data, None, [program_of(volume, row.program)[1]]
    if row.even is not None:
        maps = [open_volume(path) for path in (row.even, row.odd) if path is not None]
        require_equal_shapes(maps[0].data, maps[-1].data)
        raw = MeanOfMaps(*(one.data for one in maps))
        edge = row.recording.voxel_size or maps[0].voxel_sizes[2]
        sizes, found = voxel_sizes(volume.voxel_sizes, data.shape, edge, raw.shape)
        told += found
        if binning(data.shape, raw.shape) is not None:
            data, found = matched(data, raw)
            told += found
    compared = _compared(volume, data, row, sizes)
    key = f"{compared.key}|result|{row.even}|{row.odd}"
    findings = tuple(replace(item, about=row.name) for item in told)
    return replace(compared, raw=False, key=key, findings=findings)


def _compared(volume: Volume, data: Any, row: RowConfig, sizes: Position | None = None) -> ComparedVolume:
    given = row.recording.voxel_size
    sizes = sizes or (volume.voxel_sizes if given is None else (given,) * 3)
    if 0 in sizes:
        raise ValueError(
            f"{volume.path.name} has no voxel size in its header: give it in Å (on the command line by "
            "--voxel-size)."
        )
    changed = volume.path.stat().st_mtime_ns
    return ComparedVolume(
        name=row.name,
        data=data,
        voxel_size=sizes,
        corner=corner_of(sizes),
        recording=_recorded(volume, row),
        raw=is_raw(volume),
        key=f"{volume.path}|{changed}",
    )


def _newest_preview(row: RowConfig) -> ComparedVolume:
    """Return what a run's preview showed last, where it lies in the tomogram."""
    run = RunDir.open(_given(row.path))
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    if not state.snapshots:
        raise ValueError(f"The run {run.path.name} has no preview yet: wait for the first one.")
    step = max(state.snapshots) if row.step is None else row.step
    config = RunConfig.from_toml(run.config_text())
    tomogram = binned(open_configured(config.tomograms[0]), config.schedule.binning)
    box = preview_box(tomogram, config.snapshots)
    voxel = (tomogram.voxel_size,) * 3
    return ComparedVolume(
        name=row.name,
        data=run.read_snapshot(step).astype(np.float32),
        voxel_size=voxel,
        corner=corner_of(voxel, [start * tomogram.voxel_size for start in box.start]),
        version=step,
        recording=tomogram.recording,
        key=f"live|{run.path}",
    )


def _tomogram(row: RowConfig) -> Tomogram:
    """Open what a row is restored from: the halves it names, or else what its run learned from."""
    examination = examined(row)
    return examination.tomogram if examination else open_configured(_learned_from(_given(row.path)))


def examined(row: RowConfig) -> Examination | None:
    """Examine the raw tomogram that a row shows or is restored from.

    Returns
    -------
    Examination or None
        Nothing for rows that name no raw files: a run, whose own says it, and layers.

    Raises
    ------
    ValueError, OSError
        If it cannot be opened.
    """
    if row.even is not None:
        return _examined(row.even, row.odd, row.recording, _changed(row.even))
    if row.kind != "file" or row.path is None or not is_raw(open_volume(row.path)):
        return None
    return _examined(row.path, None, row.recording, _changed(row.path))


@lru_cache(maxsize=16)
def _examined(even: Path, odd: Path | None, recording: Recording, changed: int) -> Examination:
    del changed  # only a part of what is remembered
    maps = [even] if odd is None else [even, odd]
    tomogram = open_tomogram(maps, recording=recording)
    return examine(tomogram, needs_wedge=False)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _recorded(volume: Volume, row: RowConfig) -> Recording:
    """Return how the specimen of a file was tilted: after its spectrum too, if that is as recorded."""
    try:
        examination = examined(row)
    except ValueError:  # what can be compared, but not restored
        examination = None
    if examination is not None:
        return examination.tomogram.recording
    return row.recording.over(tilts_recorded(volume))


def _learned_from(run: Path) -> TomogramConfig:
    try:
        text = RunDir.open(run).config_text()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error} To restore with a checkpoint alone, name the halves as well."
        ) from error
    return RunConfig.from_toml(text).tomograms[0]


def _identity(row: RowConfig) -> str:
    return f"{row.even}|{row.odd}|{row.recording}" if row.even is not None else f"{row.path}"


def _voxel(tomogram: Tomogram, cursor: Position | None) -> tuple[int, int, int]:
    z, y, x = (
        size // 2 if cursor is None else int(np.clip(cursor[axis] // tomogram.voxel_size, 0, size - 1))
        for axis, size in enumerate(tomogram.shape)
    )
    return z, y, x


def _given(path: Path | None) -> Path:
    if path is None:  # refused by the row's own check
        raise ValueError("The row names no file.")
    return path


__all__ = ["FILTER_REGION", "Sources", "examined", "open_row", "region_edge"]
