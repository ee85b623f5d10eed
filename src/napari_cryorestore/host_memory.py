"""How much memory this process may still take: what the computer has left, and what the job is allowed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
_UNKNOWN = 4 << 30
_FILES = (  # control group, version 2 and 1: limit, use, and what of the use can be given back
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def available_memory() -> int:
    """Return bytes that can be taken without harm; a cautious guess where the system does not tell.

    A Slurm job or a container is ended when it takes more than it was granted, however much the computer has.
    """
    found = [*_of_the_computer(), *_of_the_job()]
    return max(0, min(found)) if found else _UNKNOWN


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


__all__ = ["available_memory"]
