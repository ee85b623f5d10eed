"""How a training fails: what is said, whether that was recorded, and whether another process is at fault."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_cryorestore.runs.events import Failed, Finished, Noted, Started
from napari_cryorestore.runs.follower import RunFollower

if TYPE_CHECKING:
    from napari_cryorestore.runs.events import Event
    from napari_cryorestore.runs.run_dir import RunDir

_GONE = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Connection refused")


def words_of(error: BaseException) -> str:
    """Return the message of an error, or the name of its type if it has none."""
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted before it could save a checkpoint: continue the run to go on from its newest one."
    return str(error) or type(error).__name__


def record_failure(run: RunDir, words: str, *, started: bool, details: str = "") -> None:
    """Record that a training failed, and that it began unless it `started`; a full disk forbids both."""
    with suppress(OSError):
        if not started:
            step = max(run.checkpoint_steps(), default=0)
            run.record(Started(step=step, steps=0, process=os.getpid(), host=platform.node()))
        run.record(Failed(error=words, traceback=details))


def history_of(run: RunDir) -> RunFollower:
    """Return a follower of what will be recorded from now on."""
    follower = RunFollower(run.path)
    follower.poll()
    return follower


def has_failed(history: RunFollower) -> bool:
    """Tell whether a failure was recorded since the follower last looked."""
    return any(isinstance(event, Failed) for event in history.poll())


def _latest(run: RunDir) -> Event | None:
    events = RunFollower(run.path).poll()
    return next((event for event in reversed(events) if not isinstance(event, Noted)), None)


def has_ended(run: RunDir) -> bool:
    """Tell whether the latest process of a run recorded its end."""
    return isinstance(_latest(run), Failed | Finished)


def is_lost_contact(error: BaseException) -> bool:
    """Tell whether an error only says that another process is gone."""
    if "torch" not in sys.modules:
        return False
    from torch import distributed

    ours = distributed.is_available() and isinstance(error, distributed.DistError)
    return ours or (isinstance(error, RuntimeError) and any(words in str(error) for words in _GONE))


__all__ = ["has_ended", "has_failed", "history_of", "is_lost_contact", "record_failure", "words_of"]
