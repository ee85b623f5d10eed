"""What holds for every format of volumes in the table."""

from __future__ import annotations

import bz2
import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.io.part_file import part_of
from napari_cryorestore.io.volume_format import Grid, Statistics
from napari_cryorestore.io.volume_output import copy_volume, create_volume, losses, write_volume
from napari_cryorestore.io.volumes import (
    FORMATS,
    format_of,
    is_tomogram_path,
    is_volume_path,
    open_volume,
    opened_patterns,
    opens_at_once,
    result_suffix,
    volume_stem,
    written_formats,
    written_suffixes,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.io.volume_format import VolumeFormat

DATA = np.random.default_rng(3).normal(5.0, 2.0, (4, 5, 6)).astype(np.float32)
GRID = Grid(DATA.shape, 7.5, (10.0, -20.0, 30.0), (1, 2, -3))
EVERY = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
WRITTEN = pytest.mark.parametrize("form", written_formats(), ids=lambda form: form.title)


def written(folder: Path, form: VolumeFormat, name: str = "TS01") -> Path:
    path = folder / f"{name}{form.suffixes[0]}"
    with create_volume(path, GRID, label="made here\nof nothing") as volume:
        volume[:] = DATA
    return path


@EVERY
def test_suffixes_are_of_one_format_only(form: VolumeFormat) -> None:
    own = (*form.suffixes, *form.stack_suffixes)
    assert own
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in own)
    others = [item for item in FORMATS.values() if item is not form]
    assert not {suffix for item in others for suffix in (*item.suffixes, *item.stack_suffixes)} & set(own)


@EVERY
def test_names_tell_the_format(form: VolumeFormat) -> None:
    for suffix in (*form.suffixes, *form.stack_suffixes):
        for name in (f"TS_1.2{suffix}", f"TS_1.2{suffix.upper()}.gz", f"TS_1.2{suffix}.BZ2"):
            assert format_of(f"folder/{name}") is form
            assert is_volume_path(name)
            assert volume_stem(f"folder/{name}") == "TS_1.2"
            assert is_tomogram_path(name) is (suffix in form.suffixes)
            assert opens_at_once(name) is (name[-3:] not in (".gz", "BZ2"))
        assert {f"*{suffix}", f"*{suffix}.gz", f"*{suffix}.bz2"} <= set(opened_patterns())
        assert not is_volume_path(suffix)  # a hidden file of that name


def test_other_names_are_taken_for_the_format_of_results() -> None:
    for name in ("TS01", "TS01.5A", f"a{result_suffix()}"):
        assert format_of(name) is written_formats()[0]
    assert volume_stem("TS01.5A") == "TS01.5A"
    assert not is_volume_path("TS01.5A")
    assert not opens_at_once("TS01.txt")
    assert result_suffix() == written_suffixes()[0] == ".mrc"


@WRITTEN
def test_the_header_has_room_for_the_mark_and_one_length(form: VolumeFormat) -> None:
    assert form.header is not None
    before = form.header(GRID, ["a"], None)
    assert len(before) >= 32
    assert len(before) == len(form.header(GRID, ["a", "b"], Statistics(-1.0, 2.0, 0.5, 0.25)))


@WRITTEN
def test_what_is_written_is_opened(tmp_path: Path, form: VolumeFormat) -> None:
    volume = open_volume(written(tmp_path, form))
    np.testing.assert_array_equal(volume.data, DATA)
    assert isinstance(volume.data, np.memmap)
    assert not volume.data.flags.writeable
    assert volume.shape == DATA.shape
    assert volume.findings == ()
    lost = set(form.loses)
    assert lost <= {"voxel size", "origin", "labels", "more than one label"}
    assert volume.voxel_size == (0 if "voxel size" in lost else 7.5)
    assert volume.origin == ((0, 0, 0) if "origin" in lost else GRID.origin)
    assert volume.start == ((0, 0, 0) if "origin" in lost else GRID.start)
    kept = 0 if "labels" in lost else 1 if "more than one label" in lost else 2
    assert volume.labels == ("made here", "of nothing")[:kept]


@WRITTEN
def test_what_is_lost_is_said(tmp_path: Path, form: VolumeFormat) -> None:
    found = losses(tmp_path / f"a{form.suffixes[0]}")
    assert len(found) == bool(form.loses)
    for finding in found:
        assert finding.severity == "warning"
        assert finding.sentence.startswith(("A NumPy", "An EM"))
        assert all(lost in finding.sentence for lost in form.loses)
        assert result_suffix() in finding.remedy


@pytest.mark.parametrize("name", ["a.tif", "a.npz", "a", ".npy"])
def test_a_name_that_says_no_format_is_told(tmp_path: Path, name: str) -> None:
    (found,) = losses(tmp_path / name)
    assert found.line.startswith(
        f"warning: {name}: No format of volumes goes by this name: it becomes one of the format "
    )


@WRITTEN
@pytest.mark.parametrize(("suffix", "packed"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_packed_files_are_loaded_whole(tmp_path: Path, form: VolumeFormat, suffix: str, packed) -> None:
    path = written(tmp_path, form)
    small = path.with_name(path.name + suffix)
    small.write_bytes(packed(path.read_bytes() + b"more than its header announces"))
    volume = open_volume(small)
    np.testing.assert_array_equal(volume.data, DATA)
    assert [finding.topic for finding in volume.findings] == ["compressed file"]


@EVERY
@pytest.mark.parametrize("content", [b"", b"text and more text\n" * 200, b"\xff" * 4000, b"\0" * 40])
def test_what_is_no_volume_is_refused_by_its_name(tmp_path: Path, form: VolumeFormat, content: bytes) -> None:
    path = tmp_path / f"a{form.suffixes[0]}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^a\{form.suffixes[0]} is "):
        open_volume(path)


@EVERY
def test_folders_and_files_that_are_not_there_are_refused(tmp_path: Path, form: VolumeFormat) -> None:
    with pytest.raises(FileNotFoundError):
        open_volume(tmp_path / f"none{form.suffixes[0]}")
    folder = tmp_path / f"folder{form.suffixes[0]}"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match="choose a volume in it"):
        open_volume(folder)


@WRITTEN
def test_a_truncated_file_is_refused(tmp_path: Path, form: VolumeFormat) -> None:
    path = written(tmp_path, form)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"is truncated: it has .* that its header announces"):
        open_volume(path)


@WRITTEN
def test_what_a_killed_writer_left_is_gone_on_with(tmp_path: Path, form: VolumeFormat) -> None:
    path = tmp_path / f"a{form.suffixes[0]}"
    with create_volume(path.with_name(f"b{form.suffixes[0]}"), GRID, label="x") as volume:
        volume[:2] = DATA[:2]
        volume.flush()
        part_of(path).write_bytes(part_of(path.with_name(f"b{form.suffixes[0]}")).read_bytes())
    with create_volume(path, GRID, label="x", goes_on=True) as volume:
        np.testing.assert_array_equal(volume[:2], DATA[:2])
        volume[2:] = DATA[2:]
    np.testing.assert_array_equal(open_volume(path).data, DATA)


@WRITTEN
@pytest.mark.parametrize("target", written_formats(), ids=lambda form: form.title)
def test_a_copy_has_the_format_of_its_name(tmp_path: Path, form: VolumeFormat, target: VolumeFormat) -> None:
    source, copy = written(tmp_path, form), tmp_path / f"copy{target.suffixes[0]}"
    copy.write_bytes(b"an older file")
    if "voxel size" in form.loses and target is not form:
        with pytest.raises(ValueError, match="but a positive number of Å is needed"):
            copy_volume(source, copy)
        assert copy.read_bytes() == b"an older file"
        return
    assert copy_volume(source, copy) == copy
    volume = open_volume(copy)
    np.testing.assert_array_equal(volume.data, DATA)
    if target is form:
        assert copy.read_bytes() == source.read_bytes()
    elif not (form.loses or target.loses):
        assert (volume.voxel_size, volume.origin, volume.start) == (7.5, GRID.origin, GRID.start)
        assert volume.labels == open_volume(source).labels


def test_a_format_that_is_only_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_cryorestore.io.mrc import read_mrc
    from napari_cryorestore.io.volume_format import VolumeFormat

    monkeypatch.setitem(FORMATS, "seen", VolumeFormat("SEEN volume", (".seen",), read_mrc))
    assert ".seen" not in written_suffixes()
    with pytest.raises(ValueError, match=r"a\.seen would be a SEEN volume, .*only read.*\.mrc or \.rec"):
        write_volume(tmp_path / "a.seen", DATA, voxel_size=1.0, label="x")
    assert list(tmp_path.iterdir()) == []
