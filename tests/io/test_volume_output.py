"""Outputs are valid, complete or absent, and never overwrite anything."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import mrcfile
import numpy as np
import pytest

from napari_cryorestore.io.part_file import part_of
from napari_cryorestore.io.volume_format import Grid
from napari_cryorestore.io.volume_output import create_volume, write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.whole_file import unique_path

if TYPE_CHECKING:
    from pathlib import Path

DATA = np.random.default_rng(3).normal(5.0, 2.0, (6, 7, 8))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_written_volume_is_valid_and_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_volume(
        tmp_path / "a.mrc",
        DATA,
        voxel_size=10.52,
        origin=(1.0, -2.0, 3.0),
        start=(4, 5, -6),
        label="ours @ 600",
    )
    assert mrcfile.validate(path), capsys.readouterr().out
    assert os.listdir(tmp_path) == ["a.mrc"]
    with mrcfile.open(path) as file:
        np.testing.assert_array_equal(file.data, DATA.astype(np.float32))
        assert float(file.voxel_size.x) == pytest.approx(10.52)
        assert float(file.header.dmin) == pytest.approx(DATA.min())
        assert float(file.header.dmax) == pytest.approx(DATA.max())
        assert float(file.header.dmean) == pytest.approx(DATA.mean(), rel=1e-6)
        assert float(file.header.rms) == pytest.approx(DATA.std(), rel=1e-6)
        assert [label.strip() for label in file.get_labels()] == ["ours @ 600"]


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    volume = open_volume(
        write_volume(
            tmp_path / "a.rec", DATA, voxel_size=8.0, origin=(1.0, -2.0, 3.0), start=(4, 5, -6), label="x"
        )
    )
    assert (volume.voxel_size, volume.origin, volume.start) == (8.0, (1.0, -2.0, 3.0), (4, 5, -6))
    assert volume.data.dtype == np.float32


@pytest.mark.parametrize("dtype", ["u1", ">i2", "f2"])
def test_every_type_becomes_float32(tmp_path: Path, dtype: str) -> None:
    data = np.arange(24).reshape(2, 3, 4).astype(dtype)
    volume = open_volume(write_volume(tmp_path / "a.mrc", data, voxel_size=1.0, label="x"))
    assert volume.stored_as == "mode 2"
    np.testing.assert_array_equal(volume.data, data)


def test_label_is_cut_and_made_ascii(tmp_path: Path) -> None:
    path = write_volume(tmp_path / "a.mrc", DATA, voxel_size=1.0, label="TS01 · 2×2 Å " + "y" * 100)
    (label,) = open_volume(path).labels
    assert label.startswith("TS01 - 2x2 A y")
    assert len(label) == 80


def test_every_line_is_a_label_and_ten_are_the_most(tmp_path: Path) -> None:
    two = write_volume(tmp_path / "two.mrc", DATA, voxel_size=1.0, label="what\nof what")
    assert open_volume(two).labels == ("what", "of what")
    many = write_volume(tmp_path / "many.mrc", DATA, voxel_size=1.0, label="\n".join("abcdefghijklm"))
    assert open_volume(many).labels == tuple("abcdefghij")


def test_the_last_look_through_the_voxels_is_told_and_may_be_ended(tmp_path: Path) -> None:
    about, shares = Grid((4, 3, 2), 1.0), []
    with create_volume(tmp_path / "a.mrc", about, label="x", checked=shares.append) as volume:
        volume[:] = 1
        assert shares == []
    assert shares == [0.25, 0.5, 0.75, 1.0]

    def enough(share: float) -> None:
        if share > 0.5:
            raise InterruptedError

    with (
        pytest.raises(InterruptedError),
        create_volume(tmp_path / "b.mrc", about, label="x", checked=enough) as volume,
    ):
        volume[:] = 1
    assert os.listdir(tmp_path) == ["a.mrc"]


def test_an_output_starts_at_zero_and_can_be_added_to(tmp_path: Path) -> None:
    with create_volume(tmp_path / "a.mrc", Grid((3, 4, 5), 2.0), label="x") as volume:
        assert not volume.any()
        assert not (tmp_path / "a.mrc").exists()
        assert (tmp_path / "a.mrc.part").exists()
        volume[1] += 2.0
        volume[1] += 1.0
    assert float(open_volume(tmp_path / "a.mrc").data.sum()) == 60.0


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_interrupted_output_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with create_volume(tmp_path / "a.mrc", Grid((3, 4, 5), 2.0), label="x") as volume:
            volume[0] = 1.0
            raise error

    with pytest.raises(error):
        interrupted()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_output_is_refused(tmp_path: Path, value: float) -> None:
    data = DATA.copy()
    data[2, 3, 4] = value
    with pytest.raises(ValueError, match="was not written: the volume holds NaN or infinite"):
        write_volume(tmp_path / "a.mrc", data, voxel_size=1.0, label="x")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("empty", [False, True])
def test_what_a_killed_writer_left_is_replaced(tmp_path: Path, empty: bool) -> None:
    with create_volume(tmp_path / "b.mrc", Grid((9, 9, 9), 1.0), label="x") as volume:
        volume[:] = 7
        volume.flush()
        left = (tmp_path / "b.mrc.part").read_bytes()
    (tmp_path / "a.mrc.part").write_bytes(b"" if empty else left)
    path = write_volume(tmp_path / "a.mrc", DATA, voxel_size=1.0, label="x")
    np.testing.assert_array_equal(open_volume(path).data, DATA.astype(np.float32))


def test_an_unrelated_file_of_that_name_stays(tmp_path: Path) -> None:
    """For example a volume that is an input: it must not be zeroed and removed."""
    source = write_volume(tmp_path / "x.mrc", DATA, voxel_size=1.0, label="x").rename(tmp_path / "a.mrc.part")
    before = source.read_bytes()
    with pytest.raises(FileExistsError, match=r"a\.mrc\.part is in the way.*choose another name"):
        write_volume(tmp_path / "a.mrc", open_volume(source).data, voxel_size=1.0, label="x")
    assert source.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.mrc.part"]


@pytest.mark.skipif(sys.platform == "win32", reason="makes no links by default")
@pytest.mark.parametrize("there", [True, False])
def test_links_are_not_written_through(tmp_path: Path, there: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    if there:
        elsewhere.write_bytes(b"")  # even an empty file, which would be nobody's loss
    (tmp_path / "a.mrc.part").symlink_to(elsewhere)
    with pytest.raises(FileExistsError, match="in the way"):
        write_volume(tmp_path / "a.mrc", DATA, voxel_size=1.0, label="x")
    assert elsewhere.exists() is there
    assert not there or elsewhere.read_bytes() == b""
    assert (tmp_path / "a.mrc.part").is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="makes no links by default")
def test_a_link_that_leads_nowhere_is_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.mrc").symlink_to("gone")
    assert unique_path(tmp_path / "a.mrc") == tmp_path / "a_2.mrc"
    with pytest.raises(FileExistsError, match="never overwritten"):
        write_volume(tmp_path / "a.mrc", DATA, voxel_size=1.0, label="x")
    assert (tmp_path / "a.mrc").is_symlink()


@pytest.mark.parametrize("letter", ["x", "é"])
def test_the_longest_name_can_be_written(tmp_path: Path, letter: str) -> None:
    name = letter * (251 // len(letter.encode())) + ".mrc"
    path = write_volume(tmp_path / name, DATA, voxel_size=1.0, label="x")
    np.testing.assert_array_equal(open_volume(path).data, DATA.astype(np.float32))
    with pytest.raises(ValueError, match="longer than the 255 bytes"):
        write_volume(tmp_path / f"{letter}{name}xx", DATA, voxel_size=1.0, label="x")


def test_long_names_that_begin_alike_are_written_aside_to_different_files(tmp_path: Path) -> None:
    names = {part_of(tmp_path / ("x" * 250 + end)).name for end in ("1", "2")}
    assert len(names) == 2
    assert all(len(name) + len(".before.new") == 255 for name in names)


def test_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="never overwritten"):
        write_volume(path, DATA, voxel_size=1.0, label="x")
    assert path.read_bytes() == b"precious"


def test_file_that_appeared_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    with (
        pytest.raises(FileExistsError, match="never overwritten"),
        create_volume(path, Grid((2, 2, 2), 1.0), label="x"),
    ):
        path.write_bytes(b"precious")
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["a.mrc"]


def test_full_disk_is_noticed_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 250_000_000))
    with pytest.raises(OSError, match=r"250 MB of free space, but 1\.6 GB are needed"):
        create_volume(tmp_path / "a.mrc", Grid((464, 928, 928), 1.0), label="x").__enter__()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError, match="may not be written to"):
        write_volume(tmp_path / "a.mrc", DATA, voxel_size=1.0, label="x")


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve disk space")
def test_file_system_that_cannot_reserve_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    path = write_volume(tmp_path / "a.mrc", DATA, voxel_size=1.0, label="x")
    np.testing.assert_array_equal(open_volume(path).data, DATA.astype(np.float32))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve disk space")
def test_disk_that_fills_up_while_reserving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_volume(tmp_path / "a.mrc", DATA, voxel_size=1.0, label="x")
    assert os.listdir(tmp_path) == []


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"folder .* does not exist"):
        write_volume(tmp_path / "none" / "a.mrc", DATA, voxel_size=1.0, label="x")


def test_compressed_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"volumes are written plain: name it \.mrc"):
        write_volume(tmp_path / "a.mrc.gz", DATA, voxel_size=1.0, label="x")


@pytest.mark.parametrize("voxel_size", [0.0, -1.0, float("nan"), float("inf")])
def test_voxel_size_must_be_known(tmp_path: Path, voxel_size: float) -> None:
    with pytest.raises(ValueError, match="a positive number of Å is needed"):
        write_volume(tmp_path / "a.mrc", DATA, voxel_size=voxel_size, label="x")


@pytest.mark.parametrize("shape", [(4, 4), (0, 4, 4), (1, 2, 3, 4)])
def test_shape_must_be_a_volume(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="three axes"):
        write_volume(tmp_path / "a.mrc", np.zeros(shape), voxel_size=1.0, label="x")


def test_unique_path_counts_up(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    assert unique_path(path) == path
    path.touch()
    assert unique_path(path) == tmp_path / "a_2.mrc"
    (tmp_path / "a_2.mrc").touch()
    assert unique_path(str(path)) == tmp_path / "a_3.mrc"
