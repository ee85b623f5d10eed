"""The file in which a volume grows before it is whole: reserved on the disk, one writer at a time."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_cryorestore.host_memory import size_words
from napari_cryorestore.whole_file import fitting_name

if sys.platform != "win32":  # which does not let a file go that somebody writes
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

_CANNOT_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS)
_MARK = b"cryorestore: being written\n"  # where the header will be, which is written last
_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def part_of(path: Path) -> Path:
    """Return where the voxels are written before the file is whole; there is room for a journal's names."""
    return path.with_name(fitting_name(path.name, room=len(".part.before.new")) + ".part")


def require_own(part: Path, *, journal: Iterable[Path] = (), known: bool = False) -> None:
    """Refuse to write where something lies that no writer of ours has left behind.

    Parameters
    ----------
    part : Path
        See `part_of`; there need not be any.
    journal : iterable of Path
        Other files that will be written beside it.
    known : bool
        Whether a journal says that they are ours; else the mark at the part's begin has to.

    Raises
    ------
    FileExistsError
        With the name of a file that is somebody else's, a link, or no regular file.
    """
    known = known or _is_marked(part)
    taken = [] if _is_free(part, known=known or _is_empty(part)) else [part]
    taken += [name for name in journal if not _is_free(name, known=known)]
    if taken:
        raise FileExistsError(
            f"{taken[0]} is in the way: a volume is written under that name until it is whole, but this file "
            "is not of an unfinished one. Move it or choose another name."
        )


def _is_free(path: Path, *, known: bool) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) and known
    except FileNotFoundError:
        return True


def _is_empty(path: Path) -> bool:
    """Tell whether it is what a writer leaves that is killed before it has written its mark."""
    return path.is_file() and not path.stat().st_size


def _is_marked(part: Path) -> bool:
    if not part.is_file():
        return False
    try:
        with part.open("rb") as file:
            return file.read(len(_MARK)) == _MARK
    except OSError:
        return False


@contextmanager
def locked(part: Path) -> Iterator[None]:
    """Keep other processes from writing the same file, where the system can.

    Raises
    ------
    FileExistsError
        If one is writing it.
    PermissionError
        If the folder may not be written to.
    """
    if sys.platform == "win32":
        yield
        return
    with _opened_for_writing(part) as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(
                f"{part.name.removesuffix('.part')} is being written by another process just now: "
                "wait for it or choose another name."
            ) from None
        except OSError:
            pass  # a file system without locks
        yield


def reserve(part: Path, size: int) -> None:
    """Make a file of zeros, but for a mark at its begin, whose place on the disk is its own.

    Raises
    ------
    OSError
        If the disk has too little space.
    PermissionError
        If the folder may not be written to.
    """
    free = shutil.disk_usage(part.parent).free
    if free < size:
        raise OSError(
            f"{part.parent} has {size_words(free)} of free space, but {size_words(size)} are needed: "
            "free some or choose another folder."
        )
    with _opened_for_writing(part) as file:
        file.truncate(0)
        file.write(_MARK)
        file.flush()
        _allocate(file.fileno(), size)


@contextmanager
def room_explained(part: Path) -> Iterator[None]:
    """Say in a sentence that the disk is full, where it is.

    Raises
    ------
    OSError
        Instead of the system's own.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        told = OSError(f"{part.parent} has no free space left: free some or choose another folder.")
        told.errno = error.errno
        raise told from error


def _opened_for_writing(part: Path) -> BinaryIO:
    """Open it, and make it if there is none; what a link leads to is not opened."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.fdopen(os.open(part, flags, 0o666), "r+b")
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise PermissionError(
            f"{part.parent} may not be written to: choose another folder or change its permissions."
        ) from None


def _allocate(descriptor: int, size: int) -> None:
    os.truncate(descriptor, size)
    if hasattr(os, "posix_fallocate"):
        # Writing to a mapped file on a disk that is full by then would kill the process.
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in _CANNOT_RESERVE:
                raise


__all__ = ["locked", "part_of", "require_own", "reserve", "room_explained"]
