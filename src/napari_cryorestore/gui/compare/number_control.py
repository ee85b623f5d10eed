"""Keeps curves and table at the numbers of the rows that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.compare.colours import row_colour
from napari_cryorestore.gui.compare.number_jobs import Asked, jobs_of, numbers_of
from napari_cryorestore.gui.compare.row_offers import file_row
from napari_cryorestore.gui.compare.store import Job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.comparison.measuring import Boxes
    from napari_cryorestore.comparison.model import Entry
    from napari_cryorestore.comparison.number import Evaluation, Number
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.comparison import Comparison
    from napari_cryorestore.gui.compare.curves_tab import CurvesTab
    from napari_cryorestore.gui.compare.table_tab import TableTab
    from napari_cryorestore.gui.compare.viewer_link import ViewerLink

_SETTLE = 80  # milliseconds


class NumberControl(QObject):
    """Computes numbers in a thread while the tray is open.

    Parameters
    ----------
    comparison : Comparison
        Whose rows.
    link : ViewerLink
        Where points of the viewer's layers lie.
    curves, table : CurvesTab, TableTab
        What shows them.
    """

    _ready = Signal()

    def __init__(self, comparison: Comparison, link: ViewerLink, curves: CurvesTab, table: TableTab) -> None:
        super().__init__(curves)
        self._model, self._link = comparison.model, link
        self._curves, self._table = curves, table
        self._store, self._jobs = comparison.numbers, comparison.jobs
        self._reference: Job | None = None
        self._reference_name = ""
        self._boxes: dict[Any, Boxes] = {}
        self.shown: tuple[Number, ...] = ()
        self.problems: tuple[str, ...] = ()
        self.is_open = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.update)
        self._ready.connect(self._settle)
        self._store.ready = self._ready.emit
        self._model.changed.connect(self._model_changed)
        curves.chosen.connect(self.update)
        curves.file_wanted.connect(self._ask_for_reference)
        table.boxes_chosen.connect(self.update)

    def leave(self) -> None:
        """Stop looking at the model, and give up what is being computed."""
        self.is_open = False  # what is still on its way from the thread changes nothing any more
        self._model.changed.disconnect(self._model_changed)
        self._store.ready = lambda: None
        self._store.want([])
        self._timer.stop()

    @property
    def busy(self) -> bool:
        """Whether numbers are still to come."""
        return self._store.alive or self._timer.isActive()

    def set_open(self, is_open: bool) -> None:
        """Compute numbers from now on, or no longer."""
        self.is_open = is_open
        self.update()

    def evaluation(self) -> Evaluation:
        """Return all numbers that are there, for saving."""
        from napari_cryorestore.comparison.number import Evaluation

        return Evaluation(self.shown, self.problems)

    def use_reference(self, path: Path) -> None:
        """Correlate rows with a file."""
        self._reference_name = path.name
        self._reference = self._jobs.job(file_row(path), region=0)
        names = [entry.config.name for entry in self._rows()]
        self._curves.offer(names, path.name)
        self._curves.other.setCurrentText(path.name)
        self.update()

    def update(self) -> None:
        """Show what is there, and compute what is missing."""
        if not self.is_open:
            self._store.want([])
            return
        rows = self._rows()
        names = [entry.config.name for entry in rows]
        self._curves.offer(names, self._reference_name)
        self._table.offer([layer.name for layer in self._link.points_layers()])
        asked, first = self._asked(rows)
        named = [(entry.config.name, entry.volume) for entry in rows if entry.volume is not None]
        jobs = [job for _, volume in named for job in jobs_of(volume, asked)]
        self._store.want(first + jobs)
        numbers, problems, _ = numbers_of(self._store, named, asked)
        problems += [str(failure.error) for job in first if (failure := self._store.failure(job.key))]
        self.shown, self.problems = tuple(numbers), tuple(problems)
        coloured = [(entry.config.name, row_colour(entry.number)) for entry in rows]
        for tab in (self._curves, self._table):
            tab.show_numbers(numbers, coloured, problems)

    # What is asked -----------------------------------------------------------------------------------

    def _asked(self, rows: Sequence[Entry]) -> tuple[Asked, list[Job]]:
        """Return what is asked, and what has to be computed before."""
        first: list[Job] = []
        against = self._curves.against
        by_name = {entry.config.name: entry.volume for entry in rows}
        other = by_name.get(against)
        truth = other is None and bool(against) and against == self._reference_name
        if truth and self._reference is not None:
            first.append(self._reference)
            other = self._store.get(self._reference.key)
        raw = next((entry.volume for entry in rows if entry.config.kind == "mean"), None)
        boxes = self._boxes_asked(first)
        return Asked((against, other) if other is not None else None, truth, raw, boxes), first

    def _boxes_asked(self, first: list[Job]) -> Boxes | None:
        how = self._table.boxes.currentData()
        if how == "points":
            return self._boxes_of_points()
        chosen = self._model.chosen
        volume = chosen.volume if chosen is not None else None
        if how != "auto" or volume is None:
            return None
        key = ("boxes", volume.key, volume.version)
        job = Job(key, lambda watch: _proposed(volume))
        first.append(job)
        boxes: Boxes | None = self._store.get(key)
        return boxes

    def _boxes_of_points(self) -> Boxes | None:
        from napari_cryorestore.comparison.measuring import Boxes

        layers = {layer.name: layer for layer in self._link.points_layers()}
        chosen = [box.currentText() for box in (self._table.signal, self._table.background)]
        if any(name not in layers for name in chosen) or chosen[0] == chosen[1]:
            return None
        signal, background = (self._link.positions(layers[name]) for name in chosen)
        size = float(np.mean(layers[chosen[0]].size)) * float(layers[chosen[0]].scale[-1])
        key = (signal.tobytes(), background.tobytes(), size)
        if key not in self._boxes:
            self._boxes = {key: Boxes(signal, background, size)}
        return self._boxes[key]

    def _rows(self) -> list[Entry]:
        return list(self._model.shown)

    def _ask_for_reference(self) -> None:
        for path in dialogs.choose_tomograms(self._curves)[:1]:
            self.use_reference(path)

    def _model_changed(self, what: str) -> None:
        if what in ("rows", "row"):
            self._settle()

    def _settle(self) -> None:
        if self.is_open:
            self._timer.start(_SETTLE)


def _proposed(volume: ComparedVolume) -> Boxes:
    from napari_cryorestore.comparison.numbers import proposed_boxes

    return proposed_boxes(volume)


__all__ = ["NumberControl"]
