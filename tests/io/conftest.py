"""Files that the io tests read: real ones where the folder is there, and MRC bytes made by hand."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np


@pytest.fixture(scope="session")
def real_data() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("CRYORESTORE_TEST_DATA", beside))
    if not (folder / "mpn40_A_even.mrc").is_file():
        pytest.skip(f"no real tomograms: set CRYORESTORE_TEST_DATA ({folder} has none)")
    return folder


@pytest.fixture
def make_mrc(tmp_path: Path) -> Callable[..., Path]:
    """Write an MRC file field by field, so that every malformation can be made."""

    def make(name: str, data: np.ndarray[Any, Any], **fields: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mrc_bytes(data, **fields))
        return path

    return make


def mrc_bytes(
    data: np.ndarray[Any, Any],
    *,
    mode: int = 2,
    voxel_size: tuple[float, float, float] = (8.0, 8.0, 8.0),
    axes: tuple[int, int, int] = (1, 2, 3),
    start: tuple[int, int, int] = (0, 0, 0),
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    statistics: tuple[float, float] = (0.0, -1.0),
    space_group: tuple[int, int] | None = None,
    imod: tuple[int, int] = (0, 0),
    extended: bytes = b"",
    identifier: bytes = b"MAP DD\0\0",
    endian: str = "<",
    labels: tuple[str, ...] = (),
) -> bytes:
    """Lay out the header by hand; ``data`` is (sections, rows, columns), the rest along x, y, z."""
    nz, ny, nx = data.shape
    sizes_by_axis = dict(zip(axes, (nx, ny, nz), strict=True)) if sorted(axes) == [1, 2, 3] else {}
    mx, my, mz = (sizes_by_axis.get(axis, size) for axis, size in ((1, nx), (2, ny), (3, nz)))
    group, depth = space_group or (1, mz)
    header = bytearray(1024)

    def put(offset: int, form: str, *values: Any) -> None:
        struct.pack_into(endian + form, header, offset, *values)

    put(0, "10i", nx, ny, nz, mode, *start, mx, my, depth)
    put(40, "6f", *(n * size for n, size in zip((mx, my, mz), voxel_size, strict=True)), 90, 90, 90)
    put(64, "3i3f2i", *axes, *statistics, 0.0, group, len(extended))
    put(152, "2i", *imod)
    put(196, "3f", *origin)
    header[208:216] = identifier
    put(220, "i", len(labels))
    for index, label in enumerate(labels):
        put(224 + 80 * index, "80s", label.encode())
    stored = data.astype(data.dtype.newbyteorder(endian))
    return bytes(header) + extended + stored.tobytes()
