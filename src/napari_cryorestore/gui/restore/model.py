"""What the Restore panel knows and decides; free of Qt and PyTorch."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

from napari_cryorestore.findings import gravest_first
from napari_cryorestore.gui.model_choice import (
    ModelChoice,
    RunSteps,
    loaded_method,
    loaded_untrained_methods,
    settings_of_method,
    trained_on,
)
from napari_cryorestore.gui.restore.queue import (
    EntryState,
    QueueEntry,
    RestorePlan,
    TomogramToRestore,
    told_apart_by_folder,
)
from napari_cryorestore.gui.restore.request import RestoreRequest, cannot_restore
from napari_cryorestore.gui.restore.restoration import Engine, Restoration, known_settings
from napari_cryorestore.gui.status_line import duration_words
from napari_cryorestore.gui.typed_values import read_number
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.trained_on import TrainedOn, misfits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_cryorestore.config import Config
    from napari_cryorestore.findings import Finding
    from napari_cryorestore.methods import Method, MethodConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep


class RestoreModel:
    """The request, the queue, and the restoration that is going on.

    Parameters
    ----------
    engine : Engine, optional
        What restores; replaced in tests.
    """

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine or Engine()
        self.request = RestoreRequest()
        self.opened: list[ModelChoice] = []
        self.steps: RunSteps | None = None
        self.entries: list[QueueEntry] = []
        self.restoration: Restoration | None = None
        self._told: set[QueueEntry] = set()
        self._scratch: Path | None = None

    # What restores -----------------------------------------------------------------------------------

    def choose(self, model: ModelChoice) -> None:
        """Restore with this; of a run without a step, with the one that `step_of_run` returns.

        Raises
        ------
        FileNotFoundError
            If it is no run.
        """
        if model.run is None:
            self.steps = None
        elif self.steps is None or self.steps.path != model.run:
            self.steps = RunSteps(RunDir.open(model.run).path)
        if self.steps is not None:
            self.steps.refresh()
            chosen = self.steps.chosen() if model.step is None else None
            model = replace(model, step=chosen.step if chosen else model.step)
        self.request = replace(self.request, model=model)

    def open(self, model: ModelChoice) -> None:
        """Choose a run or weights from elsewhere, and keep them on offer.

        Raises
        ------
        FileNotFoundError
            If it is no run.
        """
        self.choose(model)
        known = replace(model, step=None)
        if known not in self.opened:
            self.opened.append(known)

    def chosen_step(self) -> ChosenStep | None:
        """Return which step of a run is chosen, and what speaks for and against it."""
        step = self.request.model.step
        if self.steps is None or step is None:
            return None
        advised = self.steps.chosen()
        return advised if advised is not None and advised.step == step else self.steps.chosen(step)

    def findings(self) -> tuple[Finding, ...]:
        """Return what speaks against restoring with this model and step, before any voxel is looked at."""
        chosen, model = self.chosen_step(), self.request.model
        found = list(chosen.findings) if chosen is not None else []
        if model.path is not None:
            for tomogram in self.next_tomograms():
                found += self._misfits(tomogram)
        method = self._method()
        sizes = [self._voxel_size(tomogram) for tomogram in self.next_tomograms()]
        found += [] if method is None else [item for size in sizes if size for item in method.remarks(size)]
        return gravest_first(tuple(found))

    def refused(self) -> dict[str, str]:
        """Return why methods that need no training cannot restore what is chosen, by their names."""
        methods, tomograms = loaded_untrained_methods(), self.next_tomograms()
        found = {name: cannot_restore(method, tomograms) for name, method in methods.items()}
        return {name: sentence for name, sentence in found.items() if sentence}

    def _misfits(self, tomogram: TomogramToRestore) -> tuple[Finding, ...]:
        request, model = self.request, self.request.model
        known = known_settings(tomogram, model)
        ours = TrainedOn(
            Recording(
                voxel_size=self._voxel_size(tomogram),
                tilt_range=request.tilt_range or known.tilt_range,
                tilt_axis=request.tilt_axis or known.axis,
            )
        )
        method = loaded_method(model)
        return misfits(
            trained_on(model),
            ours,
            lacks_half=tomogram.odd is None and not (method is not None and method.maps == 1),
            wedge=method is not None and method.needs_wedge,
        )

    def _voxel_size(self, tomogram: TomogramToRestore) -> float | None:
        known = known_settings(tomogram, self.request.model)
        return read_number(self.request.voxel_size) or tomogram.even.voxel_size or known.voxel_size

    # The method's settings ---------------------------------------------------------------------------

    def settings_offered(self) -> tuple[str, ...]:
        """Return which of the model's settings may be chosen anew; none while its method is not loaded."""
        method = loaded_method(self.request.model)
        return () if method is None else tuple(item.path[0] for item in method.restoring_settings())

    def other_settings(self) -> dict[str, Any]:
        """Return those settings of the model's method that differ from those that it was trained with."""
        trained, offered = self._trained(), self.settings_offered()
        return {
            name: value
            for name, value in self.request.method.items()
            if trained is not None and name in offered and value != getattr(trained, name)
        }

    def settings(self) -> MethodConfig | None:
        """Return the settings that the model restores with; ``None`` where it does not say."""
        trained = self._trained()
        return None if trained is None else trained.model_copy(update=self.other_settings())

    def take_settings(self, settings: Config) -> None:
        """Restore with these settings of the method."""
        chosen = {name: getattr(settings, name) for name in self.settings_offered()}
        self.request = replace(self.request, method=chosen)

    def _method(self) -> Method | None:
        method, settings = loaded_method(self.request.model), self.settings()
        return None if method is None or settings is None else method(settings)

    def _lack(self) -> str:
        """Return in a sentence what must be installed first for the model; empty if nothing."""
        method = self._method()
        return f"{method.title} {lacks}." if method is not None and (lacks := method.lacks()) else ""

    def _trained(self) -> MethodConfig | None:
        method = loaded_method(self.request.model)
        try:
            return (
                None
                if method is None
                else method.Config.model_validate(settings_of_method(self.request.model))
            )
        except ValueError:  # whoever restores with it says what is wrong
            return None

    # The queue ---------------------------------------------------------------------------------------

    def add(self, tomograms: Iterable[TomogramToRestore]) -> None:
        """Put tomograms at the end of the queue; those of one name are told apart by their folders."""
        self.entries.extend(QueueEntry(tomogram) for tomogram in tomograms)
        names = told_apart_by_folder([entry.tomogram for entry in self.entries])
        for entry, name in zip(self.entries, names, strict=True):
            if entry.state is EntryState.WAITING:
                entry.tomogram = replace(entry.tomogram, name=name)

    def remove(self, entries: Iterable[QueueEntry]) -> None:
        """Take tomograms out of the queue; those being restored stay."""
        gone = {entry for entry in entries if not self._is_in_work(entry)}
        self.entries = [entry for entry in self.entries if entry not in gone]

    def repeat(self, entries: Iterable[QueueEntry]) -> None:
        """Put tomograms that are over into the queue once more."""
        self.add([entry.tomogram for entry in entries if entry.is_over])

    def waiting(self) -> list[QueueEntry]:
        """Return the entries still to be restored."""
        return [entry for entry in self.entries if entry.state is EntryState.WAITING]

    def problem(self) -> str:
        """Return what keeps restoring from being started, in one sentence; empty if nothing does."""
        return self.request.problem(self.next_tomograms()) or self._lack()

    # Work --------------------------------------------------------------------------------------------

    def start(self) -> Restoration:
        """Restore the queue, or the tomogram chosen among the layers if nothing waits.

        Raises
        ------
        ValueError
            With the sentence of `problem`.
        """
        problem = self.problem()
        if problem:
            raise ValueError(problem)
        if not self.waiting():
            self.add(self.next_tomograms())
        before = self.restoration if self.restoration is not None and self.restoration.alive else None
        self.restoration = Restoration(self.waiting(), self._plan(), engine=self.engine, after=before)
        return self.restoration

    def cancel(self) -> None:
        """Stop restoring after the tile in progress."""
        if self.restoration is not None:
            self.restoration.stop()

    @property
    def is_restoring(self) -> bool:
        """Whether restoring goes on and was not cancelled."""
        work = self.restoration
        return work is not None and work.alive and not work.is_stopping

    def newly_over(self) -> list[QueueEntry]:
        """Return the entries that ended since the last call."""
        over = [entry for entry in self.entries if entry.is_over and entry not in self._told]
        self._told.update(over)
        return over

    def words(self) -> str:
        """Return how far restoring is, e.g. ``TS01: 43 % · 0:42 left``, and what there is to say of it."""
        work = self.restoration
        if work is None or not self.is_restoring:
            return ""
        entry = next((item for item in work.entries if not item.is_over), work.entries[-1])
        place = f"{work.entries.index(entry) + 1} of {len(work.entries)} · " if len(work.entries) > 1 else ""
        left = work.seconds_left()
        if not entry.share:
            return f"{place}{entry.tomogram.name}: loading, first tiles…"
        time_left = f" · {duration_words(left)} left" if left is not None else ""
        remark = f" · {entry.remark}" if entry.remark else ""
        return f"{place}{entry.tomogram.name}: {entry.share:.0%}{time_left}{remark}"

    def _plan(self) -> RestorePlan:
        request = self.request
        return RestorePlan(
            model=request.model,
            chosen=self.chosen_step(),
            folder=request.folder_for(self.next_tomograms()) if request.saves else self._scratch_folder(),
            scratch=self._scratch_folder(),
            common={
                "method": self.other_settings(),
                "tiling": request.tiling.model_dump(),
                "hardware": request.hardware.model_dump(),
                **({"add_back": True} if request.add_back and request.learned_binned else {}),
            },
            recording=Recording(
                voxel_size=read_number(request.voxel_size),
                tilt_range=request.tilt_range,
                tilt_axis=request.tilt_axis or "auto",
            ),
            output=request.output_file if request.saves else None,
        )

    def _scratch_folder(self) -> Path:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="cryorestore-"))
            finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        return self._scratch

    def next_tomograms(self) -> list[TomogramToRestore]:
        """Return what would be restored: the queue, or the tomogram chosen among the layers."""
        waiting = [entry.tomogram for entry in self.waiting()]
        chosen = self.request.tomogram
        return waiting or ([chosen] if chosen is not None else [])

    def _is_in_work(self, entry: QueueEntry) -> bool:
        return self.is_restoring and self.restoration is not None and entry in self.restoration.entries


__all__ = ["RestoreModel"]
