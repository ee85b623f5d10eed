"""The recorder of one process of a run: the first records and reads requests, the others do neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_cryorestore.checkpoint import drop_resume_states
from napari_cryorestore.runs.events import Checkpointed, Event, Noted, Snapshotted, Thinned
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir, step_of_checkpoint
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    import numpy as np

    from napari_cryorestore.runs.recorder import Recorder


class RankRecorder:
    """Records for the first of several processes, and keeps silent for the others.

    Parameters
    ----------
    recorder : Recorder
        Where to.
    kept : int
        Snapshots and checkpoints kept before thinning.
    first : bool
        Whether this is the first process.
    past : iterable of Event
        What was recorded before, for the first process to know.

    Attributes
    ----------
    state : RunState
        What all that was recorded adds up to, in the first process.
    saved : list of int
        The steps whose weights are kept, ascending.
    """

    def __init__(self, recorder: Recorder, *, kept: int, first: bool, past: Iterable[Event] = ()) -> None:
        self._recorder, self._kept = recorder, kept
        self.first = first
        self.state = RunState()
        self.state.apply(past)
        self.saved: list[int] = []

    def record(self, event: Event) -> None:
        """Record an event."""
        if self.first:
            self._recorder.record(event)
            self.state.apply([event])

    def note(
        self, message: str, *, level: Literal["phase", "info", "warning"] = "warning", step: int = 0
    ) -> None:
        """Record a sentence that the user should read."""
        self.record(Noted(step=step, level=level, message=message))

    def warn(self, message: str) -> None:
        """Record a warning, unless the run knows it: its inputs were examined when it was made."""
        if all(message != known.message for known in self.state.messages):
            self.note(message)

    def request(self) -> Request:
        """Return what is requested of the run; the other processes have to be told."""
        return self._recorder.request() if self.first else Request.CONTINUE

    def snapshot_requested(self) -> bool:
        """Tell whether a preview was requested since the last call; the other processes have to be told."""
        return self.first and self._recorder.snapshot_requested()

    def input(self, array: np.ndarray) -> None:
        """Save the untouched preview block (z, y, x)."""
        if self.first:
            self._recorder.write_input(array)

    def show(self, step: int, array: np.ndarray) -> None:
        """Save the restored preview block (z, y, x)."""
        if self.first:
            file = self._recorder.write_snapshot(step, array)
            self.record(Snapshotted(step=step, file=file))

    def take_up(self, checkpoint: Path) -> None:
        """Look up what is kept, and record this checkpoint: a process killed right after saving could not."""
        self.saved = RunDir(checkpoint.parent.parent).checkpoint_steps()
        self.record(
            Checkpointed(
                step=step_of_checkpoint(checkpoint), file=f"{checkpoint.parent.name}/{checkpoint.name}"
            )
        )

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Let `write` fill a checkpoint, then delete steps beyond the number to keep."""
        if not self.first:
            return
        parents: list[Path] = []

        def fill(folder: Path) -> None:
            write(folder)
            parents.append(folder.parent)

        file = self._recorder.write_checkpoint(step, fill)
        drop_resume_states(parents[0], keep=file.rsplit("/", 1)[-1])
        self.record(Checkpointed(step=step, file=file))
        self.saved = sorted({*self.saved, step})
        advised = self.state.advice.step
        pinned = self._recorder.pins() | (set() if advised is None else {advised})
        removed = steps_to_remove(self.saved, kept=self._kept, pinned=pinned)
        if removed:  # told first: who is killed in between leaves files too many, never names without files
            self.record(Thinned(step=step, removed=removed))
        for gone in removed:
            self._recorder.remove_step(gone)
            self.saved.remove(gone)


def steps_to_remove(steps: Sequence[int], *, kept: int, pinned: Collection[int] = ()) -> list[int]:
    """Return the steps to delete so that no more than `kept` remain.

    The first, the last and pinned steps stay; of the others goes, one after another, the one whose
    neighbours are closest together.
    """
    left = sorted(steps)
    removed: list[int] = []
    while len(left) > kept:
        gaps = [
            (left[i + 1] - left[i - 1], left[i]) for i in range(1, len(left) - 1) if left[i] not in pinned
        ]
        if not gaps:
            break
        step = min(gaps)[1]
        left.remove(step)
        removed.append(step)
    return sorted(removed)
