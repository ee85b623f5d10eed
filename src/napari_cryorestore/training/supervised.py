"""What a process does that is one of several on this computer, under the eyes of their supervisor."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from napari_cryorestore.training.attempt import has_ended, record_failure
from napari_cryorestore.training.heartbeat import beat
from napari_cryorestore.training.rank import SUPERVISOR, ranks_first

if TYPE_CHECKING:
    from napari_cryorestore.runs.run_dir import RunDir

LOST = 75
"""Exit code of a process that failed only because another one was gone."""
_LOOK = 0.3  # seconds between two looks whether the supervisor lives
_GONE = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Connection refused")


def end_with_supervisor(run: RunDir) -> None:
    """Begin to watch the supervisor: where it is killed, nobody else sees to it that all processes end.

    It is given signs of life all the while.

    Parameters
    ----------
    run : RunDir
        Where the first process says why it ends.
    """
    threading.Thread(target=_watch, args=(run,), name="watch supervisor", daemon=True).start()


def is_lost_contact(error: BaseException) -> bool:
    """Tell whether an error only says that another process is gone."""
    if "torch" not in sys.modules:
        return False
    from torch import distributed

    ours = distributed.is_available() and isinstance(error, distributed.DistError)
    return ours or (isinstance(error, RuntimeError) and any(words in str(error) for words in _GONE))


def _watch(run: RunDir) -> None:
    supervisor = int(os.environ[SUPERVISOR])
    while _lives(supervisor):
        beat()
        time.sleep(_LOOK)
    if ranks_first() and not has_ended(run):
        words = "The program that supervised this training was killed: continue the run to go on."
        record_failure(run, words, started=True)
    os._exit(1)  # whatever the other threads are waiting for


def _lives(supervisor: int) -> bool:
    if os.name == "posix":
        return os.getppid() == supervisor
    import psutil

    return bool(psutil.pid_exists(supervisor))


__all__ = ["LOST", "end_with_supervisor", "is_lost_contact"]
