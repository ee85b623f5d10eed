"""EM volumes, as the TOM toolbox, PyTom and Dynamo keep them: 512 bytes of header, then the voxels."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from napari_cryorestore.io.byte_sign import read_bytes
from napari_cryorestore.io.file_contents import file_contents, require_whole
from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.io.volume_format import LABEL_LENGTH, Volume, VolumeFormat, as_label

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.io.volume_format import Grid, Statistics

_HEADER_BYTES = 512
_BYTE_ORDERS: dict[int, Literal["<", ">"]] = {
    0: ">",
    3: ">",
    5: ">",
    1: "<",
    2: "<",
    6: "<",
}  # by the kind of computer that wrote the file
_PC = 6
_DTYPES = {1: "i1", 2: "i2", 4: "i4", 5: "f4", 9: "f8"}  # by the code of the type
_COMPLEX = {8: "complex 32-bit floats", 10: "complex 64-bit floats"}
_FLOATS = 5
_COMMENT = slice(16, 96)
_MOST = 1_000_000  # voxels along an axis


class _Layout(NamedTuple):
    shape: tuple[int, int, int]
    code: int
    dtype: np.dtype[Any]
    comment: str

    @property
    def end(self) -> int:
        return _HEADER_BYTES + math.prod(self.shape) * self.dtype.itemsize


def read_em(path: Path) -> Volume:
    """Open an EM volume memory-mapped.

    Its voxel size stays unknown: programs keep it in different units, or not at all.

    Parameters
    ----------
    path : Path
        The file, possibly compressed with gzip or bzip2.

    Returns
    -------
    Volume
        Voxels and the comment as its label.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        As `file_contents`.
    ValueError
        As `file_contents`, or if the file is truncated, of another format, or holds complex numbers.
    """
    content, findings = file_contents(
        path, header_bytes=_HEADER_BYTES, bytes_needed=lambda header: _layout(header, path=path).end
    )
    layout = _layout(content[:_HEADER_BYTES].tobytes(), path=path)
    require_whole(content, layout.end, path=path)
    data = content[_HEADER_BYTES : layout.end].view(layout.dtype).reshape(layout.shape)
    if data.dtype == np.int8:
        data, noticed = read_bytes(data, name=path.name)
        findings += noticed
    labels = (layout.comment,) if layout.comment else ()
    return Volume(data=data, path=path, labels=labels, stored_as=f"type {layout.code}", findings=findings)


def _layout(first_bytes: bytes, *, path: Path) -> _Layout:
    byte_order = _BYTE_ORDERS.get(first_bytes[0])
    if len(first_bytes) == _HEADER_BYTES and byte_order is not None:
        code = first_bytes[3]
        width, height, depth = struct.unpack(f"{byte_order}3i", first_bytes[4:16])
        if all(0 < size < _MOST for size in (width, height, depth)) and code in _DTYPES | _COMPLEX:
            if code in _COMPLEX:
                raise ValueError(
                    f"{path.name} holds {_COMPLEX[code]}, but voxels are real numbers: transform it back to "
                    "real space first."
                )
            comment = first_bytes[_COMMENT].decode("latin-1").strip(" \0")
            return _Layout(
                (depth, height, width), code, np.dtype(_DTYPES[code]).newbyteorder(byte_order), comment
            )
    raise ValueError(
        foreign_format(path, first_bytes)
        or f"{path.name} is not an EM volume: its first bytes hold no plausible size and type; choose "
        "another file."
    )


def _em_header(grid: Grid, labels: Sequence[str], statistics: Statistics | None) -> bytes:
    """Return the header of a volume of 32-bit floats, with the first label as its comment."""
    del statistics
    comment = as_label(labels[0] if labels else "").encode("ascii")[:LABEL_LENGTH].ljust(LABEL_LENGTH)
    header = bytes((_PC, 0, 0, _FLOATS)) + struct.pack("<3i", *reversed(grid.shape)) + comment
    return header.ljust(_HEADER_BYTES, b"\0")


EM = VolumeFormat(
    title="EM volume",
    suffixes=(".em",),
    read=read_em,
    header=_em_header,
    loses=("voxel size", "origin", "more than one label"),
)

__all__ = ["EM", "read_em"]
