"""Signs of life: each of several processes touches a file of its own, by which a frozen one is found."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

HEARTBEAT = "CRYORESTORE_HEARTBEAT"
"""In the environment of a process that `supervise` started: the file that it touches as long as it lives."""
SILENT = 300.0
"""Seconds without a sign of life after which a process is taken for frozen.

The signs come from a thread that does little else, so that neither a long preview nor a slow disk nor the
first step delays them.
"""
_LOOK = 1.0  # seconds that one look adds to the silence at most


def beat() -> None:
    """Give a sign of life to the supervisor, if there is one."""
    path = os.environ.get(HEARTBEAT)
    if path:
        with suppress(OSError):
            Path(path).touch()


class Heartbeat:
    """How long one process has given no sign of life.

    Parameters
    ----------
    path : Path
        The file that it touches; made here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._seen, self._looked, self._silence = self._touched(), time.monotonic(), 0.0

    def silence(self) -> float:
        """Return the seconds since the last sign, as far as this was asked meanwhile.

        Time in which the supervisor was stopped itself, as where a computer goes to sleep, does not count.
        """
        touched, now = self._touched(), time.monotonic()
        silence = self._silence + min(now - self._looked, _LOOK)
        self._silence = silence if touched == self._seen else 0.0
        self._seen, self._looked = touched, now
        return self._silence

    def _touched(self) -> int:
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0


__all__ = ["HEARTBEAT", "SILENT", "Heartbeat", "beat"]
