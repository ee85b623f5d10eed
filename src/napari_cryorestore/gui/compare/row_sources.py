"""Gives rows their volumes: opened files, regions around the crosshair, or the newest preview of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_cryorestore.comparison.comparison_config import RESTORED
from napari_cryorestore.comparison.volume_jobs import newest_preview

if TYPE_CHECKING:
    from collections.abc import Hashable

    from napari_cryorestore.comparison.comparison_config import RowConfig
    from napari_cryorestore.comparison.model import Comparison, RowEntry
    from napari_cryorestore.comparison.result_cache import Failure, Job
    from napari_cryorestore.comparison.volume import ComparedVolume

REST = 350
"""Milliseconds that the crosshair must have been at rest before a region around it is restored."""
LOOK_EVERY = 500
"""Milliseconds between two looks at the folders of runs, and at how far restoring is."""
_CANCELLED = "cancelled: move the crosshair or choose a step to begin again"


class RowSources(QObject):
    """Keeps the volumes of a comparison's rows, except layers, up to date with their settings.

    Parameters
    ----------
    comparison : Comparison
        Its cache of volumes computes, one row after another, the topmost first.

    Attributes
    ----------
    region_arrived : Signal(int)
        A row shows a restored region or a preview for the first time.
    looked : Signal()
        Progress, or the steps of a run, may have changed.
    """

    region_arrived = Signal(int)
    looked = Signal()
    _ready = Signal()

    def __init__(self, comparison: Comparison, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._comparison, self._model = comparison, comparison.model
        self._cache, self._jobs = comparison.volumes, comparison.jobs
        self._shown: dict[int, Hashable] = {}
        self._cancelled: set[Hashable] = set()
        self._rest, self._look, self._soon = QTimer(self), QTimer(self), QTimer(self)
        for timer in (self._rest, self._soon):
            timer.setSingleShot(True)
            timer.timeout.connect(self._rested)
        self._look.timeout.connect(self._looks)
        self._ready.connect(self.update)
        self._cache.ready = self._ready.emit
        self._model.changed.connect(self._model_changed)
        self._rested()

    def leave(self) -> None:
        """Stop looking at the model, and stop what is being computed."""
        self._model.changed.disconnect(self._model_changed)
        self._ready.disconnect(self.update)
        self._cache.ready = lambda: None
        self._cache.request([])
        for timer in (self._rest, self._look, self._soon):
            timer.stop()

    @property
    def busy(self) -> bool:
        """Whether a volume is still to come."""
        return bool(self._cache.alive or self._rest.isActive() or self._soon.isActive())

    def cancel(self, number: int) -> None:
        """Stop what a row waits for."""
        job = self._job(self._model.entry(number).config)
        if job is not None:
            self._cancelled.add(job.key)
        self.update()

    def share(self, number: int) -> float | None:
        """Return how much of what a row waits for is done."""
        job = self._job(self._model.entry(number).config)
        return self._cache.share(job.key) if job is not None else None

    def update(self) -> None:
        """Show what is there, and compute what is missing."""
        missing = []
        self._shown = {number: key for number, key in self._shown.items() if self._model.has(number)}
        for entry in self._model.entries:
            job = self._job(entry.config)
            if job is None or entry.config.hidden:
                continue
            if not self._show(entry, job):
                missing.append(job)
        self._cache.request(missing)
        follows = any(entry.config.kind in ("run", "live") for entry in self._model.entries)
        if (follows or missing) and not self._look.isActive():
            self._look.start(LOOK_EVERY)
        elif not (follows or missing):
            self._look.stop()

    def _show(self, entry: RowEntry, job: Job) -> bool:
        """Show a row's volume, or why there is none; tell whether nothing more is to be done."""
        number = entry.number
        volume, failure = self._cache.get(job.key), self._cache.failure(job.key)
        if volume is not None:
            first = number not in self._shown
            if self._shown.get(number) != job.key or entry.volume is None:
                self._shown[number] = job.key
                self._model.set_volume(number, volume)
                if first and entry.config.kind in (*RESTORED, "live"):
                    self.region_arrived.emit(number)
        elif failure is not None:
            if not entry.problem:
                self._model.set_problem(number, _sentence(failure))
        elif job.key in self._cancelled:
            self._say(entry, "" if entry.volume is not None else _CANCELLED)
        else:
            self._say(entry, "restoring…" if entry.config.kind in RESTORED else "opening…")
            return False
        return True

    def _say(self, entry: RowEntry, words: str) -> None:
        if entry.busy != words:
            self._model.set_busy(entry.number, words)

    def _job(self, row: RowConfig) -> Job | None:
        """Return what a row takes; nothing for a layer, or before the first preview of a run."""
        if row.kind == "layer":
            return None
        if row.kind == "live" and row.step is None and row.path is not None:
            step = newest_preview(row.path)
            if step is None:
                return None
            row = row.model_copy(update={"step": step})
        return self._jobs.job(row, region=self._model.config.region)

    # When -------------------------------------------------------------------------------------------

    def _model_changed(self, what: str) -> None:
        if what == "cursor":
            if any(entry.config.kind in RESTORED for entry in self._model.entries):
                self._rest.start(REST)
        elif what in ("rows", "row", "settings"):
            self._soon.start(0)

    def _rested(self) -> None:
        if self._rest.isActive():
            return
        self._jobs.look_at(self._model.cursor, self._regions())
        self.update()

    def _regions(self) -> list[tuple[ComparedVolume, int]]:
        """Return what is restored so far, with the edge that was requested."""
        restored = [entry for entry in self._model.entries if entry.config.kind in RESTORED]
        there = [(entry.config, entry.volume) for entry in restored if entry.volume is not None]
        if not there:
            return []
        from napari_cryorestore.comparison.sources import region_edge  # it has restored them

        return [(volume, region_edge(row, self._model.config.region)) for row, volume in there]

    def _looks(self) -> None:
        self.update()
        self.looked.emit()


def _sentence(failure: Failure) -> str:
    words = str(failure.error).strip().splitlines()
    return words[0] if words else f"It failed unexpectedly ({type(failure.error).__name__})."


__all__ = ["LOOK_EVERY", "REST", "RowSources"]
