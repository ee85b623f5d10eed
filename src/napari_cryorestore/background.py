"""Threads: short tasks whose results are fetched later, and long work that ends before the program does."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CLOSE_TIMEOUT = 2.5  # seconds that work has to save and end when its window closes
_EXIT_TIMEOUT = 20.0  # seconds when the program ends: whoever is still inside PyTorch then aborts it
_PATIENCE = 0.2  # seconds between two requests to end
_SHORT_SWITCH = 1e-3  # seconds; the default of 5 ms makes the window wait for a computing thread
_LOG = logging.getLogger(__name__)
_UNFINISHED = (
    "Of the trainings and restorations here, %s still in the middle of a step or tile %g s after being "
    "told to end. It ends after that, a training with a checkpoint, unless the program is gone by then; "
    "a run goes on from its newest checkpoint, or from its beginning if it has none, with Continue in the "
    "Monitor or 'cryorestore train --resume RUN'."
)


class Background:
    """Runs one function per name at a time; once a newer one waits, the older's result is dropped.

    Answers are delivered by `poll`, in the thread that calls it: Qt stays in its own thread.
    """

    def __init__(self) -> None:
        self._running: dict[str, _Task] = {}
        self._next: dict[str, _Task] = {}

    def start(
        self,
        name: str,
        function: Callable[[], Any],
        *,
        answer: Callable[[Any], None],
        failure: Callable[[BaseException], None],
    ) -> None:
        """Run a function in a thread, after the one of the same name that may still be running.

        Parameters
        ----------
        name
            What it is; of several waiting under one name only the latest is run.
        function
            Must not touch widgets.
        answer, failure
            Called by `poll` with the result, or with what was raised.
        """
        task = _Task(function, answer, failure)
        if name in self._running:
            self._next[name] = task
        else:
            self._launch(name, task)

    def busy(self, name: str | None = None) -> bool:
        """Tell whether the result of a function, or of the one of that name, is still to come."""
        return bool(self._running) if name is None else name in self._running

    def poll(self) -> None:
        """Deliver the results that have arrived."""
        for name, task in list(self._running.items()):
            if task.outcome is None:
                continue
            del self._running[name]
            successor = self._next.pop(name, None)
            if successor is not None:
                self._launch(name, successor)
            else:
                task.outcome()

    def forget(self) -> None:
        """Deliver no more results."""
        self._next.clear()
        self._running.clear()

    def _launch(self, name: str, task: _Task) -> None:
        self._running[name] = task
        # not a daemon: the interpreter must not end while a thread is inside PyTorch
        task.thread = threading.Thread(target=task.run, name=f"cryorestore {name}")
        task.thread.start()


@dataclass
class _Task:
    function: Callable[[], Any]
    answer: Callable[[Any], None]
    failure: Callable[[BaseException], None]
    outcome: Callable[[], None] | None = None
    thread: threading.Thread | None = field(default=None, repr=False)

    def run(self) -> None:
        try:
            result = self.function()
        except BaseException as error:  # noqa: BLE001  handed to `failure`; a thread has nobody to raise to
            self.outcome = _bound(self.failure, error)
        else:
            self.outcome = _bound(self.answer, result)


def _bound(function: Callable[[Any], None], argument: Any) -> Callable[[], None]:
    return lambda: function(argument)


class Work(Protocol):
    """Something that computes in the background, such as a training run or a restoration."""

    @property
    def alive(self) -> bool:
        """Whether it is still going on."""
        ...

    def stop(self) -> None:
        """Tell it to save what it has and end; returns at once."""
        ...

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most so many seconds, and tell whether it came."""
        ...


class ThreadWork:
    """Work in a thread of its own, which begins at once.

    Parameters
    ----------
    name : str
        Of the thread.
    function : callable
        What is done; looks at `is_stopping` now and then.
    """

    def __init__(self, name: str, function: Callable[[], object]) -> None:
        self._stopping = threading.Event()
        # a daemon, so that the end of the program can stop it instead of waiting for it
        self._thread = threading.Thread(target=function, name=f"cryorestore {name}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it is still going on."""
        return self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Tell it to end; returns at once."""
        self._stopping.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most so many seconds, and tell whether it came."""
        self._thread.join(timeout)
        return not self.alive


def hold_work(work: Work) -> None:
    """Make sure that work ends before the program does, and that windows stay responsive meanwhile.

    The work is kept until its end, even if the panel or viewer that started it is gone.
    """
    _LIVE.hold(work)


def end_work(work: Iterable[Work], *, timeout: float = CLOSE_TIMEOUT) -> bool:
    """Stop work, wait for all of it at the same time, and tell whether it ended within so many seconds."""
    going_on = [item for item in work if item.alive]
    deadline = time.monotonic() + timeout
    while going_on and time.monotonic() < deadline:
        for item in going_on:
            item.stop()  # again: work that is just beginning forgets what it was told before
        going_on[0].join(min(_PATIENCE, deadline - time.monotonic()))
        going_on = [item for item in going_on if item.alive]
    if going_on:
        _LOG.warning(_UNFINISHED, "one is" if len(going_on) == 1 else f"{len(going_on)} are", timeout)
    return not going_on


def end_held_work() -> None:
    """Stop all work that is held, and wait a little for it: the program is about to quit."""
    _LIVE.stop()


class _Live:
    """All the work of this program, held until its end even if its viewer is gone."""

    def __init__(self) -> None:
        self._work: set[Work] = set()
        self._lock = threading.Lock()
        self._usual_switch = sys.getswitchinterval()

    def hold(self, work: Work) -> None:
        """Keep the GUI thread's turns short until the last work has ended."""
        with self._lock:
            if not self._work:
                self._usual_switch = sys.getswitchinterval()
                sys.setswitchinterval(_SHORT_SWITCH)
            self._work.add(work)
        threading.Thread(target=self._release, args=(work,), name="await end", daemon=True).start()

    def stop(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Stop all work and wait for it, at most so many seconds."""
        with self._lock:
            work = list(self._work)
        end_work(work, timeout=timeout)

    def _release(self, work: Work) -> None:
        work.join(None)
        with self._lock:
            self._work.discard(work)
            if not self._work:
                sys.setswitchinterval(self._usual_switch)


_LIVE = _Live()
atexit.register(_LIVE.stop, _EXIT_TIMEOUT)


__all__ = [
    "CLOSE_TIMEOUT",
    "Background",
    "ThreadWork",
    "Work",
    "end_held_work",
    "end_work",
    "hold_work",
]
