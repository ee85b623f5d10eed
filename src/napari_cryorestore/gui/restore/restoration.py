"""The work on a queue of tomograms: one after the other, in a thread; free of Qt and PyTorch."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_cryorestore.background import ThreadWork
from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.gui.named_volume import file_name, written_inputs
from napari_cryorestore.gui.restore.queue import EntryState, QueueEntry, RestorePlan, TomogramToRestore
from napari_cryorestore.io.tilts_beside import tilts_beside
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_cryorestore.gui.model_choice import ModelChoice


def restore_file(
    fields: dict[str, Any],
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    say: Callable[[str], None],
) -> Path:
    """Restore by the values of a `RestoreConfig` and ``chosen``; see `restoration.restore`."""
    from napari_cryorestore.restoration import RestoreConfig, restore

    values = {name: value for name, value in fields.items() if name != "chosen"}
    return restore(
        RestoreConfig.model_validate(values),
        chosen=fields["chosen"],
        progress=progress,
        cancelled=cancelled,
        say=say,
        found=lambda finding: say(finding.text),
    )


def title_of(tomogram: str, model: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return what the result is called (see `napari_cryorestore.restoration.layer_name`)."""
    from napari_cryorestore.restoration import ModelRef, layer_name

    return layer_name(tomogram, ModelRef.model_validate(model), settings)


@dataclass(frozen=True)
class Engine:
    """What restores; replaced in tests.

    Attributes
    ----------
    restore : callable
        Restores by the values of a `RestoreConfig`, and the step chosen; is given where to report how
        much is done, what tells whether it is cancelled, and where to say what the user might wonder about.
    title : callable
        Names the result of a tomogram, a model and settings of its method.
    """

    restore: Callable[
        [dict[str, Any], Callable[[float], None], Callable[[], bool], Callable[[str], None]], Path
    ] = restore_file
    title: Callable[[str, dict[str, Any], dict[str, Any]], str] = title_of


class Restoration(ThreadWork):
    """The work on a queue; when cancelled, it ends after the tile in progress and leaves nothing half-done.

    Parameters
    ----------
    entries : sequence of QueueEntry
        Restored in this order; one that fails does not keep the others from being restored.
    plan : RestorePlan
        How.
    engine : Engine
        By whom.
    after : Restoration, optional
        A cancelled one that may still be inside a tile; it is waited for.
    """

    def __init__(
        self,
        entries: Sequence[QueueEntry],
        plan: RestorePlan,
        *,
        engine: Engine,
        after: Restoration | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self.plan = plan
        self._engine, self._after = engine, after
        self._began = time.monotonic()
        super().__init__("restore", self._work)

    @property
    def share(self) -> float:
        """How much of all the voxels is done, 0 to 1."""
        return self._share_by(lambda entry: 1.0 if entry.is_over else entry.share)

    def seconds_left(self) -> float | None:
        """Estimate how long it will take, or ``None`` while that is a guess."""
        share = self.share
        done = share - self._share_by(lambda entry: entry.share_at_start)
        if done < 0.01:
            return None
        return (time.monotonic() - self._began) * (1 - share) / done

    def _share_by(self, share_of: Callable[[QueueEntry], float]) -> float:
        total = sum(entry.tomogram.voxels for entry in self.entries)
        return sum(entry.tomogram.voxels * share_of(entry) for entry in self.entries) / total

    def _work(self) -> None:
        if self._after is not None:
            self._after.join()
            self._after = None
        self._began = time.monotonic()
        for entry in self.entries:
            if self.is_stopping:
                return  # what was not begun waits for the next start
            self._restore(entry)

    def _restore(self, entry: QueueEntry) -> None:
        entry.model, entry.state = self.plan.model, EntryState.RUNNING
        try:
            settings = self.plan.common.get("method", {})
            entry.title = self._engine.title(entry.tomogram.name, self.plan.model.to_plain(), settings)
            report, say = partial(_report, entry), partial(setattr, entry, "remark")
            entry.output = self._engine.restore(self._fields(entry), report, lambda: self.is_stopping, say)
        except BaseException as error:  # noqa: BLE001  a thread has nobody to raise to; the entry says it
            if not self.is_stopping:
                entry.sentence, entry.details = explain(error), traceback.format_exc()
            entry.state = EntryState.CANCELLED if self.is_stopping else EntryState.FAILED
        else:
            entry.state = EntryState.DONE

    def _fields(self, entry: QueueEntry) -> dict[str, Any]:
        tomogram, plan = entry.tomogram, self.plan
        known = known_settings(tomogram, plan.model)
        own = Recording(
            voxel_size=tomogram.even.voxel_size or known.voxel_size,
            tilt_range=tilts_of_run(tomogram, plan.model),
            tilt_axis=known.axis,
        )
        recording = plan.recording.over(own)
        paths = written_inputs(tomogram.volumes, plan.scratch, voxel_size=recording.voxel_size or 1.0)
        maps = [paths[volume] for volume in tomogram.volumes]
        return {
            "model": plan.model.to_plain(),
            "chosen": plan.chosen,
            "tomogram": {"maps": maps, "recording": recording.model_dump()},
            "output": self._output(entry.title),
            **plan.common,
        }

    def _output(self, title: str) -> Path:
        from napari_cryorestore.whole_file import unique_path

        path = self.plan.output or self.plan.folder / output_name(title)
        path.parent.mkdir(parents=True, exist_ok=True)
        return unique_path(path)


def _report(entry: QueueEntry, share: float) -> None:
    if entry.remark and not entry.share:  # the first word of one that goes on
        entry.share_at_start = share
    entry.share = share


def known_settings(tomogram: TomogramToRestore, model: ModelChoice) -> Recording:
    """Return what the run, and a file of tilt angles beside it, know of a tomogram.

    Of one that the run did not learn from, the tilt range and axis of its first one are assumed, as tilt
    schemes are the same for a whole session; its voxel size is not.
    """
    learned = RunDir(model.run).recipe().tomograms if model.run is not None else []
    path = tomogram.even.path.absolute() if tomogram.even.path is not None else None
    known = next((item.recording for item in learned if path in item.maps), None)
    if known is None:
        first = learned[0].recording if learned else Recording()
        known = first.model_copy(update={"voxel_size": None})
    beside = None if path is None else tilts_beside(path).range
    return Recording(tilt_range=beside).over(known)


def tilts_of_run(tomogram: TomogramToRestore, model: ModelChoice) -> tuple[float, float] | None:
    """Return the tilt range that the run lends a tomogram; ``None`` where a file beside that says it."""
    path = tomogram.even.path
    beside = None if path is None else tilts_beside(path.absolute()).range
    return known_settings(tomogram, model).tilt_range if beside is None else None


def output_name(title: str) -> str:
    """Return the name of a result's file: ``TS01 · ICECREAM @ 600`` becomes ``TS01_ICECREAM_600.mrc``."""
    from napari_cryorestore.io.volumes import result_suffix

    return f"{file_name(title)}{result_suffix()}"


def explain(error: BaseException) -> str:
    """Return one sentence about why restoring failed."""
    if isinstance(error, OSError) and error.errno is not None and error.filename:
        return f"{error.filename}: {error.strerror}; choose another folder."
    if isinstance(error, ValueError | OSError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "There is not enough memory: choose smaller tiles under Advanced, or another device."
    words = str(error).strip().splitlines() or [type(error).__name__]
    return f"Restoring failed unexpectedly: {words[0]}"


__all__ = ["Engine", "Restoration", "explain", "known_settings", "output_name", "tilts_of_run"]
