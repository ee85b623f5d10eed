"""NumPy arrays as volumes: a file ``.npy`` holds the voxels and nothing else."""

from __future__ import annotations

import ast
import io
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_cryorestore.io.file_contents import file_contents, require_whole
from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.io.volume_format import Volume, VolumeFormat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.io.volume_format import Grid, Statistics

_MAGIC = b"\x93NUMPY"
_LONGEST = 10_000  # bytes of a header, as NumPy itself has it: nothing longer is parsed
_LENGTHS = {1: slice(8, 10), 2: slice(8, 12)}  # where versions of the format keep the header's length
_REAL = "biuf"  # kinds of numbers


class _Layout(NamedTuple):
    shape: tuple[int, int, int]
    is_turned: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def end(self) -> int:
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path) -> Volume:
    """Open a NumPy array of three axes (z, y, x); nothing in it is ever executed.

    Parameters
    ----------
    path : Path
        The file, possibly compressed with gzip or bzip2.

    Returns
    -------
    Volume
        Voxels, without a voxel size.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        As `file_contents`.
    ValueError
        As `file_contents`, or if the file is truncated, or no array of real numbers with three axes.
    """
    content, findings = file_contents(
        path, header_bytes=_LONGEST, bytes_needed=lambda header: _layout(header, path=path).end
    )
    layout = _layout(content[:_LONGEST].tobytes(), path=path)
    require_whole(content, layout.end, path=path)
    voxels = content[layout.offset : layout.end].view(layout.dtype)
    shape = layout.shape
    data = voxels.reshape(shape[::-1]).transpose() if layout.is_turned else voxels.reshape(shape)
    return Volume(data=data, path=path, findings=findings)


def _layout(first_bytes: bytes, *, path: Path) -> _Layout:
    if not first_bytes.startswith(_MAGIC):
        raise ValueError(
            foreign_format(path, first_bytes)
            or f"{path.name} is not a NumPy array: its first bytes are others; choose another file."
        )
    descr, is_turned, shape, offset = _header(first_bytes, path=path)
    dtype = _dtype(descr)
    if dtype is None:
        raise ValueError(
            f"{path.name} holds values of the type {descr!r}, but voxels are real numbers: convert it to "
            "32-bit floats first."
        )
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(
            f"{path.name} has the shape {shape}, but a volume has three axes (z, y, x): save one volume "
            "alone."
        )
    return _Layout(shape, is_turned, dtype, offset)


def _header(first_bytes: bytes, *, path: Path) -> tuple[Any, bool, Any, int]:
    """Return type, whether x is the slowest axis, shape, and where the voxels begin."""
    place = _LENGTHS.get(first_bytes[len(_MAGIC)] if len(first_bytes) > len(_MAGIC) else 0, slice(0))
    offset = place.stop + int.from_bytes(first_bytes[place], "little")
    try:
        said = ast.literal_eval(first_bytes[place.stop : offset].decode("latin-1").strip())
        descr, is_turned, shape = said["descr"], said["fortran_order"], said["shape"]
        if not (isinstance(is_turned, bool) and all(type(size) is int for size in shape)):
            raise TypeError
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise ValueError(
            f"{path.name} has a damaged header, or one of another version than 1 and 2: save it again with "
            "numpy.save."
        ) from None
    return descr, is_turned, tuple(shape), offset


def _dtype(descr: Any) -> np.dtype[Any] | None:
    """Return the type of the voxels, None if they are no real numbers."""
    try:
        dtype = np.dtype(descr) if isinstance(descr, str) else None
    except (TypeError, ValueError):
        return None
    return dtype if dtype is not None and dtype.kind in _REAL else None


def _npy_header(grid: Grid, labels: Sequence[str], statistics: Statistics | None) -> bytes:
    """Return the header of an array of 32-bit floats, which says its shape only."""
    del labels, statistics
    file = io.BytesIO()
    said = {"descr": "<f4", "fortran_order": False, "shape": grid.shape}
    np.lib.format.write_array_header_1_0(file, said)
    return file.getvalue()


NUMPY = VolumeFormat(
    title="NumPy array",
    suffixes=(".npy",),
    read=read_npy,
    header=_npy_header,
    loses=("voxel size", "origin", "labels"),
)

__all__ = ["NUMPY", "read_npy"]
