"""The memory of this process, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")


def memory(which: str) -> float:
    """Return bytes of a kind of memory.

    Parameters
    ----------
    which : str
        ``VmRSS`` for all that is resident, ``VmHWM`` for its peak, ``RssAnon`` for what belongs to no file,
        ``RssFile`` for what is mapped from files.
    """
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return 1024.0 * int(next(line.split()[1] for line in lines if line.startswith(f"{which}:")))
