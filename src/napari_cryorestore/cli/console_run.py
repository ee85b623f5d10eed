"""A run folder that also shows on a terminal what it records, and can be asked to stop by a signal."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.cli.run_words import headline
from napari_cryorestore.runs.events import Noted, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.cli.live_text import LiveText
    from napari_cryorestore.runs.events import Event


class ConsoleRun(RunDir):
    """Records as `RunDir` does.

    Parameters
    ----------
    path : Path
        The run folder.
    screen : LiveText, optional
        Where to show the state; nothing is shown without one.

    Attributes
    ----------
    state : RunState
        The fold of all that was ever recorded here.
    failure : str
        Why this training failed; empty if it did not, or could not even begin.
    """

    def __init__(self, path: Path | str, screen: LiveText | None = None) -> None:
        super().__init__(path)
        self.screen = screen
        self.state = RunState()
        self.state.apply(RunFollower(path).poll())
        self.failure = ""
        self._asked = False

    def stop(self) -> None:
        """Ask for a checkpoint and the end; holds also where training has not begun to listen yet."""
        self._asked = True
        if self.screen:
            self.screen.say("stopping: a checkpoint is being saved (again to end at once)")

    def request(self) -> Request:
        """Return what is asked of the loop, by a signal or by what others left in the folder."""
        asked = super().request()
        return Request.STOP if self._asked and asked is not Request.DISCARD else asked

    def record(self, event: Event) -> None:
        """Write an event down and show what it changes."""
        event = event if event.time else replace(event, time=time.time())
        super().record(event)
        self.hear(event)

    def warnings(self) -> list[str]:
        """Return the lines of all warnings that were recorded so far, each once."""
        noted = [_line(event) for event in self.state.messages if event.level == "warning"]
        return list(dict.fromkeys(noted))

    def tell_recorded(self) -> None:
        """Show what was recorded before this training began; of one that goes on, the warnings."""
        if self.screen is None:
            return
        fresh = self.state.status() == "waiting"
        told = [_line(event) for event in self.state.messages]
        for line in told if fresh else self.warnings():
            self.screen.say(line)

    def hear(self, event: Event) -> None:
        """Show what an event changes, whoever wrote it down."""
        self.state.apply([event])
        self.failure = self.state.error
        if self.screen is None or isinstance(event, Started):  # what it does first follows at once
            return
        if isinstance(event, Noted) and event.level != "phase":
            self.screen.say(_line(event))
        self.screen.show(headline(self.state))


def _line(event: Noted) -> str:
    """Return what was noted as findings are shown elsewhere."""
    return f"{'note' if event.level == 'info' else event.level}: {event.message}"


__all__ = ["ConsoleRun"]
