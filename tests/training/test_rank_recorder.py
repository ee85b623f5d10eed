"""Tests that only the first of several processes writes and reads requests."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.runs.events import Checkpointed, Evaluated, Noted, Thinned
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.rank_recorder import RankRecorder, steps_to_remove

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path) -> None:
    (folder / "weights").write_text("w")


def test_the_first_process_writes_and_hears(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, config="", environment={})
    recorder = RankRecorder(run, kept=5, first=True)
    recorder.note("hello")
    recorder.input(np.zeros((2, 2, 2)))
    recorder.show(3, np.zeros((2, 2, 2)))
    recorder.save(3, write)
    assert [event.kind for event in RunFollower(tmp_path).poll()] == ["noted", "snapshotted", "checkpointed"]
    assert run.checkpoint_steps() == recorder.saved == [3]
    assert run.read_snapshot(3).shape == run.read_input().shape
    run.request_stop()
    run.request_snapshot()
    assert recorder.request() is Request.STOP
    assert recorder.snapshot_requested()
    assert not recorder.snapshot_requested()


def test_the_others_write_nothing_and_take_no_request_away(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, config="", environment={})
    before = sorted(tmp_path.rglob("*"))
    recorder = RankRecorder(run, kept=5, first=False)
    recorder.note("hello")
    recorder.input(np.zeros((2, 2, 2)))
    recorder.show(3, np.zeros((2, 2, 2)))
    recorder.save(3, write)
    assert sorted(tmp_path.rglob("*")) == before
    run.request_stop()
    run.request_snapshot()
    assert recorder.request() is Request.CONTINUE
    assert not recorder.snapshot_requested()
    assert run.snapshot_requested()  # still there for the first


def test_a_checkpoint_that_was_saved_but_not_told_is_told_when_it_is_taken_up(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, config="", environment={})
    for step in (3, 7):
        run.write_checkpoint(step, write)
    recorder = RankRecorder(run, kept=5, first=True)
    recorder.take_up(run.checkpoint_path(7))
    assert recorder.saved == [3, 7]
    (event,) = RunFollower(tmp_path).poll()
    assert isinstance(event, Checkpointed)
    assert (event.step, tmp_path / event.file) == (7, run.checkpoint_path(7))


def test_steps_are_told_to_be_gone_before_their_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDir.create(tmp_path, config="", environment={})
    recorder = RankRecorder(run, kept=2, first=True)
    told: list[list[int]] = []

    def remove(self: RunDir, step: int) -> None:
        told.extend(event.removed for event in RunFollower(tmp_path).poll() if isinstance(event, Thinned))

    monkeypatch.setattr(RunDir, "remove_step", remove)
    for step in (1, 2, 3):
        recorder.save(step, write)
    assert told == [[2]]


def test_a_checkpoint_that_lies_elsewhere_keeps_its_resume_state(tmp_path: Path) -> None:
    def resumable(folder: Path) -> None:
        (folder / "resume.pt").touch()

    other = RunDir.create(tmp_path / "other", config="", environment={})
    other.write_checkpoint(3, resumable)
    run = RunDir.create(tmp_path / "run", config="", environment={})
    for step in (3, 4):
        run.checkpoint_path(step).symlink_to(other.checkpoint_path(3))
    (run.path / "checkpoints" / "step_old").mkdir()
    recorder = RankRecorder(run, kept=2, first=True)
    recorder.take_up(run.checkpoint_path(4))
    recorder.save(5, resumable)
    assert recorder.saved == run.checkpoint_steps() == [3, 5]
    assert (other.checkpoint_path(3) / "resume.pt").exists()
    assert (run.checkpoint_path(5) / "resume.pt").exists()


def test_the_step_that_is_advised_is_kept_however_many_come_after_it(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, config="", environment={})
    recorder = RankRecorder(run, kept=4, first=True)
    for step in range(1, 30):
        n2n = 0.9 if step == 7 else 0.5 - 0.01 * step
        recorder.record(Evaluated(step=step, metrics={"n2n": n2n}))
        recorder.show(step, np.zeros((2, 2, 2)))
        recorder.save(step, write)
        advised = recorder.state.advice.step
        assert advised in run.checkpoint_steps()
    assert 7 in run.checkpoint_steps()
    assert len(run.checkpoint_steps()) == 4


def test_what_was_recorded_before_is_known(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, config="", environment={})
    past = [Evaluated(step=step, metrics={"n2n": 0.1}) for step in (5, 10)]
    recorder = RankRecorder(run, kept=4, first=True, past=past)
    recorder.record(Evaluated(step=15, metrics={"n2n": 0.2}))
    assert [item.step for item in recorder.state.held_out()] == [5, 10, 15]
    assert [event.step for event in RunFollower(tmp_path).poll()] == [15]  # recorded once


def test_a_warning_that_the_run_knows_is_not_recorded_again(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, config="", environment={})
    run.record(Noted(level="warning", message="The halves differ."))
    recorder = RankRecorder(run, kept=5, first=True, past=RunFollower(tmp_path).poll())
    for message in ("The halves differ.", "The disk is slow.", "The disk is slow."):
        recorder.warn(message)
    noted = [event.message for event in RunFollower(tmp_path).poll() if isinstance(event, Noted)]
    assert noted == ["The halves differ.", "The disk is slow."]


def test_enough_room_removes_nothing() -> None:
    assert steps_to_remove([], kept=3) == []
    assert steps_to_remove([1, 2, 3], kept=3) == []


def test_one_too_many_takes_the_most_crowded() -> None:
    assert steps_to_remove([1, 2, 3, 50, 100], kept=4) == [2]


@pytest.mark.parametrize("kept", [4, 10, 50])
def test_growing_step_by_step_keeps_the_first_the_last_and_an_even_spread(kept: int) -> None:
    left: list[int] = []
    for step in range(1, 201):
        left.append(step)
        gone = steps_to_remove(left, kept=kept)
        left = [old for old in left if old not in gone]
        assert left[0] == 1
        assert left[-1] == step
        assert len(left) <= kept
        gaps = [after - before for before, after in pairwise(left)]
        assert not gaps or max(gaps) <= 2.2 * max(1, step / kept)


def test_pinned_steps_stay_even_where_they_alone_are_too_many() -> None:
    assert steps_to_remove([1, 2, 3, 4, 5], kept=3, pinned={2, 3}) == [4]
    assert steps_to_remove([1, 2, 3, 4, 5], kept=3, pinned={2, 3, 4}) == []


def test_the_order_given_does_not_matter() -> None:
    assert steps_to_remove([100, 1, 3, 2], kept=2) == [2, 3]
