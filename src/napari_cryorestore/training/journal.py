"""What a run writes down: events, checkpoints and which of them it lets go; on the first process only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_cryorestore.checkpoint import drop_resume_states
from napari_cryorestore.runs.events import Checkpointed, Event, Noted, Thinned
from napari_cryorestore.training.thinning import steps_to_remove

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.runs.recorder import Recorder


class Journal:
    """Records for the first of several processes, and keeps silent for the others.

    Parameters
    ----------
    recorder : Recorder
        Where to.
    kept : int
        Snapshots and checkpoints kept before thinning.
    """

    def __init__(self, recorder: Recorder, *, kept: int) -> None:
        self.recorder, self.kept = recorder, kept
        self.first = True
        self.saved: list[int] = []

    def record(self, event: Event) -> None:
        """Record an event."""
        if self.first:
            self.recorder.record(event)

    def note(
        self, message: str, *, level: Literal["phase", "info", "warning"] = "warning", step: int = 0
    ) -> None:
        """Record a sentence that the user should read."""
        self.record(Noted(step=step, level=level, message=message))

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Write a checkpoint, then let go of what is too much."""
        if not self.first:
            return
        parents: list[Path] = []

        def fill(folder: Path) -> None:
            write(folder)
            parents.append(folder.parent)

        file = self.recorder.write_checkpoint(step, fill)
        drop_resume_states(parents[0], keep=file.rsplit("/", 1)[-1])
        self.record(Checkpointed(step=step, file=file))
        self.saved = sorted({*self.saved, step})
        removed = steps_to_remove(self.saved, kept=self.kept, pinned=self.recorder.pins())
        for gone in removed:
            self.recorder.remove_step(gone)
            self.saved.remove(gone)
        if removed:
            self.record(Thinned(step=step, removed=removed))
