"""Plain values in files that others may have damaged: what makes no sense is refused, and takes no memory."""

from __future__ import annotations

import json
import math
import os
import tomllib
import zipfile
from typing import IO, TYPE_CHECKING, Any

from napari_cryorestore.regular_file import open_regular

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MOST = 16 << 20
"""Bytes that a file of plain values may have: far more than any that we write."""
_MOST_DOTS = 100


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
    "plain_array",
    "plain_json",
    "plain_toml",
    "read_regular",
    "require_unpacked",
]
