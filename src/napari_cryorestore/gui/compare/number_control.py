"""Keeps curves and table up to date with the rows that are shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_cryorestore.comparison.measurement_plan import (
    MeasurementRequest,
    boxes_job,
    kept_numbers,
    planned,
)
from napari_cryorestore.comparison.number import Evaluation
from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.compare.colours import row_colour
from napari_cryorestore.gui.compare.row_offers import file_row

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_cryorestore.comparison.measuring import Boxes
    from napari_cryorestore.comparison.model import Comparison
    from napari_cryorestore.comparison.result_cache import Job
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.curves_tab import CurvesTab
    from napari_cryorestore.gui.compare.table_tab import TableTab
    from napari_cryorestore.gui.compare.viewer_link import ViewerLink

_SETTLE = 80  # milliseconds


class NumberControl(QObject):
    """Has numbers computed in a thread while the tabs are open.

    Parameters
    ----------
    comparison : Comparison
        Whose rows.
    link : ViewerLink
        Where points of the viewer's layers lie.
    curves, table : CurvesTab, TableTab
        What shows them.

    Attributes
    ----------
    evaluation : Evaluation
        The numbers that are there.
    """

    _ready = Signal()

    def __init__(self, comparison: Comparison, link: ViewerLink, curves: CurvesTab, table: TableTab) -> None:
        super().__init__(curves)
        self._model, self._link = comparison.model, link
        self._curves, self._table = curves, table
        self._cache, self._jobs = comparison.numbers, comparison.jobs
        self._reference: Job | None = None
        self._reference_name = ""
        self._boxes: dict[Any, Boxes] = {}
        self.evaluation = Evaluation(())
        self.is_open = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.update)
        self._ready.connect(self._settle)
        self._cache.ready = self._ready.emit
        self._model.changed.connect(self._model_changed)
        curves.chosen.connect(self.update)
        curves.file_requested.connect(self._choose_reference)
        table.boxes_chosen.connect(self.update)

    def leave(self) -> None:
        """Stop looking at the model, and stop what is being computed."""
        self.is_open = False  # what is still on its way from the thread changes nothing any more
        self._model.changed.disconnect(self._model_changed)
        self._cache.ready = lambda: None
        self._cache.request([])
        self._timer.stop()

    @property
    def busy(self) -> bool:
        """Whether numbers are still to come."""
        return self._cache.alive or self._timer.isActive()

    def set_open(self, is_open: bool) -> None:
        """Compute numbers from now on, or no longer."""
        self.is_open = is_open
        self.update()

    def use_reference(self, path: Path) -> None:
        """Correlate rows with a file."""
        self._reference_name = path.name
        self._reference = self._jobs.job(file_row(path), region=0)
        self._curves.offer([entry.config.name for entry in self._model.shown], path.name)
        self._curves.other.setCurrentText(path.name)
        self.update()

    def update(self) -> None:
        """Show what is there, and compute what is missing."""
        if not self.is_open:
            self._cache.request([])
            return
        rows = {
            entry.number: replace(entry.volume, name=entry.config.name)
            for entry in self._model.shown
            if entry.volume is not None
        }
        names = [row.name for row in rows.values()]
        self._curves.offer(names, self._reference_name)
        self._table.offer([layer.name for layer in self._link.points_layers()])
        request, first = self._request(rows)
        plan = planned(list(rows.values()), request)
        self._cache.request([*first, *(step.job for step in plan)])
        found = kept_numbers(self._cache, plan)
        failed = [str(failure.error) for job in first if (failure := self._cache.failure(job.key))]
        self.evaluation = replace(found, problems=(*found.problems, *failed))
        coloured = [(row.name, row_colour(number)) for number, row in rows.items()]
        for tab in (self._curves, self._table):
            tab.show_numbers(found.numbers, coloured, self.evaluation.problems)

    # What is measured --------------------------------------------------------------------------------

    def _request(self, rows: Mapping[int, ComparedVolume]) -> tuple[MeasurementRequest, list[Job]]:
        """Return what is measured, and what has to be computed before."""
        first: list[Job] = []
        against = self._curves.against
        other = next((row for row in rows.values() if row.name == against), None)
        reference: ComparedVolume | None = None
        if other is None and against and against == self._reference_name and self._reference is not None:
            first.append(self._reference)
            opened = self._cache.get(self._reference.key)
            reference = None if opened is None else replace(opened, name=against)
        means = [rows[entry.number] for entry in self._model.shown if entry.config.kind == "mean"]
        request = MeasurementRequest(
            raw=next(iter(means), None),
            reference=reference,
            other=other,
            pairs=False,
            boxes=self._boxes_requested(first),
            overlap=True,
        )
        return request, first

    def _boxes_requested(self, first: list[Job]) -> Boxes | None:
        how = self._table.boxes.currentData()
        if how == "points":
            return self._boxes_of_points()
        chosen = self._model.chosen
        volume = chosen.volume if chosen is not None else None
        if how != "auto" or volume is None:
            return None
        job = boxes_job(volume)
        first.append(job)
        boxes: Boxes | None = self._cache.get(job.key)
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

    def _choose_reference(self) -> None:
        for path in dialogs.choose_tomograms(self._curves)[:1]:
            self.use_reference(path)

    def _model_changed(self, what: str) -> None:
        if what in ("rows", "row"):
            self._settle()

    def _settle(self) -> None:
        if self.is_open:
            self._timer.start(_SETTLE)


__all__ = ["NumberControl"]
