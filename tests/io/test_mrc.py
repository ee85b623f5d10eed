"""Every dialect of MRC opens as (z, y, x), and every unreadable file says why."""

from __future__ import annotations

import bz2
import gzip
import os
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.io.mrc import IMOD_STAMP
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import is_volume_path, open_volume

if TYPE_CHECKING:
    from collections.abc import Callable

    Maker = Callable[..., Path]

RAMP = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)


@pytest.mark.parametrize(("mode", "dtype"), [(0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_real_modes_of_either_byte_order_are_memory_mapped(
    make_mrc: Maker, mode: int, dtype: str, endian: str
) -> None:
    stamp = b"MAP DD\0\0" if endian == "<" else b"MAP \x11\x11\0\0"
    path = make_mrc("a.mrc", RAMP.astype(dtype), mode=mode, endian=endian, identifier=stamp)
    volume = open_volume(path)
    assert isinstance(volume.data, np.memmap)
    assert volume.data.dtype == np.dtype(dtype).newbyteorder(endian)
    assert volume.stored_as == f"mode {mode}"
    np.testing.assert_array_equal(volume.data, RAMP)


@pytest.mark.parametrize("stamp", [b"MAP DD\0\0", b"MAP \x11\x11\0\0", b"MAP \0\0\0\0", b"\0" * 8])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_wrong_or_missing_machine_stamp_does_no_harm(make_mrc: Maker, stamp: bytes, endian: str) -> None:
    volume = open_volume(make_mrc("a.mrc", RAMP, endian=endian, identifier=stamp))
    np.testing.assert_array_equal(volume.data, RAMP)
    assert volume.voxel_size == 8.0


def test_header_facts_are_kept(make_mrc: Maker) -> None:
    path = make_mrc("a.mrc", RAMP, origin=(1.0, 2.0, 3.0), start=(4, 5, 6), labels=("one", "", "three"))
    volume = open_volume(path)
    assert volume.origin == (1.0, 2.0, 3.0)
    assert volume.start == (4, 5, 6)
    assert volume.labels == ("one", "three")
    assert volume.path == path
    assert volume.findings == ()


def test_non_finite_origin_counts_as_none(make_mrc: Maker) -> None:
    assert open_volume(make_mrc("a.mrc", RAMP, origin=(float("nan"), 0.0, 0.0))).origin == (0.0, 0.0, 0.0)


def test_extended_header_is_skipped(make_mrc: Maker) -> None:
    np.testing.assert_array_equal(open_volume(make_mrc("a.mrc", RAMP, extended=b"x" * 77)).data, RAMP)


@pytest.mark.parametrize(
    ("fields", "dtype"),
    [
        ({"imod": (IMOD_STAMP, 0)}, "uint8"),
        ({"imod": (IMOD_STAMP, 1)}, "int8"),
        ({"imod": (IMOD_STAMP, 2)}, "uint8"),
        ({"imod": (IMOD_STAMP, 1), "statistics": (0.0, 200.0)}, "int8"),
        ({"statistics": (141.0, 163.0)}, "uint8"),
        ({"statistics": (-20.0, 90.0)}, "int8"),
        ({}, "int8"),
    ],
)
def test_sign_of_bytes(make_mrc: Maker, fields: dict[str, Any], dtype: str) -> None:
    """Trap 12: IMOD's unsigned bytes are read as signed by mrcfile."""
    data = np.full((4, 5, 6), 200, np.uint8)
    volume = open_volume(make_mrc("a.mrc", data, mode=0, **fields))
    assert volume.data.dtype == dtype
    assert int(volume.data[0, 0, 0]) == (200 if dtype == "uint8" else -56)


def test_imod_file_older_than_mrc2014(make_mrc: Maker) -> None:
    data = np.random.default_rng(0).integers(141, 164, (7, 6, 5)).astype(np.uint8)
    path = make_mrc(
        "old.rec",
        data,
        mode=0,
        voxel_size=(23.2, 23.2, 23.2),
        identifier=b"\0\0\x91E\0\0\0\0",
        origin=(7.0, 7.0, 7.0),
        statistics=(141.0, 163.0),
        space_group=(0, 7),
    )
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data, data)
    assert volume.voxel_size == pytest.approx(23.2)
    assert volume.origin == (0.0, 0.0, 0.0)


def test_real_imod_file_older_than_mrc2014(real_data: Path) -> None:
    volume = open_volume(real_data / "imod_int8_oldheader_tardis.rec")
    assert volume.data.shape == (78, 64, 32)
    assert (int(volume.data.min()), int(volume.data.max())) == (141, 163)
    assert volume.voxel_size == pytest.approx(23.2, abs=1e-3)
    assert volume.labels[0].startswith("SerialEM")


def test_real_half_map(real_data: Path) -> None:
    volume = open_volume(real_data / "mpn20_A_even.mrc")
    assert volume.data.shape == (96, 144, 144)
    assert volume.voxel_size == 20.0
    assert volume.origin == (160.0, 120.0, 160.0)


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 1, 2), (2, 1, 3), (1, 3, 2), (3, 2, 1), (2, 3, 1)])
def test_axis_order_is_undone_by_a_view(make_mrc: Maker, axes: tuple[int, int, int]) -> None:
    columns, rows, sections = axes
    stored = RAMP.transpose([3 - sections, 3 - rows, 3 - columns])
    start = (columns * 10, rows * 10, sections * 10)
    path = make_mrc("a.mrc", stored, axes=axes, start=start, voxel_size=(1.0, 2.0, 3.0))
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data, RAMP)
    assert volume.start == (10, 20, 30)
    assert volume.voxel_sizes == (3.0, 2.0, 1.0)
    assert isinstance(volume.data, np.memmap)


def test_axes_left_zero_mean_x_y_z(make_mrc: Maker) -> None:
    np.testing.assert_array_equal(open_volume(make_mrc("a.mrc", RAMP, axes=(0, 0, 0))).data, RAMP)


def test_axis_named_twice_is_refused(make_mrc: Maker) -> None:
    with pytest.raises(ValueError, match=r"names its axes 1, 1, 3"):
        open_volume(make_mrc("a.mrc", RAMP, axes=(1, 1, 3)))


def test_zero_cell_means_unknown_voxel_size(make_mrc: Maker) -> None:
    """Trap 12: no voxel size is not one of 0 Å."""
    assert open_volume(make_mrc("a.mrc", RAMP, voxel_size=(0.0, 0.0, 0.0))).voxel_size == 0.0


def test_voxel_size_missing_along_z_is_taken_from_the_others(make_mrc: Maker) -> None:
    assert open_volume(make_mrc("a.mrc", RAMP, voxel_size=(8.0, 8.0, 0.0))).voxel_size == 8.0


def test_anisotropic_voxels_are_refused_where_one_size_is_needed(make_mrc: Maker) -> None:
    volume = open_volume(make_mrc("a.mrc", RAMP, voxel_size=(8.0, 8.0, 8.2)))
    assert volume.voxel_sizes == pytest.approx((8.2, 8.0, 8.0))
    with pytest.raises(ValueError, match=r"voxels of 8 × 8 × 8\.2 Å"):
        _ = volume.voxel_size


def test_voxels_within_one_per_cent_count_as_isotropic(make_mrc: Maker) -> None:
    assert open_volume(make_mrc("a.mrc", RAMP, voxel_size=(8.0, 8.0, 8.05))).voxel_size == 8.0


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_file_is_loaded_whole_and_says_so(
    make_mrc: Maker, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    plain = make_mrc("A.MRC", RAMP, extended=b"xyz")
    packed = plain.with_name(f"A.MRC{suffix.upper()}")
    packed.write_bytes(compress(plain.read_bytes()))
    volume = open_volume(packed)
    np.testing.assert_array_equal(volume.data, RAMP)
    assert [finding.topic for finding in volume.findings] == ["compressed file"]
    assert "loaded whole" in volume.findings[0].text


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_damaged_compressed_file(make_mrc: Maker, compress: Callable[[bytes], bytes]) -> None:
    noise = np.random.default_rng(0).normal(size=(20, 30, 40)).astype(np.float32)
    path = make_mrc("a.mrc.gz", noise)
    path.write_bytes(compress(path.read_bytes())[:-20])
    with pytest.raises(ValueError, match=r"a\.mrc\.gz cannot be decompressed"):
        open_volume(path)


def test_wrong_checksum_is_noticed(make_mrc: Maker) -> None:
    path = make_mrc("a.mrc.gz", RAMP)
    packed = bytearray(gzip.compress(path.read_bytes()))
    packed[-8] ^= 1
    path.write_bytes(packed)
    with pytest.raises(ValueError, match="CRC check failed"):
        open_volume(path)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_no_more_is_decompressed_than_the_header_announces(
    make_mrc: Maker, compress: Callable[[bytes], bytes]
) -> None:
    path = make_mrc("a.mrc.gz", RAMP)
    path.write_bytes(compress(path.read_bytes() + bytes(200_000_000)))
    tracemalloc.start()
    volume = open_volume(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(volume.data, RAMP)
    assert most < 20_000_000


def test_more_than_fits_into_memory_is_not_decompressed(
    make_mrc: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_mrc("a.mrc.gz", RAMP)
    path.write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr("napari_cryorestore.io.file_contents.available_memory", lambda: 1503)
    with pytest.raises(ValueError, match=r"1\.5 kB of voxels and header.*decompress it into a file"):
        open_volume(path)


def test_truncated_compressed_content(make_mrc: Maker) -> None:
    plain = make_mrc("a.mrc", RAMP)
    packed = plain.with_suffix(".mrc.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()[:-4]))
    with pytest.raises(ValueError, match=r"truncated: it has 1,500 of the 1,504 bytes"):
        open_volume(packed)


def test_truncated_file(make_mrc: Maker) -> None:
    """Trap 12: mrcfile has no data then, and does not say why."""
    path = make_mrc("a.mrc", RAMP)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"a\.mrc is truncated: it has 1,503 of the 1,504 bytes"):
        open_volume(path)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (3, "mode 3 .complex 16-bit integers"),
        (4, "mode 4 .complex 32-bit floats"),
        (101, "mode 101 .4-bit integers.*newstack"),
        (16, "mode 16 .RGB"),
        (99, "mode 99 .an unknown voxel type.*mode 2"),
    ],
)
def test_modes_without_real_voxels(make_mrc: Maker, mode: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        open_volume(make_mrc("a.mrc", np.repeat(RAMP, 2, axis=2), mode=mode))


def test_stack_of_volumes(make_mrc: Maker) -> None:
    with pytest.raises(ValueError, match="stack of 2 volumes"):
        open_volume(make_mrc("a.mrc", RAMP, space_group=(401, 2)))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_volume(tmp_path / "none.mrc")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder"):
        open_volume(tmp_path)


def test_forbidden_file(make_mrc: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = make_mrc("a.mrc", RAMP)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError, match="may not be read"):
        open_volume(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"short", "5 bytes, but an MRC header alone has 1024"),
        (b"II*\0" + b"tiff" * 600, "a.mrc is a TIFF image, which is not read: convert it with IMOD's"),
        (b"\0" * 4096, "is not an MRC file: its first bytes"),
        (b"text and more text\n" * 200, "is not an MRC file: its first bytes"),
    ],
)
def test_no_mrc_file(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.mrc"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        open_volume(path)


@pytest.mark.parametrize("packed", [False, True])
def test_extended_header_that_is_announced_and_not_there(make_mrc: Maker, packed: bool) -> None:
    path = make_mrc("a.mrc", RAMP)
    content = bytearray(path.read_bytes())
    content[92:96] = (57600).to_bytes(4, "little")
    path.write_bytes(gzip.compress(content) if packed else content)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data, RAMP)
    told = next(finding for finding in volume.findings if finding.topic == "extended header")
    assert told.text == (
        "a.mrc: The header announces 57,600 bytes of extended header that are not there; all voxels are, "
        "and were read."
    )


def test_part_of_an_extended_header_means_truncated(make_mrc: Maker) -> None:
    path = make_mrc("a.mrc", RAMP, extended=b"x" * 77)
    path.write_bytes(path.read_bytes()[:-76])
    with pytest.raises(ValueError, match="truncated"):
        open_volume(path)


@pytest.mark.parametrize(
    ("imod", "expected"),
    [
        ((IMOD_STAMP, 0), (-1.0, -2.0, 3.0)),
        ((IMOD_STAMP, 3), (-1.0, -2.0, 3.0)),
        ((IMOD_STAMP, 4), (1.0, 2.0, -3.0)),
        ((IMOD_STAMP, 5), (1.0, 2.0, -3.0)),
        ((0, 0), (1.0, 2.0, -3.0)),
    ],
)
@pytest.mark.parametrize("endian", ["<", ">"])
def test_origin_of_imod_has_the_opposite_sign(
    make_mrc: Maker, imod: tuple[int, int], expected: tuple[float, ...], endian: str
) -> None:
    """Without IMOD's flag 4 the origin is stored by IMOD's own definition; MRC2014's is its negative."""
    path = make_mrc("a.mrc", RAMP, imod=imod, origin=(1.0, 2.0, -3.0), endian=endian)
    assert open_volume(path).origin == expected


def test_origin_means_the_same_when_it_is_written_again(make_mrc: Maker, tmp_path: Path) -> None:
    volume = open_volume(make_mrc("a.mrc", RAMP, imod=(IMOD_STAMP, 0), origin=(1000.0, 2000.0, -300.0)))
    written = write_volume(tmp_path / "b.mrc", volume.data, voxel_size=8, origin=volume.origin, label="b")
    stamp = written.read_bytes()[152:156]
    assert stamp == bytes(4)  # so that IMOD too reads the numbers by MRC2014's definition
    assert open_volume(written).origin == volume.origin == (-1000.0, -2000.0, 300.0)


def test_no_origin_has_no_sign(make_mrc: Maker) -> None:
    assert str(open_volume(make_mrc("a.mrc", RAMP, imod=(IMOD_STAMP, 0))).origin) == "(0.0, 0.0, 0.0)"


def test_bytes_that_wrap_are_read_as_unsigned(make_mrc: Maker) -> None:
    bell = np.random.default_rng(0).normal(128, 25, (16, 24, 24)).clip(0, 255).astype(np.uint8)
    volume = open_volume(make_mrc("a.mrc", bell, mode=0, statistics=(0.0, 0.0), axes=(3, 2, 1)))
    np.testing.assert_array_equal(volume.data, bell.transpose(2, 1, 0))
    assert [finding.topic for finding in volume.findings] == ["sign of bytes"]


def test_bytes_that_no_one_vouches_for_are_said_to_be_taken_as_signed(make_mrc: Maker) -> None:
    (told,) = open_volume(make_mrc("a.mrc", np.full((4, 5, 6), 200, np.uint8), mode=0)).findings
    assert (told.severity, told.about) == ("warning", "a.mrc")
    assert "read as −128…127" in told.text


def test_a_folder_of_zarr_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mrc").mkdir()
    (tmp_path / "a.mrc" / ".zattrs").touch()
    (tmp_path / "a.mrc" / "zarr.json").touch()
    with pytest.raises(ValueError, match=r"a\.mrc is a Zarr store.*napari-ome-zarr"):
        open_volume(tmp_path / "a.mrc")


@pytest.mark.timeout(20)
@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with names")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.mrc").symlink_to("pipe")
    with pytest.raises(ValueError, match=r"a\.mrc is a pipe, but a regular file is expected"):
        open_volume(tmp_path / "a.mrc")


def test_gigabytes_open_without_being_read(make_mrc: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_mrc("a.mrc", np.zeros((1, 928, 928), np.float32))
    with path.open("r+b") as file:
        file.seek(8)
        file.write((464).to_bytes(4, "little"))
        file.truncate(1024 + 464 * 928 * 928 * 4)
    monkeypatch.setattr(np, "fromfile", None)
    volume = open_volume(path)
    assert isinstance(volume.data, np.memmap)
    assert volume.data.shape == (464, 928, 928)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mrc", True),
        ("A.MRC", True),
        ("a.rec", True),
        ("a.b.map", True),
        ("a.st", True),
        ("a.ali", True),
        ("a.mrcs", True),
        ("a.mrc.gz", True),
        ("a.MRC.BZ2", True),
        ("a.tif", False),
        ("a.gz", False),
        ("mrc", False),
        ("a.mrc.part", False),
    ],
)
def test_volume_paths_are_told_by_suffix(name: str, expected: bool) -> None:
    assert is_volume_path(name) is expected
