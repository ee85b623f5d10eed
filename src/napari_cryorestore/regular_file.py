"""What may be opened for reading: regular files, as a pipe or a device can keep a program waiting."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from io import BufferedReader
    from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_regular(path: Path) -> os.stat_result:
    """Refuse whatever is no regular file, or link to one, without opening it.

    Parameters
    ----------
    path : Path
        What is to be read.

    Returns
    -------
    os.stat_result
        Of the file.

    Raises
    ------
    FileNotFoundError
        If there is nothing, also at the end of a link.
    IsADirectoryError
        If it is a folder.
    PermissionError
        If a folder on the way may not be looked into.
    ValueError
        If it is a pipe, a socket or a device.
    """
    try:
        facts = path.stat()
    except PermissionError:
        raise PermissionError(f"{path} may not be read by you: change its permissions.") from None
    except OSError as error:
        raise FileNotFoundError(_absent(path, error)) from None
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(f"{path} is a folder, but a file is expected: choose a file in it.")
    if not stat.S_ISREG(facts.st_mode):
        kind = next((name for is_one, name in _KINDS if is_one(facts.st_mode)), "no regular file")
        raise ValueError(f"{path.name} is {kind}, but a regular file is expected: choose another one.")
    return facts


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read bytes; errors as of `require_regular`."""
    require_regular(path)
    try:
        return path.open("rb")
    except PermissionError:
        raise PermissionError(f"{path} may not be read by you: change its permissions.") from None


def _absent(path: Path, error: OSError) -> str:
    if error.errno == errno.ENAMETOOLONG:
        return f"The name {path.name[:40]}… is longer than the system allows: check it."
    if error.errno == errno.ELOOP:
        return f"{path} is a link that leads back to itself: choose the file itself."
    try:
        return f"{path} is a link to {path.readlink()}, which does not exist: choose the file itself."
    except OSError:
        return f"{path} does not exist: check the folder and the name."


__all__ = ["open_regular", "require_regular"]
