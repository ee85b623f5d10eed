"""Tests of files that appear whole or not at all."""

from __future__ import annotations

import pytest

from napari_cryorestore.whole_file import append_line, whole_file, whole_folder, write_text


def test_a_file_is_not_there_before_it_is_whole(tmp_path):
    path = tmp_path / "folder" / "file"
    with whole_file(path) as aside:
        aside.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"


def test_what_fails_leaves_the_older_file(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")

    def fail():
        with whole_file(path) as aside:
            aside.write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with whole_folder(path) as aside:
            (aside / name).touch()
    assert [item.name for item in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_appended(tmp_path):
    path = tmp_path / "lines"
    append_line(path, b"one\n")
    append_line(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "file"
    with whole_file(path) as first:
        first.write_text("first")
        with whole_file(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
