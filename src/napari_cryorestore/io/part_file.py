"""The file in which a volume grows before it is whole: reserved on the disk, one writer at a time."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.size_words import size_words

if sys.platform != "win32":  # which does not let a file go that somebody writes
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedWriter
    from pathlib import Path

_CANNOT_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS)
_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def part_of(path: Path) -> Path:
    """Return where the voxels are written before the file is whole."""
    return path.with_name(path.name + ".part")


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
    with _opened_for_writing(part, "ab") as file:
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
    """Make a file of zeros whose place on the disk is its own.

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
    with _opened_for_writing(part, "wb") as file:
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


def _opened_for_writing(part: Path, mode: Literal["ab", "wb"]) -> BufferedWriter:
    try:
        return part.open(mode)
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


__all__ = ["locked", "part_of", "reserve", "room_explained"]
