"""Background work that ends before its window or the program does."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qtpy.QtWidgets import QWidget

CLOSE_TIMEOUT = 2.5  # seconds that work has to save and end when its window closes
_EXIT_TIMEOUT = 20.0  # seconds when the program ends: whoever is still inside PyTorch then aborts it
_PATIENCE = 0.2  # seconds between two requests to end
_SHORT_SWITCH = 1e-3  # seconds; the default of 5 ms makes the window wait for a computing thread
_LOG = logging.getLogger(__name__)
_UNFINISHED = (
    "Of the trainings and restorations here, %s still in the middle of a step or tile %g s after being "
    "asked to end. It ends after that, a training with a checkpoint, unless the program is gone by then; "
    "a run goes on from its newest checkpoint, or from its beginning if it has none, with Continue in the "
    "Monitor or 'cryorestore train --resume RUN'."
)


class Work(Protocol):
    """Something that computes in the background, such as a training run or a restoration."""

    @property
    def alive(self) -> bool:
        """Whether it is still going on."""
        ...

    def stop(self) -> None:
        """Ask it to save what it has and end; returns at once."""
        ...

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most so many seconds, and tell whether it came."""
        ...


def hold(work: Work) -> None:
    """See to it that work ends before the program does, and that windows stay quick meanwhile.

    The work is kept until its end, even if the panel or viewer that started it is gone.
    """
    _LIVE.hold(work)


def stop(work: Iterable[Work], *, timeout: float = CLOSE_TIMEOUT) -> bool:
    """Stop work, wait for all of it at the same time, and tell whether it ended within so many seconds."""
    going_on = [item for item in work if item.alive]
    deadline = time.monotonic() + timeout
    while going_on and time.monotonic() < deadline:
        for item in going_on:
            item.stop()  # again: work that is just beginning takes back what was asked of it before
        going_on[0].join(min(_PATIENCE, deadline - time.monotonic()))
        going_on = [item for item in going_on if item.alive]
    if going_on:
        _LOG.warning(_UNFINISHED, "one is" if len(going_on) == 1 else f"{len(going_on)} are", timeout)
    return not going_on


class CloseGuard(QObject):
    """Does something when a main window has agreed to close; docked widgets are never told.

    Parameters
    ----------
    window : QWidget
        The main window; the guard lives as long as it does.
    closed : callable
        Called at once after the window agreed, before it is gone.
    """

    def __init__(self, window: QWidget, closed: Callable[[], object]) -> None:
        super().__init__(window)
        self._closed = closed
        self._delivering = False
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Let the window answer first: the user may still say no in its dialog."""
        if watched is None or event is None or event.type() != QEvent.Type.Close or self._delivering:
            return False
        self._delivering = True
        try:
            watched.event(event)
        finally:
            self._delivering = False
        if event.isAccepted():
            self._closed()
        return True


class _Live:
    """All the work of this program, held until its end even if its viewer is gone."""

    def __init__(self) -> None:
        self._work: set[Work] = set()
        self._lock = threading.Lock()
        self._usual_switch = sys.getswitchinterval()
        self._application: Any = None

    def hold(self, work: Work) -> None:
        """Keep the GUI thread's turns short until the last work has ended."""
        self._connect_to_quitting()
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
        stop(work, timeout=timeout)

    def _release(self, work: Work) -> None:
        work.join(None)
        with self._lock:
            self._work.discard(work)
            if not self._work:
                sys.setswitchinterval(self._usual_switch)

    def _connect_to_quitting(self) -> None:
        application = QApplication.instance()
        if application is not None and application is not self._application:
            self._application = application
            application.aboutToQuit.connect(self.stop)


_LIVE = _Live()
atexit.register(_LIVE.stop, _EXIT_TIMEOUT)
