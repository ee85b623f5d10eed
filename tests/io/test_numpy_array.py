"""NumPy arrays as volumes: what NumPy writes is read, what is no volume is refused, nothing is executed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

RAMP = np.arange(2 * 3 * 4).reshape(2, 3, 4)


def saved(folder: Path, data: Any, **more: Any) -> Path:
    np.save(folder / "a.npy", data, **more)
    return folder / "a.npy"


def with_header(folder: Path, header: bytes, *, version: int = 1) -> Path:
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    path = folder / "a.npy"
    path.write_bytes(b"\x93NUMPY" + bytes([version, 0]) + length + header + bytes(1000))
    return path


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">u2", "i8", "f2", "<f4", ">f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_real_numbers_of_any_type_and_order_are_memory_mapped(tmp_path: Path, dtype: str, order: Any) -> None:
    data = np.asarray(RAMP, dtype=dtype, order=order)
    volume = open_volume(saved(tmp_path, data))
    assert isinstance(volume.data, np.memmap)
    assert volume.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(volume.data, data)
    assert (volume.voxel_size, volume.origin, volume.labels, volume.stored_as) == (0, (0, 0, 0), (), "")


def test_the_second_version_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, RAMP, version=(2, 0))
    np.testing.assert_array_equal(open_volume(tmp_path / "a.npy").data, RAMP)


def test_numpy_reads_what_is_written(tmp_path: Path) -> None:
    path = write_volume(tmp_path / "a.npy", RAMP, voxel_size=5.0, origin=(1, 2, 3), label="x")
    found = np.load(path)
    np.testing.assert_array_equal(found, RAMP)
    assert found.dtype == np.dtype("<f4")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (RAMP[0], r"has the shape \(3, 4\), but a volume has three axes"),
        (RAMP[None], r"has the shape \(1, 2, 3, 4\)"),
        (RAMP[:0], r"has the shape \(0, 3, 4\)"),
        (RAMP.astype(complex), "type '<c16', but voxels are real numbers"),
        (RAMP.astype("U3"), "type '<U3'"),
        (RAMP.astype("m8[s]"), "type '<m8.s.'"),
        (np.zeros((2, 3, 4), [("a", "f4")]), "type .*'a'"),
    ],
)
def test_what_is_no_volume_is_refused(tmp_path: Path, data: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^a.npy .*{sentence}"):
        open_volume(saved(tmp_path, data))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("something was executed",))

    data = np.empty((1, 1, 1), dtype=object)
    data[0, 0, 0] = Trap()
    with pytest.raises(ValueError, match=r"type '\|O', but voxels are real numbers"):
        open_volume(saved(tmp_path, data, allow_pickle=True))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{}",
        b"[1, 2, 3]",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': 5}",
        b"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3, 4)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4.0)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (True, 3, 4)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, __import__('os').getpid())}",
        b"(" * 5000,
        b"\xff\0",
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_damaged_headers_are_refused(tmp_path: Path, header: bytes, version: int) -> None:
    with pytest.raises(ValueError, match=r"^a\.npy has a damaged header"):
        open_volume(with_header(tmp_path, header, version=version))


def test_other_versions_are_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.lib.format.write_array(content, RAMP, version=(3, 0))
    (tmp_path / "a.npy").write_bytes(content.getvalue())
    with pytest.raises(ValueError, match="another version than 1 and 2"):
        open_volume(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match="has a damaged header"):
        open_volume(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(-2, -3, 4), (2, 0, 4), (10**30, 1, 1)])
def test_sizes_that_no_file_has_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    with pytest.raises(ValueError, match=r"has the shape|is truncated"):
        open_volume(with_header(tmp_path, header))


def test_a_tomogram_needs_its_voxel_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for half in ("even", "odd"):
        np.save(tmp_path / f"TS01_{half}.npy", rng.normal(size=(8, 9, 10)))
    even, odd = (tmp_path / f"TS01_{half}.npy" for half in ("even", "odd"))
    with pytest.raises(ValueError, match=r"TS01_even\.npy has no voxel size in its header: give it in Å"):
        open_tomogram((even, odd))
    tomogram = open_tomogram((even, odd), recording=Recording(voxel_size=10.0))
    assert (tomogram.name, tomogram.shape, tomogram.voxel_size) == ("TS01", (8, 9, 10), 10.0)
