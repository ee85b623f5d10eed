"""Tests of the run folder on disk."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.runs.events import Finished, Started, Stepped, from_json
from napari_cryorestore.runs.recorder import Recorder, Request
from napari_cryorestore.runs.run_dir import RunDir, new_run_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path):
    return RunDir.create(tmp_path / "run", config="a = 1\n", environment={"torch": "2"})


def lines(run):
    return run.events_path.read_bytes().splitlines()


def test_create_makes_the_folder_that_open_finds(run):
    again = RunDir.open(run.path)
    assert again.config_text() == "a = 1\n"
    assert again.environment() == {"torch": "2"}
    assert {"snapshots", "checkpoints", "restored"} <= {item.name for item in run.path.iterdir()}
    assert again.restored_dir.is_dir()


def test_create_accepts_a_folder_that_holds_only_inputs(tmp_path):
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "even.mrc").touch()
    RunDir.create(tmp_path, config="", environment={})
    assert (tmp_path / "inputs" / "even.mrc").exists()


def test_create_accepts_an_empty_folder_and_refuses_a_full_one(tmp_path):
    RunDir.create(tmp_path, config="", environment={})
    with pytest.raises(FileExistsError, match=r"is not empty: choose a new folder, .*--resume"):
        RunDir.create(tmp_path, config="", environment={})


def test_create_where_nothing_can_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotADirectoryError, match=r"cannot be written .* choose a folder"):
        RunDir.create(tmp_path / "file" / "run", config="", environment={})


def test_a_folder_without_permission_says_so(run, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError, match=r"cannot be written \(Permission denied\)"):
        run.request_stop()
    assert run.request() is Request.CONTINUE


def test_open_refuses_what_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run"):
        RunDir.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        RunDir.open(tmp_path / "nothing")


def test_open_accepts_a_history_without_config(tmp_path):
    (tmp_path / "events.jsonl").touch()
    run = RunDir.open(tmp_path)
    assert run.environment() == {}
    with pytest.raises(FileNotFoundError):
        run.config_text()


def test_is_a_recorder(run):
    recorder: Recorder = run
    recorder.record(Finished(step=1, reason="stopped"))
    assert from_json(lines(run)[0]) is not None


def test_record_sets_the_time_unless_given(run, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 123.0)
    run.record(Stepped(step=1, loss=0.5))
    run.record(Stepped(step=2, loss=0.5, time=7.0))
    assert [json.loads(line)["time"] for line in lines(run)] == [123.0, 7.0]


def test_record_closes_a_line_that_a_crash_cut_off(run):
    run.record(Started(steps=10, process=1, host="a"))
    with run.events_path.open("ab") as file:
        file.write(b'{"kind":"stepp')
    run.record(Stepped(step=1, loss=0.5))
    assert len(lines(run)) == 3
    assert from_json(lines(run)[2]).loss == 0.5


def test_two_recorders_do_not_mix_lines(run):
    def work(step):
        for _ in range(50):
            run.record(Stepped(step=step, loss=0.5))

    threads = [threading.Thread(target=work, args=(step,)) for step in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(from_json(line).step for line in lines(run)) == [1] * 50 + [2] * 50


def test_a_full_disk_is_told_and_spoils_one_line_only(run, monkeypatch):
    real_write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, line: real_write(descriptor, line[:9]))
        with pytest.raises(OSError, match=r"No space left on device.*free some space") as caught:
            run.record(Stepped(step=1, loss=0.5))
    assert caught.value.errno == 28
    run.record(Stepped(step=2, loss=0.5))
    assert from_json(lines(run)[-1]).step == 2


def test_a_full_disk_leaves_no_half_snapshot(run, monkeypatch):
    def fail(file, array):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        run.write_snapshot(3, np.zeros((2, 3, 4)))
    assert list((run.path / "snapshots").iterdir()) == []


def test_snapshots_come_back_as_half_precision(run):
    array = np.linspace(-3, 3, 24).reshape(2, 3, 4)
    assert run.write_snapshot(7, array) == "snapshots/step_00000007.npy"
    assert run.write_input(array + 1) == "snapshots/input.npy"
    assert run.read_snapshot(7).dtype == np.float16
    np.testing.assert_allclose(run.read_snapshot(7), array, atol=2e-3)
    np.testing.assert_allclose(run.read_input(), array + 1, atol=4e-3)
    assert run.snapshot_path(7).is_file()


def test_huge_values_stay_finite(run):
    run.write_snapshot(1, np.array([[[1e9, -1e9]]]))
    assert np.isfinite(run.read_snapshot(1)).all()


def test_missing_and_damaged_snapshots(run):
    with pytest.raises(FileNotFoundError, match="thinned out or not made"):
        run.read_snapshot(5)
    run.write_snapshot(5, np.zeros((2, 2, 2)))
    run.snapshot_path(5).write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="damaged"):
        run.read_snapshot(5)


def test_checkpoint_appears_whole(run):
    def write(folder):
        assert run.checkpoint_steps() == []
        (folder / "weights").write_text("w")

    assert run.write_checkpoint(20, write) == "checkpoints/step_00000020"
    assert (run.checkpoint_path(20) / "weights").read_text() == "w"
    assert run.checkpoint_steps() == [20]


def test_a_failing_checkpoint_keeps_the_older_one(run):
    run.write_checkpoint(20, lambda folder: (folder / "weights").write_text("old"))

    def fail(folder):
        (folder / "weights").write_text("new")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="free some space"):
        run.write_checkpoint(20, fail)
    assert (run.checkpoint_path(20) / "weights").read_text() == "old"
    assert [item.name for item in (run.path / "checkpoints").iterdir()] == ["step_00000020"]


def test_a_checkpoint_replaces_an_older_one(run):
    for word in ("old", "new"):
        run.write_checkpoint(20, lambda folder, word=word: (folder / word).touch())
    assert [item.name for item in run.checkpoint_path(20).iterdir()] == ["new"]
    assert [item.name for item in (run.path / "checkpoints").iterdir()] == ["step_00000020"]


def test_remove_step_deletes_both(run):
    for step in (1, 2):
        run.write_snapshot(step, np.zeros((1, 1, 1)))
        run.write_checkpoint(step, lambda folder: (folder / "w").touch())
    run.remove_step(1)
    run.remove_step(99)
    assert not run.snapshot_path(1).exists()
    assert run.snapshot_path(2).exists()
    assert run.checkpoint_steps() == [2]


def test_checkpoint_steps_of_a_folder_without_any(tmp_path):
    assert RunDir(tmp_path).checkpoint_steps() == []


def test_requests(run):
    assert run.request() is Request.CONTINUE
    run.request_pause()
    assert run.request() is Request.PAUSE
    run.request_resume()
    assert run.request() is Request.CONTINUE
    run.request_pause()
    run.request_stop()
    assert run.request() is Request.STOP
    run.request_discard()
    assert run.request() is Request.DISCARD
    run.clear_requests()
    assert run.request() is Request.CONTINUE


def test_a_stop_file_made_by_hand_counts(run):
    (run.path / "stop").touch()
    assert run.request() is Request.STOP


def test_a_preview_request_is_seen_once(run):
    assert not run.snapshot_requested()
    run.request_snapshot()
    assert run.snapshot_requested()
    assert not run.snapshot_requested()


def test_pins(run):
    assert run.pins() == set()
    run.pin(30)
    run.pin(10)
    run.unpin(30)
    run.unpin(99)
    assert RunDir.open(run.path).pins() == {10}


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '["a", null]'])
def test_spoilt_pins_are_no_pins(run, text):
    (run.path / "pins.json").write_text(text)
    assert run.pins() == set()


@pytest.mark.parametrize("text", ["[" * 99_999, "[true, 1.5, 7]"])
def test_only_steps_are_pinned(run, text):
    (run.path / "pins.json").write_text(text)
    assert run.pins() == ({7} if "7" in text else set())


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((2, 2, 2), np.int16), np.zeros((0, 2, 2))])
def test_a_snapshot_of_another_shape_or_type_is_damaged(run, array):
    with run.snapshot_path(5).open("wb") as file:
        np.save(file, array)
    with pytest.raises(ValueError, match="damaged and cannot be shown"):
        run.read_snapshot(5)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_pipes_in_a_run_folder_are_not_waited_for(run):
    run.write_snapshot(5, np.zeros((2, 2, 2)))
    for name in ("stop", "pause", "preview", "pins.json", "snapshots/step_00000005.npy"):
        (run.path / name).unlink(missing_ok=True)
        os.mkfifo(run.path / name)
    (run.path / "config.toml").unlink()
    os.mkfifo(run.path / "config.toml")
    assert run.request() is Request.CONTINUE
    assert not run.snapshot_requested()
    assert run.pins() == set()
    with pytest.raises(ValueError, match="regular file is expected"):
        run.read_snapshot(5)
    with pytest.raises(ValueError, match="regular file is expected"):
        run.config_text()
    run.clear_requests()
    run.remove_step(5)
    assert not (run.path / "stop").exists()
    assert not run.snapshot_path(5).exists()


def test_folders_that_are_called_like_requests_request_nothing(run):
    for name in ("stop", "pause", "preview"):
        (run.path / name).mkdir()
    assert run.request() is Request.CONTINUE
    assert not run.snapshot_requested()
    run.clear_requests()
    run.request_stop()
    assert run.request() is Request.STOP


def test_only_folders_of_steps_are_checkpoints(run):
    for name in ("step_00000020", "step_20", "step_old", "step_00000020.bak", "step_9999999999999999"):
        (run.path / "checkpoints" / name).mkdir()
    assert run.checkpoint_steps() == [20]


def test_a_checkpoint_that_lies_elsewhere_is_let_go_of_but_not_deleted(run, tmp_path):
    other = RunDir.create(tmp_path / "other", config="", environment={})
    other.write_checkpoint(20, lambda folder: (folder / "weights").touch())
    run.checkpoint_path(20).symlink_to(other.checkpoint_path(20))
    run.clear_leftovers()
    run.remove_step(20)
    assert not os.path.lexists(run.checkpoint_path(20))
    assert (other.checkpoint_path(20) / "weights").exists()


def test_date_tomogram_and_method(tmp_path: Path) -> None:
    noon = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
    path = new_run_path(tmp_path, tomogram="TS 01/a", method="icecream", now=noon)
    assert path == tmp_path / "2026-11-21_TS-01-a_icecream"


def test_a_number_makes_it_unique(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        path = new_run_path(tmp_path, tomogram="a.b", method="m")
        path.mkdir()
        names.append(path.name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_a\.b_m", names[0])
    assert names[1:] == [f"{names[0]}_2", f"{names[0]}_3"]


def test_the_longest_names_of_files_make_names_of_folders_too(tmp_path: Path) -> None:
    for letter in ("T", "é"):
        names = []
        for ending in ("1", "2"):
            for _ in range(2):
                path = new_run_path(tmp_path, tomogram=letter * 120 + "x" * 130 + ending, method="icecream")
                path.mkdir()
                names.append(path.name)
        assert len(set(names)) == 4
        assert all("_icecream" in name for name in names)
