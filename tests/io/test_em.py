"""EM volumes of every type and byte order, by what the TOM toolbox says of the format."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path

RAMP = np.arange(2 * 3 * 4).reshape(2, 3, 4)


def made(folder: Path, data: np.ndarray, *, code: int, machine: int = 6, comment: bytes = b"") -> Path:
    order = ">" if machine in (0, 3, 5) else "<"
    header = bytes((machine, 0, 0, code)) + struct.pack(f"{order}3i", *data.shape[::-1])
    header += comment.ljust(80, b"\0") + struct.pack(f"{order}40i", *([0] * 6), 10520, *([0] * 33))
    path = folder / "a.em"
    path.write_bytes(header.ljust(512, b"\0") + data.astype(data.dtype.newbyteorder(order)).tobytes())
    return path


@pytest.mark.parametrize(("code", "dtype"), [(1, "i1"), (2, "i2"), (4, "i4"), (5, "f4"), (9, "f8")])
@pytest.mark.parametrize("machine", [0, 3, 5, 6])
def test_every_type_and_computer(tmp_path: Path, code: int, dtype: str, machine: int) -> None:
    path = made(tmp_path, RAMP.astype(dtype), code=code, machine=machine, comment=b"made by hand")
    volume = open_volume(path)
    assert isinstance(volume.data, np.memmap)
    np.testing.assert_array_equal(volume.data, RAMP)
    assert (volume.labels, volume.stored_as) == (("made by hand",), f"type {code}")
    assert (volume.voxel_size, volume.origin, volume.findings) == (0, (0, 0, 0), ())


def test_bytes_beyond_127_are_told_by_their_histogram(tmp_path: Path) -> None:
    bell = np.random.default_rng(0).normal(128, 20, (8, 64, 64)).round().astype(np.uint8)
    volume = open_volume(made(tmp_path, bell, code=1))
    np.testing.assert_array_equal(volume.data, bell)
    assert [finding.topic for finding in volume.findings] == ["sign of bytes"]


@pytest.mark.parametrize("code", [8, 10])
def test_complex_numbers_are_refused(tmp_path: Path, code: int) -> None:
    with pytest.raises(ValueError, match=r"^a\.em holds complex .*transform it back to real space"):
        open_volume(made(tmp_path, RAMP.astype("c8" if code == 8 else "c16"), code=code))


@pytest.mark.parametrize(("code", "machine"), [(3, 6), (0, 6), (5, 4), (5, 7)])
def test_codes_that_mean_nothing_are_refused(tmp_path: Path, code: int, machine: int) -> None:
    with pytest.raises(ValueError, match=r"^a\.em is not an EM volume"):
        open_volume(made(tmp_path, RAMP.astype("f4"), code=code, machine=machine))


def test_the_first_label_becomes_the_comment(tmp_path: Path) -> None:
    path = write_volume(tmp_path / "a.em", RAMP, voxel_size=5.0, label=f"ours · {'x' * 90}\nmore")
    assert path.read_bytes()[:16] == bytes((6, 0, 0, 5)) + struct.pack("<3i", 4, 3, 2)
    assert open_volume(path).labels == (f"ours - {'x' * 73}",)
    assert path.stat().st_size == 512 + 4 * RAMP.size
