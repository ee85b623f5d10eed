"""Brings the frames of a preview history up to date with what lies in the run folder, a few at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_cryorestore.gui.frames import INPUT, GrowingFrames

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_cryorestore.runs.run_dir import RunDir

PATIENCE = 50
"""Looks after which a preview that was announced, but cannot be found, is given up."""


class FrameLoader:
    """Loads the untouched crop first, then the newest preview, then back in time.

    Attributes
    ----------
    frames : GrowingFrames
        What is loaded; always the same object.
    problem : str
        Why a preview could not be shown, for the user; empty if none.
    """

    def __init__(self) -> None:
        self.frames = GrowingFrames()
        self.forget()

    def forget(self) -> None:
        """Start with nothing."""
        self.frames.clear()
        self.problem = ""
        self._tries: dict[int, int] = {}
        self._stale: set[int] = set()

    def expect(self, written: Collection[int]) -> None:
        """Load these steps again if they are there already: a run that goes on writes them anew."""
        self._stale |= set(written) & set(self.frames.steps)
        for step in written:
            self._tries.pop(step, None)

    def load(self, run: RunDir, wanted: Collection[int], *, seconds: float) -> bool:
        """Drop frames that are no longer wanted, load what is missing, and tell whether anything changed.

        Parameters
        ----------
        run
            Where the previews are.
        wanted
            The steps to show.
        seconds
            After so long, the rest waits for the next call.
        """
        changed = self._drop_all_but({INPUT, *wanted})
        deadline = time.monotonic() + seconds
        there = set(self.frames.steps) - self._stale
        for step in (INPUT, *sorted(wanted, reverse=True)):
            if step in there or self._tries.get(step, 0) >= PATIENCE:
                continue
            changed |= self._load_one(run, step)
            if time.monotonic() > deadline:
                break
        return changed

    def _drop_all_but(self, wanted: set[int]) -> bool:
        gone = [step for step in self.frames.steps if step not in wanted]
        for step in gone:
            self.frames.drop(step)
        return bool(gone)

    def _load_one(self, run: RunDir, step: int) -> bool:
        try:
            self.frames.put(step, run.read_input() if step == INPUT else run.read_snapshot(step))
        except FileNotFoundError:  # the input comes without being announced; others may be on their way
            self._tries[step] = self._tries.get(step, 0) + (step != INPUT)
            return False
        except (OSError, ValueError) as error:
            self._tries[step] = PATIENCE
            self.problem = str(error)
            return False
        self._stale.discard(step)
        return True


__all__ = ["PATIENCE", "FrameLoader"]
