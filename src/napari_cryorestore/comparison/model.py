"""What is compared and how it is looked at: the state that every view of a comparison follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_cryorestore.comparison.comparison_config import (
    MOST_ROWS,
    Column,
    ComparisonConfig,
    Position,
    RowConfig,
    open_comparison,
    save_comparison,
)
from napari_cryorestore.comparison.picture import PLANES, SECTIONS
from napari_cryorestore.comparison.result_cache import ResultCache
from napari_cryorestore.comparison.volume_jobs import VolumeJobs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_cryorestore.comparison.volume import ComparedVolume

    Bounds = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class RowEntry:
    """One row: its settings, and its volume or why there is none.

    Attributes
    ----------
    number : int
        What names the row as long as it exists, wherever it stands.
    config : RowConfig
        Which volume it shows.
    volume : ComparedVolume or None
        That volume, once it is there.
    problem : str
        Why it cannot be shown, in one sentence; else empty.
    busy : str
        What is being waited for ("restoring…"); else empty.
    """

    number: int
    config: RowConfig
    volume: ComparedVolume | None = None
    problem: str = ""
    busy: str = ""


class CompareModel:
    """Rows, crosshair and settings of a comparison; holds volumes, but neither opens nor paints them.

    Parameters
    ----------
    config : ComparisonConfig, optional
        What to begin with; volumes are set later, row by row.

    Attributes
    ----------
    changed : Signal
        Sent after every change, with what changed: ``"rows"`` (which there are, their names and order),
        ``"row"`` (what a row shows or waits for), ``"chosen"``, ``"cursor"``, ``"fourier"`` or
        ``"settings"``.
    """

    changed = Signal(str)

    def __init__(self, config: ComparisonConfig | None = None) -> None:
        self._settings = ComparisonConfig()
        self._entries: list[RowEntry] = []
        self._chosen: int | None = None
        self._next = 0
        self.load(config or ComparisonConfig())

    # Rows --------------------------------------------------------------------------------------------

    @property
    def entries(self) -> tuple[RowEntry, ...]:
        """The rows, from top to bottom."""
        return tuple(self._entries)

    @property
    def shown(self) -> tuple[RowEntry, ...]:
        """The rows that are neither hidden nor without a volume."""
        return tuple(entry for entry in self._entries if entry.volume is not None and not entry.config.hidden)

    @property
    def chosen(self) -> RowEntry | None:
        """The row whose contrast is set and whose maps are made: the topmost one unless another is chosen."""
        shown = self.shown
        chosen = [entry for entry in shown if entry.number == self._chosen]
        return next(iter(chosen or shown), None)

    def is_chosen(self, number: int) -> bool:
        """Tell whether a row was chosen."""
        return number == self._chosen

    def choose(self, number: int) -> None:
        """Make a row the chosen one."""
        self._chosen = number
        self.changed.emit("chosen")

    def entry(self, number: int) -> RowEntry:
        """Return a row; raises ``KeyError`` where it is gone."""
        return self._entries[self._place(number)]

    def has(self, number: int) -> bool:
        """Tell whether a row still exists."""
        return any(entry.number == number for entry in self._entries)

    def add(self, row: RowConfig, volume: ComparedVolume | None = None) -> int:
        """Add a row below the others, under a name of its own, and return its number.

        Raises
        ------
        ValueError
            If there are eight already.
        """
        if len(self._entries) >= MOST_ROWS:
            raise ValueError(f"There are {MOST_ROWS} rows already: remove one before adding {row.name}.")
        self._entries.append(RowEntry(self._next, self._named(row), volume))
        self._next += 1
        self.changed.emit("rows")
        return self._entries[-1].number

    def remove(self, number: int) -> None:
        """Take a row away."""
        del self._entries[self._place(number)]
        self.changed.emit("rows")

    def move(self, number: int, place: int) -> None:
        """Put a row at a place, 0 being the top."""
        entry = self._entries.pop(self._place(number))
        self._entries.insert(place, entry)
        self.changed.emit("rows")

    def rename(self, number: int, name: str) -> None:
        """Give a row another name, with a number behind it where another row has it."""
        self._set(number, "rows", config=self._named(_with(self.entry(number).config, name=name), number))

    def hide(self, number: int, hidden: bool = True) -> None:
        """Leave a row out of the picture, or take it in again."""
        self._set(number, "rows", config=_with(self.entry(number).config, hidden=hidden))

    def replace(self, number: int, row: RowConfig, volume: ComparedVolume | None = None) -> None:
        """Let a row show something else, e.g. another step."""
        config = self._named(row, number)
        self._set(number, "row", config=config, volume=volume, problem="", busy="")

    def set_volume(self, number: int, volume: ComparedVolume) -> None:
        """Show a volume in a row; nothing where the row is gone."""
        self._report(number, volume=volume, problem="", busy="")

    def set_problem(self, number: int, sentence: str) -> None:
        """Say why a row cannot be shown; nothing where the row is gone."""
        self._report(number, volume=None, problem=sentence, busy="")

    def set_busy(self, number: int, words: str) -> None:
        """Say what a row waits for, its picture being kept until then; nothing where the row is gone."""
        self._report(number, busy=words)

    def set_limits(self, number: int, limits: tuple[float, float] | None) -> None:
        """Set black and white of a row by hand."""
        self._set(number, "settings", config=_with(self.entry(number).config, limits=limits))

    # Crosshair ---------------------------------------------------------------------------------------

    def bounds(self) -> Bounds | None:
        """Return the box in Å (low, high along z, y, x) that holds all rows; ``None`` without any volume."""
        extents = [entry.volume.extent for entry in self._entries if entry.volume is not None]
        if not extents:
            return None
        z, y, x = (
            (min(extent[axis][0] for extent in extents), max(extent[axis][1] for extent in extents))
            for axis in range(3)
        )
        return z, y, x

    @property
    def cursor(self) -> Position | None:
        """Where the crosshair is (z, y, x in Å): where it was put, else the middle of the first volume."""
        if self._settings.cursor is not None:
            return self._settings.cursor
        first = next((entry.volume for entry in self._entries if entry.volume is not None), None)
        return None if first is None else first.position_of([size // 2 for size in first.shape])

    def set_cursor(self, position: Sequence[float]) -> None:
        """Put the crosshair somewhere, or as near to it as volumes reach."""
        bounds = self.bounds() or ((position[0],) * 2, (position[1],) * 2, (position[2],) * 2)
        z, y, x = (min(max(place, low), high) for place, (low, high) in zip(position, bounds, strict=True))
        self._update("cursor", cursor=(float(z), float(y), float(x)))

    def step_cursor(self, column: Column, planes: int) -> None:
        """Go so many planes of the finest volume deeper in a column: a section, or a Fourier slice."""
        volumes = [entry.volume for entry in self.shown if entry.volume is not None]
        cursor = self.cursor
        if not volumes or cursor is None:
            return
        axis = PLANES[column].through
        if column in SECTIONS:
            voxel = min(volume.voxel_size[axis] for volume in volumes)
            self.set_cursor([*cursor[:axis], cursor[axis] + planes * voxel, *cursor[axis + 1 :]])
            return
        highest = max(0.5 / volume.voxel_size[axis] for volume in volumes)
        step = min(1 / (volume.shape[axis] * volume.voxel_size[axis]) for volume in volumes)
        offset = list(self._settings.fourier.offset)
        offset[axis] = min(max(offset[axis] + planes * step, -highest), highest)
        self.update_fourier(offset=tuple(offset))

    # Settings ----------------------------------------------------------------------------------------

    @property
    def config(self) -> ComparisonConfig:
        """All that decides how the comparison looks, rows included."""
        return self._settings.model_copy(update={"rows": tuple(entry.config for entry in self._entries)})

    def update(self, **fields: Any) -> None:
        """Change settings by the names of `ComparisonConfig`'s fields, rows apart.

        Raises
        ------
        ValueError
            If there is no such setting or it may not have this value; nothing is changed then.
        """
        self._update("settings", **fields)

    def update_fourier(self, **fields: Any) -> None:
        """Change Fourier settings by the names of `FourierConfig`'s fields; errors as for `update`."""
        self._update("fourier", fourier={**self._settings.fourier.model_dump(), **fields})

    def load(self, config: ComparisonConfig) -> None:
        """Replace everything; volumes are to be set anew."""
        self._settings = config.model_copy(update={"rows": ()})
        self._entries = [RowEntry(self._next + place, row) for place, row in enumerate(config.rows)]
        self._next += len(config.rows)
        self.changed.emit("rows")

    def save(self, path: Path | str) -> Path:
        """Write the comparison to a new TOML file (see `save_comparison`)."""
        return save_comparison(self.config, path)

    def open(self, path: Path | str) -> None:
        """Replace everything by a saved comparison (see `open_comparison`)."""
        self.load(open_comparison(path))

    def _update(self, what: str, **fields: Any) -> None:
        changed = ComparisonConfig.model_validate({**self._settings.model_dump(), **fields})
        if changed == self._settings:
            return
        self._settings = changed
        self.changed.emit(what)

    def _place(self, number: int) -> int:
        for place, entry in enumerate(self._entries):
            if entry.number == number:
                return place
        raise KeyError(f"There is no row {number} any more.")

    def _set(self, number: int, what: str, **fields: Any) -> None:
        place = self._place(number)
        self._entries[place] = replace(self._entries[place], **fields)
        self.changed.emit(what)

    def _report(self, number: int, **fields: Any) -> None:
        if self.has(number):
            self._set(number, "row", **fields)

    def _named(self, row: RowConfig, number: int | None = None) -> RowConfig:
        taken = {entry.config.name for entry in self._entries if entry.number != number}
        name, count = row.name, 1
        while name in taken:
            count += 1
            name = f"{row.name} ({count})"
        return row if name == row.name else _with(row, name=name)


class Comparison:
    """What is compared, with all that was computed for it; it outlives every view.

    Parameters
    ----------
    began : callable
        Called with a cache whenever it begins to compute.

    Attributes
    ----------
    model : CompareModel
        Rows, crosshair and settings.
    spectra, volumes, numbers, maps : ResultCache
        Fourier slices, opened and restored volumes, curves and tables, maps of what was supplied.
    jobs : VolumeJobs
        How rows are opened.
    """

    def __init__(self, began: Callable[[ResultCache], None]) -> None:
        self.model = CompareModel()
        self.spectra, self.volumes = ResultCache("spectra"), ResultCache("volumes", 1 << 30)
        self.numbers, self.maps = ResultCache("numbers"), ResultCache("maps")
        self.jobs = VolumeJobs()
        for cache in (self.spectra, self.volumes, self.numbers, self.maps):
            cache.began = began


def _with(row: RowConfig, **fields: Any) -> RowConfig:
    return RowConfig.model_validate({**row.model_dump(), **fields})


__all__ = ["CompareModel", "Comparison", "RowEntry"]
