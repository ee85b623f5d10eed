"""Tests of files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil

import pytest

from napari_cryorestore.whole_file import (
    append_line,
    clear_leftovers,
    remove,
    remove_folder,
    whole_file,
    whole_folder,
    write_text,
)


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


def test_a_link_where_a_file_is_written_aside_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "aside").symlink_to("precious")
    with whole_file(tmp_path / "file", aside=tmp_path / "aside") as aside:
        aside.write_text("new")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "file").read_text() == "new"


def test_the_longest_name_is_written(tmp_path):
    path = tmp_path / ("å" * 127)
    write_text(path, "text")
    assert path.read_text() == "text"
    assert list(tmp_path.iterdir()) == [path]


class Killed(BaseException):
    """What a killed process does: nothing more."""


def replaced_until(monkeypatch, path, renames):
    """Replace a folder in a process that is killed after so many renames, and does not even clean up."""
    done = []
    rename, remove = os.rename, shutil.rmtree

    def counted(source, target):
        if len(done) == renames:
            raise Killed
        done.append(source)
        rename(source, target)

    def unless_dead(*args, **kwargs):
        if len(done) < renames:
            remove(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", counted)
        patched.setattr(shutil, "rmtree", unless_dead)
        with pytest.raises(Killed), whole_folder(path) as aside:
            (aside / "new").touch()


def filled(path):
    with whole_folder(path) as aside:
        (aside / "old").touch()


@pytest.mark.parametrize("renames", [0, 1])
def test_a_process_killed_while_it_replaces_a_folder_loses_nothing(tmp_path, monkeypatch, renames):
    path = tmp_path / "folder"
    filled(path)
    replaced_until(monkeypatch, path, renames)
    clear_leftovers(tmp_path)
    assert [item.name for item in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    filled(path)
    rename = os.rename

    def refused(source, target):
        if target == path and (source / "new").exists():
            raise PermissionError(13, "no")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(PermissionError), whole_folder(path) as aside:
        (aside / "new").touch()
    assert [item.name for item in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_killed_writers_left_is_cleared_away_and_nothing_else(tmp_path):
    kept = [tmp_path / name for name in ("step_1", ".hidden", "step_2.part")]
    for path in kept:
        path.touch()
    (tmp_path / ".step_3.77-0.part").touch()
    (tmp_path / ".step_4.77-1.part" / "inside").mkdir(parents=True)
    filled(tmp_path / "step_5")
    (tmp_path / ".step_5.older").mkdir()
    clear_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "step_5"])
    clear_leftovers(tmp_path / "there is none")


def test_no_part_of_a_removed_folder_is_ever_found(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    filled(path)

    def killed(*args):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(Killed):
            remove_folder(path)
    assert not path.exists()
    clear_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())
    remove_folder(path)  # nothing there: nothing to do


@pytest.fixture
def elsewhere(tmp_path):
    """Return a folder that lies on another disk, as it were."""
    folder = tmp_path / "elsewhere" / "folder"
    filled(folder)
    return folder


@pytest.mark.parametrize("delete", [remove, remove_folder])
def test_of_a_link_to_a_folder_the_link_is_deleted(tmp_path, elsewhere, delete):
    path = tmp_path / "here" / "folder"
    path.parent.mkdir()
    path.symlink_to(elsewhere)
    delete(path)
    assert not list(path.parent.iterdir())
    assert (elsewhere / "old").exists()


@pytest.mark.parametrize("dangling", [True, False])
def test_a_folder_takes_the_place_of_a_link(tmp_path, elsewhere, dangling):
    path = tmp_path / "here" / "folder"
    path.parent.mkdir()
    path.symlink_to(tmp_path / "nowhere" if dangling else elsewhere)
    with whole_folder(path) as aside:
        (aside / "new").touch()
    assert not path.is_symlink()
    assert [item.name for item in path.iterdir()] == ["new"]
    assert list(path.parent.iterdir()) == [path]
    assert (elsewhere / "old").exists()


def test_links_that_killed_writers_left_are_cleared_like_folders(tmp_path, elsewhere):
    here = tmp_path / "here"
    here.mkdir()
    for name in (".step_1.77-0.part", ".step_2.older", "step_2", ".step_3.older"):
        (here / name).symlink_to(elsewhere)
    clear_leftovers(here)
    assert sorted(item.name for item in here.iterdir()) == ["step_2", "step_3"]
    assert (elsewhere / "old").exists()


def test_a_line_is_appended_to_a_plain_values_only(tmp_path):
    os.mkfifo(tmp_path / "lines")
    with pytest.raises(OSError, match="no regular file"):
        append_line(tmp_path / "lines", b"one\n")
