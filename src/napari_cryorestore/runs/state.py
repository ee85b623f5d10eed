"""What a run's history adds up to: a fold of its events, for every window and terminal to show."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_cryorestore.runs.advice import StepAdvice, advise
from napari_cryorestore.runs.events import (
    Checkpointed,
    Evaluated,
    Event,
    Failed,
    Finished,
    Noted,
    Paused,
    Resumed,
    Snapshotted,
    Started,
    Stepped,
    Thinned,
)
from napari_cryorestore.runs.held_out import FILLING, OCTANTS, Ending, HeldOut, ending

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

Status = Literal["waiting", "running", "paused", "quiet", "completed", "stopped", "failed"]
QUIET_AFTER = 60.0
QUIET_GAPS = 20
_MESSAGES_KEPT = 500


class RunState:
    """The fold of a run's events.

    Attributes
    ----------
    step, steps : int
        Optimiser steps done, and planned.
    rate : float
        Training steps per second, previews left out; 0 where unknown.
    memory : float
        Peak memory of the device in GB; 0 where unknown.
    phase : str
        What is being prepared; empty while steps are done.
    messages : list of Noted
        What the user should read, oldest first.
    error, traceback : str
        Why the run failed; empty otherwise.
    may_end : bool
        Whether training ends before its last step where held-out agreement has clearly fallen.
    why : str
        One sentence where it did; empty otherwise.
    ended_itself : bool
        Whether it ever did, so that going on means all the steps.
    host : str
        The machine of the latest process.
    last_time : float
        When the latest event happened, seconds since 1970; 0 before the first.
    curves : dict of str to Curve
        ``"loss"`` and the parts of the loss, by step.
    metrics : dict of str to Curve
        Quality numbers, by step.
    beginning : dict of str to float
        Those of the network before training, of which there is no snapshot; old runs have none.
    left_out : dict of int to dict
        By step, some of these numbers again, each with one octant of the held-out block left out.
    spreads : dict of int to float or None
        By step, the spread of the restored block relative to the input's.
    snapshots, checkpoints : dict of int to str
        Files and folders by step, relative to the run, ascending; those thinned out are gone.
    """

    def __init__(self) -> None:
        self.step = 0
        self.steps = 0
        self.rate = 0.0
        self.memory = 0.0
        self.phase = ""
        self.messages: list[Noted] = []
        self.error = ""
        self.traceback = ""
        self.may_end = self.ended_itself = False
        self.why = ""
        self.host = ""
        self.last_time = 0.0
        self.curves: dict[str, Curve] = {}
        self.metrics: dict[str, Curve] = {}
        self.beginning: dict[str, float] = {}
        self.left_out: dict[int, dict[str, list[float]]] = {}
        self.spreads: dict[int, float | None] = {}
        self.snapshots: dict[int, str] = {}
        self.checkpoints: dict[int, str] = {}
        self._status: Status = "waiting"
        self._gap = 0.0
        self._last_stepped = 0.0
        self._advice: StepAdvice | None = None
        self._on_disk: set[int] | None = None
        self._folds: dict[type[Event], Callable[..., None]] = {
            Started: self._started, Noted: self._noted, Stepped: self._stepped,
            Snapshotted: self._snapshotted, Evaluated: self._evaluated, Checkpointed: self._checkpointed,
            Thinned: self._thinned, Paused: self._paused, Resumed: self._resumed,
            Finished: self._finished, Failed: self._failed,
        }  # fmt: skip

    def apply(self, events: Iterable[Event]) -> None:
        """Fold more events in, in the order in which they were recorded."""
        folds = self._folds
        for event in events:
            self._advice = None
            self.last_time = event.time
            folds[type(event)](event)

    def status(self, now: float | None = None) -> Status:
        """Return how the run is.

        Parameters
        ----------
        now : float, optional
            Seconds since 1970 by the clock of the machine that trains; the present time by default.

        Returns
        -------
        str
            ``"quiet"`` where training should be running, but nothing was recorded for more than a minute
            and twenty times the usual gap: a killed process writes no last event.
        """
        if self._status != "running":
            return self._status
        silence = (time.time() if now is None else now) - self.last_time
        return "quiet" if silence > max(QUIET_AFTER, QUIET_GAPS * self._gap) else "running"

    @property
    def quiet_since(self) -> float | None:
        """When the latest event happened, seconds since 1970; ``None`` before the first."""
        return self.last_time or None

    @property
    def seconds_left(self) -> float | None:
        """Seconds of training left at the present rate; ``None`` where unknown or not running."""
        if self._status != "running" or self.rate <= 0 or not self.steps:
            return None
        return max(0, self.steps - self.step) / self.rate

    @property
    def advice(self) -> StepAdvice:
        """Which step to take and how training is doing: all lights, sentences and buttons are made from it.

        Of the steps that were previewed and saved, as far as either is known.
        """
        if self._advice is None:
            self._advice = self.advice_among(self._usable())
        return self._advice

    def notice_weights(self, steps: Collection[int]) -> None:
        """Know whose weights are on disk, so that no step is advised that somebody deleted by hand."""
        if self._on_disk != set(steps):
            self._on_disk, self._advice = set(steps), None

    def has_weights(self, step: int) -> bool:
        """Tell whether the weights of a step are there, as far as is known."""
        return step in self.checkpoints and (self._on_disk is None or step in self._on_disk)

    def advice_among(self, kept: Collection[int] | None) -> StepAdvice:
        """Return the advice if these are the steps to choose from; ``None`` for all that were scored."""
        ended, history = self._status in ("completed", "stopped", "failed"), self.held_out()
        return advise(history, kept=kept, ended=ended, unscored=bool(self.spreads) and not history)

    def held_out(self) -> list[HeldOut]:
        """Return what every step scored on the held-out block, ascending."""
        n2n, fill = self.metrics.get("n2n"), self.metrics.get("fill")
        if "n2n" not in self.beginning and n2n is None:
            return self._judged_by_filling(fill)
        scored = [self._held_out(0, **self.beginning)] if "n2n" in self.beginning else []
        steps, values = ([], []) if n2n is None else (n2n.steps.tolist(), n2n.values.tolist())
        for step, value in zip(steps, values, strict=True):
            scored.append(self._held_out(step, value, None if fill is None else fill.at(step)))
        return scored

    def _held_out(self, step: int, n2n: float, fill: float | None = None, **others: float) -> HeldOut:
        del others
        filled = np.nan if fill is None else fill
        return HeldOut(step, n2n, filled, self.left_out.get(step, {}), self.spreads.get(step))

    def _judged_by_filling(self, fill: Curve | None) -> list[HeldOut]:
        """Return what every step of one map scored, which has nothing to agree with."""
        known = {0: self.beginning["fill"]} if "fill" in self.beginning else {}
        if fill is not None:
            known |= dict(zip(fill.steps.tolist(), fill.values.tolist(), strict=True))
        return [
            HeldOut(
                step,
                value,
                left_out={"n2n": self.left_out.get(step, {}).get("fill", ())},
                spread=self.spreads.get(step),
                by=FILLING,
            )
            for step, value in known.items()
        ]

    @property
    def ending(self) -> Ending | None:
        """Why training need not go on, as far as the held-out numbers tell; ``None`` while it should."""
        return ending(self.held_out())

    def _usable(self) -> Collection[int] | None:
        if not self.checkpoints:
            return self.snapshots.keys() or None
        there = {step for step in self.checkpoints if self.has_weights(step)}
        return self.snapshots.keys() & there or there

    def _started(self, event: Started) -> None:
        self._rewind(event.step)
        self._status = "running"
        self.step, self.steps, self.host = event.step, event.steps, event.host
        self.may_end = event.may_end
        self.error = self.traceback = self.phase = self.why = ""
        self.rate = self._gap = self._last_stepped = 0.0

    def _noted(self, event: Noted) -> None:
        if event.level == "phase":
            self.phase = event.message
            return
        self.messages.append(event)
        del self.messages[:-_MESSAGES_KEPT]

    def _stepped(self, event: Stepped) -> None:
        if event.step < self.step:
            self._rewind(event.step)
        self._status = "running"
        self.phase = ""
        self.step, self.rate, self.memory = event.step, event.rate, event.memory
        _append(self.curves, "loss", event.step, event.loss)
        for name, value in event.parts.items():
            _append(self.curves, name, event.step, value)
        if self._last_stepped:
            gap = max(0.0, event.time - self._last_stepped)
            self._gap += 0.1 * (gap - self._gap) if self._gap else gap
        self._last_stepped = event.time

    def _snapshotted(self, event: Snapshotted) -> None:
        _put(self.snapshots, event.step, event.file)

    def _evaluated(self, event: Evaluated) -> None:
        self.spreads[event.step] = event.spread
        self.left_out[event.step] = {
            name: values for name, values in event.left_out.items() if len(values) == OCTANTS
        }
        if event.step == 0:
            self.beginning = event.metrics
            return
        for name, value in event.metrics.items():
            _append(self.metrics, name, event.step, value)

    def _checkpointed(self, event: Checkpointed) -> None:
        _put(self.checkpoints, event.step, event.file)

    def _thinned(self, event: Thinned) -> None:
        for step in event.removed:
            self.snapshots.pop(step, None)
            self.checkpoints.pop(step, None)

    def _paused(self, event: Paused) -> None:
        self._status = "paused"

    def _resumed(self, event: Resumed) -> None:
        self._status = "running"
        self._last_stepped = 0.0

    def _finished(self, event: Finished) -> None:
        self._status = event.reason
        self.step, self.why = event.step, event.why
        self.ended_itself |= bool(event.why)
        self.phase = ""

    def _failed(self, event: Failed) -> None:
        self._status = "failed"
        self.error, self.traceback, self.phase = event.error, event.traceback, ""

    def _rewind(self, step: int) -> None:
        """Forget what a killed process did after the step from which training goes on."""
        for curves in (self.curves, self.metrics):
            for name, curve in list(curves.items()):
                curve.rewind(step)
                if not len(curve):  # so that whatever has a name has a latest value
                    del curves[name]
        for files in (self.snapshots, self.checkpoints, self.left_out, self.spreads):
            for later in [known for known in files if known > step]:
                del files[later]


class Curve:
    """Values by step, ascending; appending costs constant time on average.

    New values wait in lists until somebody looks, so a fold of many events copies next to nothing.
    """

    def __init__(self) -> None:
        self._steps = np.empty(256, dtype=np.int64)
        self._values = np.empty(256, dtype=np.float64)
        self._length = 0
        self._last: float = -math.inf
        self._new_steps: list[int] = []
        self._new_values: list[float] = []

    def __len__(self) -> int:
        return self._length + len(self._new_steps)

    @property
    def steps(self) -> np.ndarray:
        """Steps, int64, shape (n,); a read-only view of the present state."""
        self._settle()
        return _read_only(self._steps[: self._length])

    @property
    def values(self) -> np.ndarray:
        """Values, float64, shape (n,), NaN where a loss was not finite; a read-only view."""
        self._settle()
        return _read_only(self._values[: self._length])

    def append(self, step: int, value: float) -> None:
        """Add a value; what was known of this step and later ones is forgotten first."""
        if step <= self._last:
            self.rewind(step - 1)
        self._last = step
        self._new_steps.append(step)
        self._new_values.append(value)

    def rewind(self, step: int) -> None:
        """Forget everything after a step."""
        self._settle()
        self._length = int(np.searchsorted(self._steps[: self._length], step, side="right"))
        self._last = int(self._steps[self._length - 1]) if self._length else -math.inf

    def at(self, step: int) -> float | None:
        """Return the value of exactly this step, or ``None``."""
        steps = self.steps
        index = int(np.searchsorted(steps, step))
        return float(self._values[index]) if index < len(steps) and steps[index] == step else None

    def _settle(self) -> None:
        """Move what waits into the arrays, which at least double when they are too short."""
        if not self._new_steps:
            return
        length = len(self)
        if length > len(self._steps):
            room = max(length, 2 * len(self._steps))
            self._steps = np.resize(self._steps, room)
            self._values = np.resize(self._values, room)
        self._steps[self._length : length] = self._new_steps
        self._values[self._length : length] = self._new_values
        self._length = length
        self._new_steps.clear()
        self._new_values.clear()


def _append(curves: dict[str, Curve], name: str, step: int, value: float) -> None:
    curve = curves.get(name)
    if curve is None:
        curve = curves[name] = Curve()
    curve.append(step, value)


def _put(files: dict[int, str], step: int, file: str) -> None:
    """Keep the steps ascending, whatever the order of arrival."""
    later = sorted(known for known in files if known > step)
    files[step] = file
    for known in later:
        files[known] = files.pop(known)


def _read_only(view: np.ndarray) -> np.ndarray:
    view.flags.writeable = False
    return view


__all__ = ["QUIET_AFTER", "QUIET_GAPS", "Curve", "RunState", "Status"]
