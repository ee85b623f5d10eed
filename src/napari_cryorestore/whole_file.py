"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import threading
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = count()
_APPENDING = threading.Lock()
_PART, _OLDER = ".part", ".older"
_LONGEST = 255  # bytes of a name, on nearly every file system


def require_new(path: Path) -> None:
    """Refuse the name of a file to make, before anything is computed for it.

    Raises
    ------
    FileNotFoundError
        If its folder does not exist.
    FileExistsError
        If it exists, be it as a link that leads nowhere.
    ValueError
        If the name is too long for the file system.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} does not exist: make it or choose another one.")
    try:
        path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise ValueError(
            f"The name {path.name[:40]}… is longer than the {_LONGEST} bytes that a file system takes: "
            "choose a shorter one."
        ) from None
    raise FileExistsError(f"{path} exists and is never overwritten: choose another name or remove it.")


def fitting_name(name: str, *, room: int) -> str:
    """Shorten a name so that so many bytes can be added to it; two long names stay apart by their hash."""
    encoded = os.fsencode(name)
    if len(encoded) + room <= _LONGEST:
        return name
    mark = "~" + hashlib.sha256(encoded).hexdigest()[:8]
    return encoded[: _LONGEST - room - len(mark)].decode(errors="ignore") + mark


def unique_path(path: Path | str) -> Path:
    """Find a name that is still free.

    Parameters
    ----------
    path : Path or str
        The name to take if it is free.

    Returns
    -------
    Path
        ``path`` itself, or ``name_2.mrc``, ``name_3.mrc``, … in the same folder.
    """
    path = Path(path)
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return candidate


def hidden_name(path: Path, ending: str = _PART) -> Path:
    """Return a hidden name beside ``path`` that no other writer has."""
    addition = f".{os.getpid()}-{next(_NUMBERS)}{ending}"
    return path.with_name(f".{fitting_name(path.name, room=len(addition) + 1)}{addition}")


@contextmanager
def whole_file(path: Path, *, aside: Path | None = None) -> Iterator[Path]:
    """Give a name beside ``path`` to write to; it becomes ``path`` when all went well, else it is deleted.

    Parameters
    ----------
    path : Path
        The file to make or to replace; its folder is made, but not the one above.
    aside : Path, optional
        The name beside it. By default a hidden one that no other writer has; it ends in ``.part``, so what
        chooses a format by the name must be told.

    Yields
    ------
    Path
        The name to write to.
    """
    path.parent.mkdir(exist_ok=True)
    aside = aside or hidden_name(path)
    if aside.is_symlink():
        aside.unlink()  # else what it leads to would be written
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it replaces ``path`` when all went well, else it is deleted.

    A process that is killed between putting the older folder aside and the new one in its place leaves the
    older one beside it, see `clear_leftovers`.
    """
    aside, older = hidden_name(path), path.with_name(f".{path.name}{_OLDER}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        if os.path.lexists(path):
            remove(older)
            os.rename(path, older)
        os.rename(aside, path)
    except BaseException:
        if os.path.lexists(older) and not os.path.lexists(path):
            os.rename(older, path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):
            remove(older)


def remove(path: Path) -> None:
    """Delete a file, a folder or a link, never what a link leads to; nothing if there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Delete a folder so that nobody ever finds a part of it; nothing if there is none.

    Of a link to a folder, the link is deleted: what it leads to belongs to others.
    """
    aside = hidden_name(path)
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return
    remove(aside)


def clear_leftovers(folder: Path) -> None:
    """Clear away what killed writers left in a folder, and bring back what they had put aside.

    Only for folders in which nobody writes at the time; nothing if there is no such folder.
    """
    for older in folder.glob(f".*{_OLDER}"):
        path = older.with_name(older.name[1 : -len(_OLDER)])
        if os.path.lexists(path):
            remove(older)
        else:
            os.rename(older, path)
    for part in folder.glob(f".*{_PART}"):
        remove(part)


def write_text(path: Path, text: str) -> None:
    """Write a small text file, replacing an older one."""
    with whole_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


def append_line(path: Path, line: bytes) -> None:
    """Append one line, its end included, in a single write.

    A line that a crash or a full disk cut off is closed first, so it spoils no other.

    Raises
    ------
    OSError
        If the file cannot be written, or only a part of the line found room.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    with _APPENDING:  # else a line of another thread that is being written looks cut off
        descriptor = os.open(path, flags, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, f"{path.name} is no regular file")
            line = line if _ends_whole(descriptor) else b"\n" + line
            written = os.write(descriptor, line)
        finally:
            os.close(descriptor)
    if written < len(line):
        raise OSError(errno.ENOSPC, "No space left on device")


def _ends_whole(descriptor: int) -> bool:
    if not os.lseek(descriptor, 0, os.SEEK_END):
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


__all__ = [
    "append_line",
    "clear_leftovers",
    "fitting_name",
    "hidden_name",
    "remove",
    "remove_folder",
    "require_new",
    "unique_path",
    "whole_file",
    "whole_folder",
    "write_text",
]
