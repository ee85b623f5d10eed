"""Reading volumes that are compressed: header first, and never more than it announces."""

from __future__ import annotations

import bz2
import gzip
import zlib
from typing import TYPE_CHECKING, cast

import numpy as np

from napari_cryorestore.findings import Finding
from napari_cryorestore.host_memory import available_memory
from napari_cryorestore.io.header import HEADER_BYTES
from napari_cryorestore.size_words import size_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedIOBase
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cryorestore.io.header import Layout

GZIP, BZIP2 = b"\x1f\x8b", b"BZh"
_CHUNK = 1 << 24


def is_compressed(first_bytes: bytes) -> bool:
    """Tell whether a file that begins so is compressed."""
    return first_bytes.startswith((GZIP, BZIP2))


def read_compressed(
    path: Path, first_bytes: bytes, layout_of: Callable[[bytes], Layout]
) -> tuple[Layout, NDArray[np.uint8], Finding]:
    """Decompress a volume into memory.

    Parameters
    ----------
    path : Path
        The file.
    first_bytes : bytes
        What it begins with.
    layout_of : callable
        Makes a layout of a header.

    Returns
    -------
    (Layout, ndarray of uint8, Finding)
        What its header announces, all bytes that it announces or those that are there, and the note that
        it was loaded whole.

    Raises
    ------
    ValueError
        If the file is damaged, or announces more than fits into memory.
    """
    opener = gzip.open if first_bytes.startswith(GZIP) else bz2.open
    try:
        with opener(path, "rb") as opened:
            file = cast("BufferedIOBase", opened)
            header = file.read(HEADER_BYTES)
            layout = layout_of(header)
            _require_room(layout.bytes_needed, path=path)
            content = _filled(file, header, layout.bytes_needed)
            file.read(1)  # the checksum is looked at behind the last byte
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path.name} cannot be decompressed ({error}): copy or make it again.") from error
    return layout, content, _loaded(content, path=path)


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


__all__ = ["is_compressed", "read_compressed"]
