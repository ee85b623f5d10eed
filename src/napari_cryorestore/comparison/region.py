"""Restoring only the region of a tomogram around the crosshair, on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.compute_config import DeviceConfig, TilingConfig
from napari_cryorestore.data.crops import Box
from napari_cryorestore.data.imaging import filtered_imaging, grouped_maps
from napari_cryorestore.data.tiles import process_box
from napari_cryorestore.restoration import Model, fitting_plan, memory_explained
from napari_cryorestore.restoration.model import cancellable
from napari_cryorestore.restoration.weights import at_file, chosen_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.data.crops import Groups
    from napari_cryorestore.data.imaging import GroupedMap
    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.data.tiles import TilePlan
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.restore_config import ModelRef

    Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A cube of a tomogram.

    Attributes
    ----------
    centre : (int, int, int)
        Voxel z, y, x.
    size : int
        Edge in voxels.
    """

    centre: tuple[int, int, int]
    size: int = 128

    def within(self, shape: Sequence[int]) -> Box:
        """Return the box of that size, moved and if need be cut so that it lies within a tomogram."""
        sizes = [min(self.size, length) for length in shape]
        z, y, x = (
            int(np.clip(middle - size // 2, 0, length - size))
            for middle, size, length in zip(self.centre, sizes, shape, strict=True)
        )
        return Box((z, y, x), (z + sizes[0], y + sizes[1], x + sizes[2]))


class RegionRestorer:
    """Restores regions of one tomogram by any model, and measures what they all need once.

    Parameters
    ----------
    tomogram : Tomogram
        With any number of maps.
    hardware : DeviceConfig
        What restores them.
    """

    def __init__(
        self,
        tomogram: Tomogram,
        hardware: DeviceConfig = DeviceConfig(),  # noqa: B008  it is frozen
    ) -> None:
        self.tomogram = tomogram
        self._hardware = hardware
        self._measured: dict[tuple[Groups, Groups], list[GroupedMap]] = {}
        self._filtered: Imaging | None = None
        self._lock = threading.Lock()

    def restore(
        self,
        model: ModelRef,
        region: Region,
        *,
        progress: Callable[[float], None] = lambda share: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> ComparedVolume:
        """Restore a region; its values are those that a restoration of the whole tomogram has there.

        Methods whose output has no amplitude of its own are put on the scale of the raw region, instead of
        that of the whole raw tomogram.

        Parameters
        ----------
        model : ModelRef
            With what.
        region : Region
            Where.
        progress : callable
            Called with the share done, 0 to 1.
        cancelled : callable
            Called before every batch of tiles and every layer of the network; true to stop.

        Returns
        -------
        ComparedVolume
            The mean of the restored halves, which come with it.

        Raises
        ------
        Cancelled
            If `cancelled` says so.
        ValueError, OSError, MemoryError
            If the model, the tomogram or the device cannot be used, with what to do about it.
        """
        if model.weights is not None:
            model = at_file(model, chosen_weights(model.weights, model.step)[0])
        with self._lock:
            ready = Model.of(model, self.tomogram, hardware=self._hardware, filtered=self._filter)
            maps = self._maps(ready)
            box = region.within(self.tomogram.shape)
            plan = fitting_plan(self.tomogram.shape, ready, TilingConfig())
            work = _Work(ready, plan, box, cancelled)
            halves = [
                work.restored(one, partial(_part_of, progress, index / len(maps), len(maps)))
                for index, one in enumerate(maps)
            ]
        if not ready.method.fixes_amplitude:
            _put_on_scale(halves, [one.filled[box.slices] for one in maps])
        self._put_back(halves, [one.raw[box.slices] for one in maps], box)
        return self._volume(halves, box, name=ready.name, key=str(model.weights or model.method))

    def _filter(self, tomogram: Tomogram) -> Imaging:
        """Measure the Wiener filter, once."""
        if self._filtered is None:
            self._filtered = filtered_imaging(tomogram)
        return self._filtered

    def _maps(self, model: Model) -> list[GroupedMap]:
        """Return what a model restores by itself, measured once."""
        groups = model.groups(len(self.tomogram.maps))
        if groups not in self._measured:
            self._measured[groups] = grouped_maps(
                self.tomogram.maps, self.tomogram.no_data(), learned=groups[0], taken=groups[1]
            )
        return self._measured[groups]

    def _put_back(self, halves: list[Floats], raw: Sequence[Any], box: Box) -> None:
        """Leave what holds no data as it was."""
        no_data = self.tomogram.no_data()
        if no_data is not None:
            empty = no_data[box.slices]
            for half, before in zip(halves, raw, strict=True):
                half[empty] = before[empty]

    def _volume(self, halves: list[Floats], box: Box, *, name: str, key: str) -> ComparedVolume:
        tomogram = self.tomogram
        voxel = (tomogram.voxel_size,) * 3
        return ComparedVolume(
            name=f"{tomogram.name} · {name}",
            data=halves[0] if len(halves) == 1 else (halves[0] + halves[1]) / np.float32(2),
            voxel_size=voxel,
            corner=corner_of(voxel, [start * tomogram.voxel_size for start in box.start]),
            halves=None if len(halves) == 1 else (halves[0], halves[1]),
            recording=tomogram.recording,
            key=f"{key}|{tomogram.name}|{box.start}|{box.stop}",
        )


@dataclass(frozen=True)
class _Work:
    """What is done to every half."""

    model: Model
    plan: TilePlan
    box: Box
    cancelled: Callable[[], bool]

    def restored(self, one: GroupedMap, progress: Callable[[float], None]) -> Floats:
        with memory_explained(self.model, self.plan), cancellable(self.model.network, self.cancelled):
            return process_box(
                one.filled,
                self.box,
                partial(self.model.restore, scale=one.scale),
                plan=self.plan,
                progress=progress,
                cancelled=self.cancelled,
            )


def _put_on_scale(halves: list[Floats], raw: Sequence[Any]) -> None:
    """Scale the halves by the line that fits each to the other raw one."""
    exact = [np.asarray(half, dtype=np.float64) for half in raw]
    lines = [_line(half, exact[index - 1]) for index, half in enumerate(halves)]
    slope, offset = (sum(terms) / len(lines) for terms in zip(*lines, strict=True))
    for half in halves:
        half *= np.float32(slope)
        half += np.float32(offset)


def _line(values: Floats, target: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and offset of the least-squares line from values to target; slope 1 if they are flat."""
    exact = values.astype(np.float64)
    centred = exact - exact.mean()
    variance = float((centred * centred).mean())
    slope = float((centred * target).mean()) / variance if variance > 0 else 1.0
    return slope, float(target.mean()) - slope * float(exact.mean())


def _part_of(progress: Callable[[float], None], before: float, parts: int, share: float) -> None:
    progress(before + share / parts)


__all__ = ["Region", "RegionRestorer"]
