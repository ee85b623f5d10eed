"""Reading MRC volumes: memory-mapped where possible, every unreadable file named in one sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.findings import Finding
from napari_cryorestore.io.byte_sign import read_bytes
from napari_cryorestore.io.compressed import is_compressed, read_compressed
from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.io.header import (
    COMPRESSED_SUFFIXES,
    HEADER_BYTES,
    Header,
    Layout,
    isotropic_voxel_size,
    parse_layout,
)
from napari_cryorestore.io.mrc_output import open_output, unique_path, write_volume
from napari_cryorestore.regular_file import open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "SUFFIXES",
    "MrcVolume",
    "is_volume_path",
    "open_output",
    "read_volume",
    "unique_path",
    "write_volume",
]

SUFFIXES = (".mrc", ".rec", ".map", ".st", ".ali", ".mrcs")


@dataclass(frozen=True)
class MrcVolume:
    """A volume as it lies on disk.

    Attributes
    ----------
    data : ndarray
        Voxels (z, y, x), read-only: a memory map, or an array if the file is compressed. The type and
        byte order are the file's; convert pieces to float32 as they are needed.
    voxel_sizes : tuple of float
        Å along z, y, x; 0.0 where the file does not say.
    header : Header
        Origin, start and labels.
    mode : int
        The MRC mode of the file.
    path : Path
        The file.
    findings : tuple of Finding
        What the user should know about the way it was read; empty if there is nothing to say.
    """

    data: NDArray[Any]
    voxel_sizes: tuple[float, float, float]
    header: Header
    mode: int
    path: Path
    findings: tuple[Finding, ...] = ()

    @property
    def voxel_size(self) -> float:
        """Voxel size in Å, 0.0 if unknown; raises ValueError where the axes differ by more than 1 %."""
        return isotropic_voxel_size(self.voxel_sizes, name=self.path.name)

    @property
    def origin(self) -> tuple[float, float, float]:
        """Origin along x, y, z in Å."""
        return self.header.origin

    @property
    def start(self) -> tuple[int, int, int]:
        """Index of the first voxel along x, y, z."""
        return self.header.start

    @property
    def labels(self) -> tuple[str, ...]:
        """The text labels of the file."""
        return self.header.labels


def is_volume_path(path: Path | str) -> bool:
    """Tell from its name, in upper or lower case, whether a file is an MRC volume.

    Parameters
    ----------
    path : Path or str
        A file name; the file need not exist.

    Returns
    -------
    bool
        True for .mrc .rec .map .st .ali .mrcs, also with .gz or .bz2.
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED_SUFFIXES:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in SUFFIXES


def read_volume(path: Path | str) -> MrcVolume:
    """Open an MRC file.

    Parameters
    ----------
    path : Path or str
        A file of mode 0, 1, 2, 6 or 12, of either byte order, possibly compressed with gzip or bzip2.
        A compressed file is loaded whole; any other is memory-mapped.

    Returns
    -------
    MrcVolume
        Voxels (z, y, x) with voxel size, origin and start.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    IsADirectoryError
        If the path is a folder.
    PermissionError
        If the file may not be read.
    ValueError
        If the file is empty, truncated, of another format, no file but a pipe, or of a mode that holds no
        real volume.
    """
    path = Path(path)
    first_bytes = _first_bytes(path)
    if is_compressed(first_bytes):
        layout, content, loaded = read_compressed(path, first_bytes, partial(_layout, path=path))
        layout, noticed = _located(layout, content.size, path=path)
        flat = np.frombuffer(content, layout.dtype, count=math.prod(layout.shape), offset=layout.offset)
        return _volume(flat.reshape(layout.shape), layout, path=path, findings=(loaded, *noticed))
    layout, noticed = _located(_layout(first_bytes, path=path), path.stat().st_size, path=path)
    stored = np.memmap(path, dtype=layout.dtype, mode="r", offset=layout.offset, shape=layout.shape)
    return _volume(stored, layout, path=path, findings=noticed)


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        foreign = foreign_format(path)
        if foreign is not None:
            raise ValueError(foreign)
        raise IsADirectoryError(f"{path} is a folder, but a file is expected: choose an MRC file in it.")
    with open_regular(path) as file:
        return file.read(HEADER_BYTES)


def _layout(first_bytes: bytes, *, path: Path) -> Layout:
    if not first_bytes:
        raise ValueError(f"{path.name} is empty (0 bytes): copy or make it again.")
    try:
        if len(first_bytes) < HEADER_BYTES:
            raise ValueError(
                f"{path.name} is not an MRC file: it has {len(first_bytes)} bytes, "
                f"but an MRC header alone has {HEADER_BYTES}."
            )
        return parse_layout(first_bytes, name=path.name)
    except ValueError as error:
        foreign = foreign_format(path, first_bytes)
        if foreign is None:
            raise
        raise ValueError(foreign) from error


def _located(layout: Layout, size: int, *, path: Path) -> tuple[Layout, tuple[Finding, ...]]:
    """Return where the voxels truly are in a file of so many bytes; raises ValueError if some are missing."""
    if size >= layout.bytes_needed:
        return layout, ()
    announced = layout.offset - HEADER_BYTES
    if size == layout.bytes_needed - announced:
        sentence = (
            f"The header announces {announced:,} bytes of extended header that are not there; "
            "all voxels are, and were read."
        )
        return replace(layout, offset=HEADER_BYTES), (
            Finding("note", "extended header", sentence, about=path.name),
        )
    raise ValueError(
        f"{path.name} is truncated: it has {size:,} of the {layout.bytes_needed:,} bytes that its header "
        "announces; copy or make it again."
    )


def _volume(
    stored: NDArray[Any], layout: Layout, *, path: Path, findings: tuple[Finding, ...] = ()
) -> MrcVolume:
    if layout.sign_is_open:
        stored, noticed = read_bytes(stored, name=path.name)
        findings += noticed
    return MrcVolume(
        data=stored.transpose(layout.order),
        voxel_sizes=layout.voxel_sizes,
        header=layout.header,
        mode=layout.mode,
        path=path,
        findings=findings,
    )
