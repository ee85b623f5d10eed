"""MRC volumes: memory-mapped where possible, every unreadable file named in one sentence."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.findings import Finding
from napari_cryorestore.io.byte_sign import read_bytes
from napari_cryorestore.io.file_contents import file_contents, require_whole
from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.io.mrc_header import HEADER_BYTES, Layout, header_of, parse_layout
from napari_cryorestore.io.volume_format import Volume, VolumeFormat

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def read_mrc(path: Path) -> Volume:
    """Open an MRC file.

    Parameters
    ----------
    path : Path
        A file of mode 0, 1, 2, 6 or 12, of either byte order, possibly compressed with gzip or bzip2.
        A compressed file is loaded whole; any other is memory-mapped.

    Returns
    -------
    Volume
        Voxels (z, y, x) with voxel size, origin and start.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        As `file_contents`.
    ValueError
        As `file_contents`, or if the file is truncated, of another format, or of a mode that holds no real
        volume.
    """
    content, findings = file_contents(
        path, header_bytes=HEADER_BYTES, bytes_needed=lambda header: _layout(header, path=path).bytes_needed
    )
    layout, noticed = _located(_layout(content[:HEADER_BYTES].tobytes(), path=path), content, path=path)
    findings += noticed
    size = math.prod(layout.shape) * layout.dtype.itemsize
    stored = content[layout.offset : layout.offset + size].view(layout.dtype).reshape(layout.shape)
    if layout.sign_is_open:
        stored, noticed = read_bytes(stored, name=path.name)
        findings += noticed
    return Volume(
        data=stored.transpose(layout.order),
        path=path,
        voxel_sizes=layout.voxel_sizes,
        origin=layout.origin,
        start=layout.start,
        labels=layout.labels,
        stored_as=f"mode {layout.mode}",
        findings=findings,
    )


def _layout(first_bytes: bytes, *, path: Path) -> Layout:
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


def _located(layout: Layout, content: NDArray[np.uint8], *, path: Path) -> tuple[Layout, tuple[Finding, ...]]:
    """Return where the voxels truly are; raises ValueError if some are missing."""
    announced = layout.offset - HEADER_BYTES
    if announced and content.size == layout.bytes_needed - announced:
        sentence = (
            f"The header announces {announced:,} bytes of extended header that are not there; "
            "all voxels are, and were read."
        )
        return replace(layout, offset=HEADER_BYTES), (
            Finding("note", "extended header", sentence, about=path.name),
        )
    require_whole(content, layout.bytes_needed, path=path)
    return layout, ()


MRC = VolumeFormat(
    title="MRC volume",
    suffixes=(".mrc", ".rec", ".map"),
    stack_suffixes=(".st", ".ali", ".mrcs"),
    read=read_mrc,
    header=header_of,
)

__all__ = ["MRC", "read_mrc"]
