"""Keeps the pictures of the grid up to date with the model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_cryorestore.comparison.overlays import Overlay, overlays
from napari_cryorestore.comparison.picture import PLANES, SECTIONS, SPECTRA
from napari_cryorestore.comparison.spectra import found_tilts, slices_job, spectrum_jobs, tilts_of
from napari_cryorestore.gui.compare.cell import Marks
from napari_cryorestore.gui.compare.painters import (
    Row,
    SectionPainter,
    SectionRequest,
    SpectrumPainter,
    SpectrumRequest,
)
from napari_cryorestore.gui.compare.repainter import Repainter
from napari_cryorestore.gui.compare.shading import shade_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.comparison.comparison_config import Column
    from napari_cryorestore.comparison.model import Comparison, RowEntry
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.grid import PictureGrid
    from napari_cryorestore.gui.compare.shading import Painted

    Place = tuple[int, Column]

_AXES = "zyx"


class PictureControl(QObject):
    """Has pictures painted in threads, and hands them to the cells.

    Parameters
    ----------
    grid : PictureGrid
        What shows them.
    comparison : Comparison
        What is compared.

    Attributes
    ----------
    painted : Signal()
        New sections have reached their cells.
    failed : Signal(object)
        Why pictures could not be made: an exception.
    """

    painted = Signal()
    failed = Signal(object)
    _slices_ready = Signal()

    def __init__(self, grid: PictureGrid, comparison: Comparison, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._grid, self._comparison, self._model = grid, comparison, comparison.model
        self.sections, self.spectra = SectionPainter(), SpectrumPainter()
        self._section_pictures = Repainter(self._section_work, self)
        self._spectrum_pictures = Repainter(self._spectrum_work, self)
        self._shown: dict[Place, Painted] = {}
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._request)
        self._tables: dict[tuple[str, bool], np.ndarray] = {}
        self._model.changed.connect(self._model_changed)
        self._connect()

    @property
    def busy(self) -> bool:
        """Whether pictures are still on their way."""
        return (
            self.painting
            or self._spectrum_pictures.busy
            or self._settle.isActive()
            or self._comparison.spectra.alive
        )

    @property
    def painting(self) -> bool:
        """Whether sections are still on their way."""
        return self._section_pictures.busy

    def leave(self) -> None:
        """Stop looking at the model."""
        self._model.changed.disconnect(self._model_changed)
        self._comparison.spectra.ready = lambda: None
        self._slices_ready.disconnect(self._slices_arrived)
        self._comparison.spectra.request([])
        self._settle.stop()
        for repainter in (self._section_pictures, self._spectrum_pictures):
            repainter.stop()

    def refresh(self) -> None:
        """Show all that the model says."""
        config = self._model.config
        entries = [entry for entry in self._model.entries if not entry.config.hidden]
        self._set_boxes()
        self._grid.set_rows([entry.number for entry in entries], config.columns)
        self._grid.fit_columns()
        self._request_slices()
        self._show_marks()
        self._request()

    def section_request(self) -> SectionRequest | None:
        """Return the sections to be painted now; ``None`` without any."""
        config, cursor = self._model.config, self._model.cursor
        rows = tuple(
            Row(entry.number, entry.volume, entry.config.limits)
            for entry in self._model.shown
            if entry.volume is not None
        )
        if not rows or cursor is None:
            return None
        table = self._table(config.colormap, config.inverted)
        return SectionRequest(rows, config, cursor, table, self._pixels(SECTIONS))

    # What changed ------------------------------------------------------------------------------------

    def _model_changed(self, what: str) -> None:
        if what == "cursor":
            self._show_marks()
            self._section_pictures.request()
        elif what == "fourier":
            self._request_slices()
            self._show_marks()
            self._spectrum_pictures.request()
        elif what != "chosen":
            self.refresh()

    def _connect(self) -> None:
        self._section_pictures.answered.connect(partial(self._show_pictures, SECTIONS))
        self._spectrum_pictures.answered.connect(partial(self._show_pictures, SPECTRA))
        for repainter in (self._section_pictures, self._spectrum_pictures):
            repainter.failed.connect(self.failed)
        self._grid.reframed.connect(lambda: self._settle.start(30))
        self._slices_ready.connect(self._slices_arrived)
        self._comparison.spectra.ready = self._slices_ready.emit

    def _slices_arrived(self) -> None:
        self._show_marks()
        self._spectrum_pictures.request()

    def _request(self) -> None:
        self._section_pictures.request()
        self._spectrum_pictures.request()

    # What is requested -------------------------------------------------------------------------------

    def _section_work(self) -> Callable[[], Any] | None:
        request = self.section_request()
        return partial(self.sections.paint, request) if request is not None and request.columns else None

    def _spectrum_work(self) -> Callable[[], Any] | None:
        config = self._model.config
        rows = [
            (
                entry.number,
                entry.volume,
                self._comparison.spectra.get(slices_job(entry.volume, config.fourier).key),
            )
            for entry in self._model.shown
            if entry.volume is not None
        ]
        ready = tuple((number, volume, slices) for number, volume, slices in rows if slices is not None)
        table = self._table(config.fourier_colormap, False)
        request = SpectrumRequest(ready, config, table, self._pixels(SPECTRA))
        return partial(self.spectra.paint, request) if ready and request.columns else None

    def _request_slices(self) -> None:
        config = self._model.config
        is_shown = any(column in SPECTRA for column in config.columns)
        volumes = (
            [entry.volume for entry in self._model.shown if entry.volume is not None] if is_shown else []
        )
        self._comparison.spectra.request(spectrum_jobs(volumes, config))

    def _pixels(self, columns: tuple[Column, ...]) -> dict[Column, float]:
        shown = [column for column in columns if column in self._model.config.columns]
        return {column: self._grid.pixel(column) for column in shown if self._grid.cells}

    def _table(self, name: str, inverted: bool) -> np.ndarray:
        if (name, inverted) not in self._tables:
            from napari.utils.colormaps import ensure_colormap

            colours = np.asarray(ensure_colormap(name).map(np.linspace(0, 1, 256)))
            self._tables[name, inverted] = shade_table(colours, inverted=inverted)
        return self._tables[name, inverted]

    # What is shown -----------------------------------------------------------------------------------

    def _set_boxes(self) -> None:
        bounds = self._model.bounds()
        volumes = [entry.volume for entry in self._model.entries if entry.volume is not None]
        if bounds is None or not volumes:
            return
        highest = [max(0.5 / volume.voxel_size[axis] for volume in volumes) for axis in range(3)]
        z, y, x = ((-value, value) for value in highest)
        self._grid.framing.set_boxes(bounds, (z, y, x))

    def _show_pictures(self, columns: tuple[Column, ...], pictures: dict[Place, Painted]) -> None:
        others = {place: kept for place, kept in self._shown.items() if place[1] not in columns}
        self._shown = others | pictures
        for place, cell in self._grid.cells.items():
            if place[1] in columns:
                cell.show_picture(self._shown.get(place))
        self._show_marks()
        if columns == SECTIONS:
            self.painted.emit()

    def _show_marks(self) -> None:
        entries = {entry.number: entry for entry in self._model.entries}
        numbers = list(dict.fromkeys(number for number, _ in self._grid.cells))
        for (number, column), cell in self._grid.cells.items():
            if number in entries:
                marks = self._marks(
                    entries[number], column, first=number == numbers[0], last=number == numbers[-1]
                )
                cell.show_marks(marks)
                cell.setToolTip(self._warning(number, column))
        self._show_titles()

    def _marks(self, entry: RowEntry, column: Column, *, first: bool, last: bool) -> Marks:
        words = self._words(entry, column)
        if entry.volume is None:
            return Marks(words=words)
        if column in SECTIONS:
            cursor, plane = self._model.cursor, PLANES[column]
            at = None if cursor is None else (cursor[plane.across], cursor[plane.down])
            return Marks(crosshair=at, words=words, scale_bar=last)
        return Marks(overlay=self._overlay(entry.volume, column), words=words, ring_words=first)

    def _overlay(self, volume: ComparedVolume, column: Column) -> Overlay:
        config = self._model.config
        found = found_tilts(self._comparison.spectra, volume)
        return overlays(
            config,
            column,
            volume.voxel_size,
            tilts=tilts_of(volume, config, found),
            detected=found,
        )

    def _words(self, entry: RowEntry, column: Column) -> str:
        painted = self._shown.get((entry.number, column))
        if entry.volume is None:
            is_first = column == self._model.config.columns[0]
            return (entry.problem or entry.busy or "opening…") if is_first else ""
        if column in SPECTRA and painted is None:
            failure = self._comparison.spectra.failure(
                slices_job(entry.volume, self._model.config.fourier).key
            )
            return str(failure.error) if failure is not None else "computing…"
        if painted is not None and painted.picture.warning:
            return "⚠" if np.isfinite(painted.picture.image).any() else "not here"
        return ""

    def _warning(self, number: int, column: Column) -> str:
        painted = self._shown.get((number, column))
        return painted.picture.warning or "" if painted is not None else ""

    def _show_titles(self) -> None:
        cursor, offset = self._model.cursor, self._model.config.fourier.offset
        for column, label in self._grid.titles.items():
            axis = PLANES[column].through
            if column in SECTIONS:
                place = f" · {_AXES[axis]} {cursor[axis]:.0f} Å" if cursor is not None else ""
                label.setText(f"{column}{place}")
            else:
                place = f" · k{_AXES[axis]} 1/{1 / abs(offset[axis]):.0f} Å" if offset[axis] else ""
                label.setText(f"|F| k{column[3]} k{column[4]}{place}")


__all__ = ["PictureControl"]
