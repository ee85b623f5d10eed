"""Tests of what the monitor shows, without any widget."""

from __future__ import annotations

import random
import shutil
import time

import numpy as np
import pytest

from benchmarks.faults.mutations import damaged_line
from napari_cryorestore.gui.monitor import preview_frames
from napari_cryorestore.gui.monitor.model import RESUME_SECONDS, MonitorModel
from napari_cryorestore.gui.monitor.preview_frames import INPUT
from napari_cryorestore.gui.monitor.run_numbers import numbers_at
from napari_cryorestore.runs.events import Failed, Finished, Paused, Started, Thinned
from napari_cryorestore.runs.recorder import Request


@pytest.fixture
def model(trained):
    made = MonitorModel()
    made.attach(trained.path)
    made.poll()
    return made


def test_before_any_run():
    model = MonitorModel()
    changes = model.poll()
    assert not changes.events
    assert not changes.frames
    assert model.selected is None
    assert model.selected_name == ""
    possible = (model.can_pause, model.can_resume, model.can_stop, model.can_continue, model.used is not None)
    assert possible == (False,) * 5
    for request in (model.pause, model.resume, model.stop, model.stop_without_saving, model.request_preview):
        request()
    model.toggle_pin()
    model.select(3)


def test_a_folder_without_run_is_refused_and_the_run_stays(model, tmp_path, trained):
    with pytest.raises(FileNotFoundError, match="holds no run"):
        model.attach(tmp_path)
    assert model.run.path == trained.path
    assert model.frames.steps == (INPUT, 100, 200, 300)


def test_the_first_look_finds_everything(model):
    assert model.frames.steps == (INPUT, 100, 200, 300)
    assert model.selected == model.newest == 300
    assert list(model.state.curves["loss"].steps) == [100, 200, 300]
    assert model.placement.start == (8, 17, 26)


@pytest.mark.parametrize("seed", range(20))
def test_a_history_with_damaged_lines_is_shown_with_one_note(trained, seed):
    chance = random.Random(seed)
    whole = trained.events_path.read_bytes().splitlines()
    damaged = [damaged_line(line, chance) for line in whole]
    trained.events_path.write_bytes(b"\n".join([*whole, *damaged, b"[]", b"x" * 2_000_000]) + b"\n")
    model = MonitorModel()
    model.attach(trained.path)
    for _ in range(9):
        model.poll(seconds=1.0)
        assert model.state.advice.sentence
        for step in model.frames.steps:
            numbers_at(model.state, step)
    notes = [note for note in model.state.messages if "Damaged lines" in note.message]
    assert len(notes) == 1
    assert model.frames.steps[0] == INPUT


def test_a_growing_run_is_followed(model, trained):
    assert not model.poll().events
    trained.step(350)
    changes = model.poll()
    assert (changes.events, changes.frames) == (True, False)
    trained.save(400)
    assert model.poll().frames
    assert model.selected == 400


def test_looking_back_ends_following(model, trained):
    model.select(130)
    assert (model.selected, model.follow) == (100, False)
    trained.save(400)
    model.poll()
    assert model.selected == 100
    model.set_follow(True)
    assert model.selected == 400
    model.set_follow(False)
    assert model.selected == 400


def test_selecting_the_newest_goes_on_following(model):
    model.select(290)
    assert model.follow


def test_the_input_can_be_selected(model):
    model.select(INPUT)
    assert model.selected_name == "input"
    assert model.used is None


def test_only_a_step_with_weights_can_be_used(model, trained):
    assert model.used == 300
    shutil.rmtree(trained.checkpoint_path(300))
    trained.record(Thinned(step=300, removed=[200]))
    model.poll()
    model.select(200)
    assert model.selected == 100


def test_weights_are_listed_only_where_something_changed(model, trained, monkeypatch):
    listed = []
    steps = type(model.run).checkpoint_steps
    monkeypatch.setattr(type(model.run), "checkpoint_steps", lambda run: listed.append(1) or steps(run))
    for _ in range(20):
        model.poll()
    assert listed == []
    trained.step(301)
    model.poll()
    assert len(listed) == 1
    shutil.rmtree(trained.checkpoint_path(300))  # by hand: nothing is recorded
    model.poll()
    assert len(listed) == 2
    assert not model.state.has_weights(300)


def test_a_thinned_selection_goes_to_the_nearest(model, trained):
    model.select(200)
    trained.remove_step(200)
    trained.record(Thinned(step=300, removed=[200]))
    assert model.poll().frames
    assert model.frames.steps == (INPUT, 100, 300)
    assert model.selected == 100


def test_frames_are_loaded_a_few_at_a_time_the_newest_first(trained):
    model = MonitorModel()
    model.attach(trained.path)
    seen = []
    for _ in range(5):
        model.poll(seconds=0)
        seen.append(model.frames.steps)
    assert seen[:3] == [(INPUT,), (INPUT, 300), (INPUT, 200, 300)]
    assert seen[-1] == (INPUT, 100, 200, 300)
    assert model.selected == 300


def test_a_long_history_arrives_over_several_looks(run, monkeypatch):
    monkeypatch.setattr("napari_cryorestore.gui.monitor.model.READ_AT_ONCE", 500)
    monkeypatch.setattr("napari_cryorestore.gui.monitor.model.READ_SECONDS", 0)
    run.step(*range(40))
    model = MonitorModel()
    model.attach(run.path)
    model.poll()
    assert 0 < len(model.state.curves["loss"]) < 40
    while model.poll().events:
        pass
    assert len(model.state.curves["loss"]) == 40


def test_a_preview_that_comes_late_is_waited_for(model, trained):
    trained.save(400)
    kept = trained.snapshot_path(400).rename(trained.path / "late.npy")
    assert not model.poll().frames
    kept.rename(trained.snapshot_path(400))
    assert model.poll().frames
    assert model.selected == 400


def test_a_preview_that_never_comes_is_given_up(model, trained, monkeypatch):
    monkeypatch.setattr(preview_frames, "PATIENCE", 3)
    trained.save(400)
    trained.snapshot_path(400).unlink()
    reads = []
    monkeypatch.setattr(
        model.run, "read_snapshot", lambda step: reads.append(step) or trained.read_snapshot(step)
    )
    for _ in range(10):
        model.poll()
    assert reads == [400] * 3


def test_a_damaged_preview_is_reported_and_left_out(model, trained):
    trained.save(400)
    trained.snapshot_path(400).write_bytes(b"nonsense")
    model.poll()
    assert "step_00000400.npy is damaged" in model.problem
    assert model.selected == 300


def test_a_preview_of_another_shape_is_reported_and_left_out(model, trained):
    trained.save(400)
    trained.write_snapshot(400, np.zeros((1, 1, 1)))
    model.poll()
    assert "step 400 has shape (1, 1, 1)" in model.problem


def test_a_run_that_goes_on_shows_its_new_previews(model, trained):
    before = model.frames.frame(300)
    trained.record(Started(step=200, steps=5000, process=2, host="gpu02"))
    trained.step(300)
    trained.save(300, spread=0.9)
    model.poll()
    assert model.frames.steps == (INPUT, 100, 200, 300)
    assert model.frames.frame(300).std() > 2 * before.std()


def test_previews_of_a_killed_process_are_dropped(model, trained):
    trained.record(Started(step=100, steps=5000, process=2, host="gpu02"))
    model.poll()
    assert model.frames.steps == (INPUT, 100)
    assert list(model.state.curves["loss"].steps) == [100]


def test_a_replaced_history_starts_anew(model, trained):
    trained.events_path.unlink()
    for step in (100, 200, 300):
        trained.remove_step(step)
    trained.start()
    trained.step(1)
    model.poll()
    assert model.frames.steps == (INPUT,)
    assert list(model.state.curves["loss"].steps) == [1]


def test_attaching_to_another_run_forgets_the_first(model, trained, tmp_path):
    other = type(trained).create(tmp_path / "other", config="", environment={})
    other.start()
    other.save(50)
    frames = model.frames
    model.select(100)
    model.attach(other.path)
    model.poll()
    assert model.frames is frames
    assert model.frames.steps == (INPUT, 50)
    assert model.follow
    assert model.placement.voxel_size == 0


# Pins -----------------------------------------------------------------------------------------------


def test_pins_are_kept_in_the_run(model, trained):
    model.toggle_pin(190)
    model.toggle_pin()
    assert trained.pins() == model.pins == {200, 300}
    assert model.shown_pins == [INPUT, 200, 300]
    model.toggle_pin(200)
    assert trained.pins() == {300}


def test_the_input_needs_no_pin(model, trained):
    model.toggle_pin(INPUT)
    assert trained.pins() == set()


def test_a_pin_without_frame_is_not_shown(model, trained):
    trained.pin(999)
    model.attach(trained.path)
    model.poll()
    assert model.shown_pins == [INPUT]


# Requests -------------------------------------------------------------------------------------------


def test_a_running_run_can_be_paused_and_stopped(model):
    assert model.status() == "running"
    assert (model.can_pause, model.can_resume, model.can_stop, model.can_continue) == (
        True,
        False,
        True,
        False,
    )


def test_pausing_and_resuming(model, trained):
    model.pause()
    assert trained.request() is Request.PAUSE
    assert (model.can_pause, model.can_resume) == (False, True)
    trained.record(Paused(step=300))
    model.poll()
    assert (model.status(), model.can_resume) == ("paused", True)
    model.resume()
    assert trained.request() is Request.CONTINUE


def test_a_paused_run_that_does_not_resume_is_quiet(model, trained):
    trained.record(Paused(step=300))
    model.poll()
    model.resume()
    now = time.time()
    assert model.status(now + RESUME_SECONDS / 2) == "paused"
    assert model.status(now + 2 * RESUME_SECONDS) == "quiet"
    trained.step(301)
    model.poll()
    assert model.status(now + 2 * RESUME_SECONDS) == "running"


def test_stopping(model, trained):
    model.stop()
    assert trained.request() is Request.STOP
    assert (model.stopping, model.can_stop, model.can_pause) == (True, False, False)
    trained.record(Finished(step=300, reason="stopped"))
    model.poll()
    assert (model.stopping, model.can_continue) == (False, True)


def test_stopping_without_saving_and_requesting_a_preview(model, trained):
    model.request_preview()
    model.stop_without_saving()
    assert trained.request() is Request.DISCARD
    assert trained.snapshot_requested()


@pytest.mark.parametrize(
    ("event", "can_continue"),
    [
        (Finished(step=5000, reason="completed"), False),
        (Finished(step=300, reason="stopped"), True),
        (Finished(step=300, reason="completed", why="Ended at step 300."), True),
        (Failed(step=300, error="No memory"), True),
    ],
)
def test_what_can_be_continued(model, trained, event, can_continue):
    trained.record(event)
    model.poll()
    assert model.can_continue is can_continue
    assert not model.can_stop


def test_a_killed_run_becomes_quiet_and_can_be_continued(model):
    assert model.status(time.time() + 3600) == "quiet"
    assert model.state.quiet_since is not None


def test_a_clock_that_is_wrong_elsewhere_does_not_matter(run):
    ago = time.time() - 7200  # the cluster's clock is two hours late
    run.step(1, time=ago)
    model = MonitorModel()
    model.attach(run.path)
    model.poll()
    assert model.status() == "quiet"
    model.poll()
    run.step(2, time=ago + 1)
    model.poll()
    assert model.status() == "running"
    assert model.status(time.time() + 70) == "quiet"


def test_reading_requests_nothing(model, trained):
    before = sorted(item.name for item in trained.path.iterdir())
    model.select(100)
    model.poll()
    assert sorted(item.name for item in trained.path.iterdir()) == before


def test_events_of_a_process_that_is_written_right_now_are_not_torn(model, trained):
    line = b'{"kind":"stepped","time":1.0,"step":310,"loss":0.5}\n'
    with trained.events_path.open("ab") as file:
        file.write(line[:20])
    assert not model.poll().events
    with trained.events_path.open("ab") as file:
        file.write(line[20:])
    assert model.poll().events
    assert model.state.step == 310
