"""How much memory this process may still take, and whether it keeps what it has freed for the next use."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
_UNKNOWN = 4 << 30
_MOST_KEPT, _LARGEST_KEPT = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
_FILES = (  # control group, version 2 and 1: limit, use, and what of the use can be given back
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def available_memory() -> int:
    """Return bytes that can be taken without harm; a cautious guess where the system does not tell.

    A Slurm job or a container is ended when it takes more than it was granted, however much the computer has.
    """
    found = [*_of_the_computer(), *_of_the_job()]
    return max(0, min(found)) if found else _UNKNOWN


def keep_freed_memory() -> bool:
    """Let this process keep what it frees for its next use, and tell whether it now does.

    By default the system takes large blocks back at once and clears them when they are taken again, which
    costs a training on a CPU a tenth of its time. Only the C library of Linux (glibc) can be told; there it
    holds for the memory that the main thread takes. `give_back_memory` returns what is not in use.
    """
    library = _c_library()
    if library is None:
        return False
    sizes = (256 << 20, 32 << 20)  # old libraries take no more than the second
    kept = any(library.mallopt(_LARGEST_KEPT, size) for size in sizes)
    return bool(kept and library.mallopt(_MOST_KEPT, 2**31 - 1))


def give_back_memory() -> None:
    """Return to the system what this process keeps and does not use."""
    library = _c_library()
    if library is not None:
        library.malloc_trim(0)


def _c_library() -> Any:
    """Return the C library if it is glibc, else None."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def _of_the_computer() -> Iterator[int]:
    with suppress(OSError, ValueError):
        for line in (PROC / "meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                yield 1024 * int(line.split()[1])
                return
    if "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
        yield os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_the_job() -> Iterator[int]:
    with suppress(OSError):
        for line in (PROC / "self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            kind, *names = _FILES[bool(controllers)]
            group = CGROUPS / kind / path.lstrip("/")
            root = CGROUPS / kind
            while group != group.parent:
                with suppress(OSError, ValueError):
                    yield _left(group, *names)
                if group == root:
                    break
                group = group.parent


def _left(group: Path, limit: str, used: str, reclaimable: str) -> int:
    """Return a control group's limit less what it uses; raises ``ValueError`` where it has no limit."""
    most = int((group / limit).read_text(encoding="ascii"))
    taken = int((group / used).read_text(encoding="ascii"))
    rows = (line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    return most - taken + sum(int(value) for name, value in rows if name == reclaimable)


def size_words(size: float) -> str:
    """Write a number of bytes with two or three digits and its unit, for example "57.6 kB".

    Parameters
    ----------
    size : float
        Bytes.
    """
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    digits = 1 if unit and size < 99.95 else 0
    return f"{size:.{digits}f} {_UNITS[unit]}"


__all__ = ["available_memory", "give_back_memory", "keep_freed_memory", "size_words"]
