"""Reading files that others may have damaged: regular files and plain values only, and none of them large."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import tomllib
import zipfile
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

    from numpy.typing import NDArray

MOST = 16 << 20
"""Bytes that a file of plain values may have: far more than any that we write."""
_MOST_DOTS = 100
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read bytes; errors as of `require_regular`."""
    require_regular(path)
    try:
        return path.open("rb")
    except PermissionError:
        raise PermissionError(f"{path} may not be read by you: change its permissions.") from None


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


def _absent(path: Path, error: OSError) -> str:
    if error.errno == errno.ENAMETOOLONG:
        return f"The name {path.name[:40]}… is longer than the system allows: check it."
    if error.errno == errno.ELOOP:
        return f"{path} is a link that leads back to itself: choose the file itself."
    try:
        return f"{path} is a link to {path.readlink()}, which does not exist: choose the file itself."
    except OSError:
        return f"{path} does not exist: check the folder and the name."


def read_regular(path: Path, *, most: int = MOST) -> bytes:
    """Return what a file holds.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that it may have.

    Raises
    ------
    ValueError
        If it is no regular file, or too large.
    OSError
        If it is not there or cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path} has more than the {most >> 20} MB of such a file: it is damaged.")
    return content


def plain_json(text: str | bytes) -> Any:
    """Return the value that a text in JSON stands for.

    Raises
    ------
    ValueError
        If it is no JSON, or nested so deeply that nobody can have meant it.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_in(path: Path) -> Any:
    """Return the value that a file in JSON stands for; ``None`` where it is not there or damaged."""
    try:
        return plain_json(read_regular(path))
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return None


def plain_toml(text: str) -> dict[str, Any]:
    """Return the values that a text in TOML stands for.

    Raises
    ------
    ValueError
        If it is no TOML, or nested so deeply that nobody can have meant it.
    """
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise ValueError("it is nested too deeply")  # the parser would take memory by the square of it
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def plain_array(file: IO[bytes]) -> NDArray[Any]:
    """Read numbers written by ``numpy.save``, from where the file stands.

    Raises
    ------
    ValueError
        If there are none, something else than numbers, or fewer than are announced; nothing is executed, and
        no memory taken for what is not there.
    """
    import numpy as np  # not at the top: most who read files need none

    begin = file.tell()
    try:
        major = np.lib.format.read_magic(file)[0]
        header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        announced = math.prod(shape) * dtype.itemsize
        if dtype.kind not in "iufb" or min(shape, default=0) < 0:
            raise ValueError(f"it holds no numbers but {dtype} of shape {shape}")
        if announced > os.fstat(file.fileno()).st_size - file.tell():
            raise ValueError(f"it is cut off: not all of the {announced} bytes that it announces are there")
        file.seek(begin)
        return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, OSError):
        raise
    except Exception as error:  # the header is text of Python, which numpy evaluates as plain values
        raise ValueError(f"its header cannot be read ({type(error).__name__})") from error


def require_unpacked(file: IO[bytes]) -> None:
    """Refuse a zip archive that would be larger than its file once it is unpacked; leave it at its beginning.

    Raises
    ------
    ValueError
        If it is one.
    zipfile.BadZipFile
        If it is no archive.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    size = file.seek(0, os.SEEK_END)
    if any(entry.compress_type for entry in entries) or sum(entry.file_size for entry in entries) > size:
        raise ValueError("it is compressed")
    file.seek(0)


__all__ = [
    "MOST",
    "json_in",
    "open_regular",
    "plain_array",
    "plain_json",
    "plain_toml",
    "read_regular",
    "require_regular",
    "require_unpacked",
]
