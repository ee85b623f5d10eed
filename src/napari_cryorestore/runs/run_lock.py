"""The lock of a run folder: at most one program trains in it at a time, on whatever computer."""

from __future__ import annotations

import json
import os
import platform
import re
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import writing_explained
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.safe_reading import plain_json, read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_FILE = "lock.json"
"""Who trains in a run folder; there while somebody does."""
SILENCE = 600.0
"""Seconds without an event after which a program on another computer is taken for dead."""
_CLOCK_ERROR = 60.0  # seconds by which the start of a process may seem to have moved
_TURN = re.compile(r"(\S+\.[0-9]{1,9})?")
_STILL_WRITING = 10.0  # seconds that somebody may take to write the few bytes of a lock


@dataclass(frozen=True)
class Holder:
    """The program that trains.

    Attributes
    ----------
    host : str
        The name of its computer.
    process : int
        Its number there.
    born : float
        When that process began, seconds since 1970; numbers of processes are used again.
    time : float
        When it began to train.
    folder : str
        Where the run was then: a copy of a run is another run.
    turn : str
        The number of its Slurm job and how often that had been put back into the queue; empty elsewhere.
    token : str
        What tells this lock from any other.
    """

    host: str
    process: int
    born: float
    time: float
    folder: str
    turn: str = ""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


class RunLock:
    """The right to train in a run folder, held until `release`; made by `take`.

    Attributes
    ----------
    note : str
        From whom it was taken over, in a sentence; empty if from nobody.
    """

    def __init__(self, folder: Path, holder: Holder, note: str) -> None:
        self.note = note
        self._folder, self._holder = folder, holder

    @classmethod
    def take(cls, folder: Path) -> RunLock:
        """Take the lock of a run folder, from a program that is dead if need be.

        Raises
        ------
        ValueError
            If somebody trains there: who, and what to do, in a sentence.
        OSError
            If the folder cannot be written.
        """
        here, born = str(folder.resolve()), _born(os.getpid()) or 0.0
        us, note = Holder(platform.node(), os.getpid(), born, time.time(), here, _turn()), ""
        _OURS.add(us.token)  # before others can see it
        try:
            while not _put(folder / LOCK_FILE, us):
                note = _cleared(folder) or note
        except BaseException:
            _OURS.discard(us.token)
            raise
        return cls(folder, us, note)

    def release(self) -> None:
        """Let others train; nothing happens if the lock is no longer ours."""
        content = _content(self._folder)
        if content is not None and _parsed(content) == self._holder:
            (self._folder / LOCK_FILE).unlink(missing_ok=True)
        _OURS.discard(self._holder.token)


def is_trained(folder: Path) -> bool:
    """Tell whether a living program holds the lock of a run folder."""
    try:
        refuse_if_trained(folder)
    except ValueError:
        return True
    return False


def refuse_if_trained(folder: Path, content: bytes | None = None) -> None:
    """Raise a ``ValueError`` that says who trains in a run folder and what to do, if anybody does.

    Parameters
    ----------
    folder : Path
        The run folder.
    content : bytes, optional
        What its lock says; it is read if not given.
    """
    content = _content(folder) if content is None else content
    if content is None:
        return
    holder = _parsed(content)
    if holder is None:
        if _age(folder / LOCK_FILE) < _STILL_WRITING:
            raise _beginning(folder)
    elif holder.host == platform.node():
        if _lives_here(folder, holder):
            raise ValueError(
                f"{folder.name} is being trained by {_who(holder)}, and two must not train one run: "
                "watch it in the Monitor, or stop it there first."
            )
    elif not _earlier_turn(holder) and _may_live(folder, holder):
        raise ValueError(
            f"{folder.name} is being trained by {_who(holder)}, and two must not train one run: watch it in "
            f"the Monitor, or stop it first; if it was killed, delete {folder / LOCK_FILE}."
        )


def _lives_here(folder: Path, holder: Holder) -> bool:
    if holder.process == os.getpid() and holder.token not in _OURS:
        return False  # a thread that ended; or another process of this number, before we began
    elsewhere = Path(holder.folder)
    if elsewhere != folder.resolve() and elsewhere.is_dir() and not elsewhere.samefile(folder):
        return False  # this folder is a copy of the one that is being trained
    born = _born(holder.process)
    return born is None or (born > 0 and abs(born - holder.born) < _CLOCK_ERROR)


def _may_live(folder: Path, holder: Holder) -> bool:
    """Judge a program on another computer by what it records."""
    state = RunState()
    state.apply(RunFollower(folder).poll())
    spoke = state.last_time >= holder.time
    if spoke and state.status() in ("completed", "stopped", "failed"):
        return False
    silence = time.time() - max(state.last_time, holder.time)
    return silence <= SILENCE or (spoke and state.status() != "quiet")


def _turn() -> str:
    job = os.environ.get("SLURM_JOB_ID", "")
    return f"{job}.{os.environ.get('SLURM_RESTART_COUNT') or 0}" if job else ""


def _earlier_turn(holder: Holder) -> bool:
    """Tell whether a program belonged to this very Slurm job, before it was put back into the queue."""
    job, _, turn = holder.turn.partition(".")
    own, _, mine = _turn().partition(".")
    return bool(job) and job == own and int(turn) < int(mine)


def _born(process: int) -> float | None:
    """Return when a process of this computer began, seconds since 1970; 0 if dead, ``None`` if hidden."""
    import psutil

    try:
        found = psutil.Process(process)
        return 0.0 if found.status() == psutil.STATUS_ZOMBIE else float(found.create_time())
    except psutil.NoSuchProcess:
        return 0.0
    except psutil.AccessDenied:
        return None


def _put(path: Path, holder: Holder) -> bool:
    """Make the file, and tell whether it was not there."""
    with writing_explained(path.parent):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(asdict(holder), indent=1).encode())
        except OSError:
            path.unlink(missing_ok=True)
            raise
    return True


def _cleared(folder: Path) -> str:
    """Remove the lock of a dead program, and return from whom it was; only one at a time may do so."""
    with _alone(folder):
        content = _content(folder)
        if content is None:
            return ""  # it has just been released
        refuse_if_trained(folder, content)
        (folder / LOCK_FILE).unlink(missing_ok=True)
    return _taken_from(folder, content)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    guard = folder / f".{LOCK_FILE}.clearing"
    try:
        guard.mkdir()
    except FileExistsError:
        if _age(guard) > _STILL_WRITING:
            with suppress(FileNotFoundError):
                guard.rmdir()  # whoever made it was killed meanwhile
        raise _beginning(folder) from None
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            guard.rmdir()


def _content(folder: Path) -> bytes | None:
    try:
        return read_regular(folder / LOCK_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, IsADirectoryError):
        return b""  # nobody's: a lock is a small regular file


def _parsed(content: bytes) -> Holder | None:
    try:
        holder = Holder(**plain_json(content))
    except (ValueError, TypeError):
        return None
    words = (holder.host, holder.folder, holder.turn, holder.token)
    times = (holder.born, holder.time)
    if not all(type(item) is str for item in words) or not all(type(item) in (float, int) for item in times):
        return None
    known = (
        type(holder.process) is int and 0 < holder.process < 2**31 and all(0 <= item < 1e12 for item in times)
    )
    return holder if known and _TURN.fullmatch(holder.turn) else None


def _age(path: Path) -> float:
    """Return how many seconds ago a file was written; 0 if it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _beginning(folder: Path) -> ValueError:
    return ValueError(f"Another program is beginning to train {folder.name}: watch it in the Monitor.")


def _who(holder: Holder) -> str:
    if holder.host != platform.node():
        return f"process {holder.process} on {holder.host}"
    return "this program" if holder.process == os.getpid() else f"process {holder.process} on this computer"


def _taken_from(folder: Path, content: bytes) -> str:
    holder = _parsed(content)
    if holder is None or holder.process == os.getpid() or Path(holder.folder) != folder.resolve():
        return ""
    return f"Taken over from {_who(holder)}, which ended without saying so."


_OURS: set[str] = set()
"""The tokens of the locks that this program holds."""

__all__ = ["LOCK_FILE", "SILENCE", "Holder", "RunLock", "is_trained", "refuse_if_trained"]
