"""The bytes of a volume's file: memory-mapped, or unpacked and never more than its header announces."""

from __future__ import annotations

import bz2
import gzip
import zlib
from typing import TYPE_CHECKING, cast

import numpy as np

from napari_cryorestore.findings import Finding
from napari_cryorestore.host_memory import available_memory, size_words
from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.safe_reading import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedIOBase
    from pathlib import Path

    from numpy.typing import NDArray

COMPRESSED_SUFFIXES = (".gz", ".bz2")
_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_CHUNK = 1 << 24


def file_contents(
    path: Path, *, header_bytes: int, bytes_needed: Callable[[bytes], int]
) -> tuple[NDArray[np.uint8], tuple[Finding, ...]]:
    """Map a file of a volume, or decompress it into memory if it is packed with gzip or bzip2.

    Parameters
    ----------
    path : Path
        The file.
    header_bytes : int
        How many bytes `bytes_needed` looks at; it is given fewer of a file that has no more.
    bytes_needed : callable
        Tells from the first bytes, of which there is one at least, how many header and voxels have together.
        Raises ValueError, with one sentence, if they are no header.

    Returns
    -------
    ndarray of uint8, tuple of Finding
        All bytes of a file that is mapped; of a packed one those that its header announces, or as many of
        them as are there, and the note that it was loaded whole.

    Raises
    ------
    FileNotFoundError, PermissionError
        If the file cannot be opened.
    IsADirectoryError
        If the path is a folder.
    ValueError
        If the file is empty, no header, no file but a pipe, damaged, or announces more than fits into memory.
    """
    first_bytes = _first_bytes(path, header_bytes)
    if first_bytes.startswith((_GZIP, _BZIP2)):
        return _unpacked(path, first_bytes, header_bytes, bytes_needed)
    _needed(first_bytes, bytes_needed, path=path)
    return np.memmap(path, dtype=np.uint8, mode="r"), ()


def require_whole(content: NDArray[np.uint8], needed: int, *, path: Path) -> None:
    """Refuse a file that has fewer bytes than its header announces.

    Raises
    ------
    ValueError
        If some are missing.
    """
    if content.size < needed:
        raise ValueError(
            f"{path.name} is truncated: it has {content.size:,} of the {needed:,} bytes that its header "
            "announces; copy or make it again."
        )


def _first_bytes(path: Path, count: int) -> bytes:
    if path.is_dir():
        foreign = foreign_format(path)
        if foreign is not None:
            raise ValueError(foreign)
        raise IsADirectoryError(f"{path} is a folder, but a file is expected: choose a volume in it.")
    with open_regular(path) as file:
        return file.read(count)


def _needed(header: bytes, bytes_needed: Callable[[bytes], int], *, path: Path) -> int:
    if not header:
        raise ValueError(f"{path.name} is empty (0 bytes): copy or make it again.")
    return bytes_needed(header)


def _unpacked(
    path: Path, first_bytes: bytes, header_bytes: int, bytes_needed: Callable[[bytes], int]
) -> tuple[NDArray[np.uint8], tuple[Finding, ...]]:
    opener = gzip.open if first_bytes.startswith(_GZIP) else bz2.open
    try:
        with opener(path, "rb") as opened:
            file = cast("BufferedIOBase", opened)
            header = file.read(header_bytes)
            needed = _needed(header, bytes_needed, path=path)
            _require_room(needed, path=path)
            content = _filled(file, header[:needed], needed)
            file.read(1)  # the checksum is looked at behind the last byte
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path.name} cannot be decompressed ({error}): copy or make it again.") from error
    return content, (_loaded(content, path=path),)


def _require_room(needed: int, *, path: Path) -> None:
    free = available_memory()
    if needed > free:
        raise ValueError(
            f"{path.name} announces {size_words(needed)} of voxels and header, but {size_words(free)} of "
            "memory are free: decompress it into a file, which is not loaded whole."
        )


def _filled(file: BufferedIOBase, header: bytes, needed: int) -> NDArray[np.uint8]:
    content = np.empty(needed, dtype=np.uint8)
    content[: len(header)] = np.frombuffer(header, np.uint8)
    done = len(header)
    while done < needed:
        count = file.readinto(content[done : done + _CHUNK].data)
        if not count:
            break
        done += count
    return content[:done]


def _loaded(content: NDArray[np.uint8], *, path: Path) -> Finding:
    return Finding(
        "note",
        "compressed file",
        f"The file is compressed and was loaded whole ({size_words(content.size)} of memory).",
        "Decompress it to open it at once.",
        about=path.name,
    )


__all__ = ["COMPRESSED_SUFFIXES", "file_contents", "require_whole"]
