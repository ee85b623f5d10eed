"""What the monitor shows of a run, without any widget: one run folder read as it grows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_cryorestore.gui.monitor.preview_frames import (
    INPUT,
    FrameLoader,
    GrowingFrames,
    Placement,
    placement_of,
)
from napari_cryorestore.runs.events import Resumed, Snapshotted, Started, Stepped
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.runs.events import Event

READ_AT_ONCE = 1 << 16
"""Bytes of history read at once."""
READ_SECONDS = 0.04
"""How long one look may spend on reading history; a longer one arrives over several looks."""
LOAD_SECONDS = 0.03
"""How long one look may spend on loading frames."""
RESUME_SECONDS = 10.0
"""How long a paused run may take to go on when told to, before it counts as quiet."""


@dataclass(frozen=True)
class Changes:
    """What a look found new."""

    events: bool = False
    frames: bool = False


class MonitorModel:
    """Follows one run at a time, whoever trains it and whether it still goes on or not.

    Attributes
    ----------
    run : RunDir or None
        The run that is shown.
    state : RunState
        What its history adds up to.
    request : Request
        What was last requested of the run.
    placement : Placement
        Where its previews lie.
    selected : int or None
        The step that is looked at.
    follow : bool
        Whether the newest step is selected as it arrives.
    problem : str
        What could not be shown or done, for the user; empty if nothing.
    pins : set of int
        The steps that the user keeps.
    """

    def __init__(self) -> None:
        self._loader = FrameLoader()
        self._follower: RunFollower | None = None
        self._arrival: float | None = None
        self.run: RunDir | None = None
        self.request = Request.CONTINUE
        self.placement = Placement()
        self.pins: set[int] = set()
        self.selected: int | None = None
        self.follow = True
        self.problem = ""
        self._forget()

    @property
    def frames(self) -> GrowingFrames:
        """The previews, the untouched crop first; the same object for every run."""
        return self._loader.frames

    def attach(self, path: Path) -> None:
        """Show a run from now on, following its newest step.

        Raises
        ------
        FileNotFoundError
            If there is no run in that folder; the one shown before stays.
        """
        run = RunDir.open(path)
        self._forget()
        self.run, self._follower = run, RunFollower(path)
        self.request, self.pins, self.placement = run.request(), run.pins(), placement_of(run)
        self.follow = True

    def poll(self, *, seconds: float = LOAD_SECONDS) -> Changes:
        """Read what is new, spending about so many seconds on frames; call it ten times a second."""
        if self.run is None or self._follower is None:
            return Changes()
        events = self._read(self._follower)
        self.request = self.run.request()
        self._notice(events)
        self._notice_weights(self.run, recorded=bool(events))
        frames = self._loader.load(self.run, self.state.snapshots, seconds=seconds)
        self.problem = self._loader.problem or self.problem
        self._keep_selection()
        return Changes(bool(events), frames)

    # Looking ------------------------------------------------------------------------------------------

    def status(self, now: float | None = None) -> Status:
        """Return how the run is, by the clock of this machine even if another one trains."""
        status = self.state.status(self.training_time(now))
        since = self._resume_requested
        if status == "paused" and since and (time.time() if now is None else now) - since > RESUME_SECONDS:
            return "quiet"
        return status

    def training_time(self, now: float | None = None) -> float:
        """Return the present time by the clock of the machine that trains, as far as it can be told."""
        now = time.time() if now is None else now
        return now if self._arrival is None else self.state.last_time + now - self._arrival

    @property
    def newest(self) -> int | None:
        """The latest step that has a frame."""
        return self.frames.steps[-1] if len(self.frames) else None

    def select(self, step: float) -> None:
        """Look at the frame nearest to a step; anything but the newest ends following."""
        nearest = self.frames.nearest(step)
        if nearest is not None:
            self.selected = nearest
            self.follow = self.follow and nearest == self.newest

    def set_follow(self, follow: bool) -> None:
        """Select the newest frame now and whenever one arrives, or stay."""
        self.follow = follow
        if follow:
            self.selected = self.newest

    @property
    def selected_name(self) -> str:
        """The selected step in a word: ``600``, or ``input``."""
        return name_of(self.selected) if self.selected is not None else ""

    # Pins ---------------------------------------------------------------------------------------------

    def toggle_pin(self, step: float | None = None) -> None:
        """Pin the frame nearest to a step (the selected one by default), or let go of it.

        Raises
        ------
        OSError
            If the run folder cannot be written, with a sentence.
        """
        nearest = self.frames.nearest(step) if step is not None else self.selected
        if self.run is None or nearest is None or nearest == INPUT:
            return
        (self.run.unpin if nearest in self.pins else self.run.pin)(nearest)
        self.pins = self.run.pins()

    @property
    def shown_pins(self) -> list[int]:
        """The frames to show small: the untouched crop, then the pinned steps that are there, ascending."""
        return [step for step in self.frames.steps if step == INPUT or step in self.pins]

    # Requests -------------------------------------------------------------------------------------------

    @property
    def can_pause(self) -> bool:
        """Whether there is training to pause."""
        going_on = self._going_on and self.status() != "paused"
        return going_on and self.request is Request.CONTINUE

    @property
    def can_resume(self) -> bool:
        """Whether training waits, or is about to."""
        status = self.status()
        return status == "paused" or (status == "running" and self.request is Request.PAUSE)

    @property
    def can_stop(self) -> bool:
        """Whether there is training to stop that was not told to yet."""
        return self._going_on and not self.stopping

    @property
    def stopping(self) -> bool:
        """Whether training was told to stop and has not ended yet."""
        return self._going_on and self.request in (Request.STOP, Request.DISCARD)

    @property
    def can_continue(self) -> bool:
        """Whether the run ended early, by itself or not, or seems to have been killed."""
        ended_early = self.status() in ("stopped", "failed", "quiet") or bool(self.state.why)
        return self.run is not None and ended_early

    @property
    def used(self) -> int | None:
        """The step to restore or compare with; ``None`` where its weights are not there.

        The selected one; but where the newest frame is merely followed, the one that is advised.
        """
        followed = self.follow and self.selected == self.newest
        step = self.state.advice.step if followed else self.selected
        return step if step is not None and self.state.has_weights(step) else None

    def pause(self) -> None:
        """Tell training to wait; raises ``OSError`` with a sentence where the folder cannot be written."""
        self._request(RunDir.request_pause)

    def resume(self) -> None:
        """Tell training to go on; errors as for `pause`."""
        self._request(RunDir.request_resume)
        self._resume_requested = time.time()

    def stop(self) -> None:
        """Tell training to save and end; errors as for `pause`."""
        self._request(RunDir.request_stop)

    def stop_without_saving(self) -> None:
        """Tell training to end at once; errors as for `pause`."""
        self._request(RunDir.request_discard)

    def request_preview(self) -> None:
        """Request a preview at the next step; errors as for `pause`."""
        self._request(RunDir.request_snapshot)

    # How it works -------------------------------------------------------------------------------------

    @property
    def _going_on(self) -> bool:
        return self.run is not None and self.status() in ("running", "waiting", "paused")

    def _read(self, follower: RunFollower) -> list[Event]:
        """Fold what is new, piece by piece, until nothing is left or the time is up."""
        read: list[Event] = []
        deadline = time.monotonic() + READ_SECONDS
        while events := follower.poll(limit=READ_AT_ONCE):
            if follower.replaced:  # by another history: what was folded so far no longer holds
                follower.replaced = 0
                self._forget()
            self.state.apply(events)
            read += events
            if time.monotonic() > deadline:
                break
        return read

    def _request(self, request: Callable[[RunDir], None]) -> None:
        if self.run is not None:
            request(self.run)
            self.request = self.run.request()

    def _forget(self) -> None:
        """Start with nothing known of the run."""
        self._loader.forget()
        self.state = RunState()
        self.selected = None
        self.problem = ""
        self._caught_up = False
        self._arrival = None
        self._resume_requested = 0.0
        self._weights_changed = -1

    def _notice_weights(self, run: RunDir, *, recorded: bool) -> None:
        """List the weights where something was recorded, or some came or went: a folder's time tells that."""
        changed = run.checkpoints_changed()
        if recorded or changed != self._weights_changed:
            self.state.notice_weights(run.checkpoint_steps())
            self._weights_changed = changed

    def _notice(self, events: list[Event]) -> None:
        if events and self._caught_up:
            self._arrival = time.time()
        self._caught_up = self._caught_up or not events
        if any(isinstance(event, Started | Stepped | Resumed) for event in events):
            self._resume_requested = 0.0
        self._loader.expect({event.step for event in events if isinstance(event, Snapshotted)})

    def _keep_selection(self) -> None:
        if self.follow or self.selected is None:
            self.selected = self.newest
        elif self.selected not in self.frames.steps:
            self.selected = self.frames.nearest(self.selected)


def name_of(step: int) -> str:
    """Return a step in a word: ``600``, or ``input``."""
    return "input" if step == INPUT else str(step)


__all__ = ["Changes", "MonitorModel", "name_of"]
