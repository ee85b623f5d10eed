"""Tests of what a history adds up to."""

from __future__ import annotations

import itertools
import math
import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from napari_cryorestore.runs.events import (
    Checkpointed,
    Evaluated,
    Failed,
    Finished,
    Noted,
    Paused,
    Resumed,
    Snapshotted,
    Started,
    Stepped,
    Thinned,
)
from napari_cryorestore.runs.state import Curve, RunState


def started(step=0, **more):
    return Started(step=step, steps=100, process=1, host="gpu01", time=more.pop("time", 0.0), **more)


def stepped(step, **more):
    return Stepped(step=step, loss=1 / (step + 1), parts={"data": 0.5}, rate=10.0, memory=7.1, **more)


def saved(step):
    return [
        Snapshotted(step=step, file=f"snapshots/{step}"),
        Evaluated(step=step, metrics={"n2n": 0.01 * step, "fill": 0.1}),
        Checkpointed(step=step, file=f"checkpoints/{step}"),
    ]


def state_of(*events):
    state = RunState()
    state.apply(events)
    return state


@contextmanager
def counted_calls():
    """Count calls of functions, Python's and C's; yields what returns their number so far."""
    number = 0

    def count(frame, kind, argument):
        nonlocal number
        number += kind in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield lambda: number
    finally:
        sys.setprofile(None)


def test_before_anything_happened():
    state = RunState()
    assert state.status() == "waiting"
    assert state.quiet_since is None
    assert state.seconds_left is None
    assert (state.advice.step, state.advice.kind) == (None, "none")


def test_a_running_run():
    state = state_of(started(), Noted(level="phase", message="Preparing"), stepped(20, time=100.0))
    assert state.status(now=101.0) == "running"
    assert (state.step, state.steps, state.rate, state.memory) == (20, 100, 10.0, 7.1)
    assert state.seconds_left == pytest.approx(8.0)
    assert state.phase == ""
    assert state.host == "gpu01"
    assert set(state.curves) == {"loss", "data"}


def test_the_phase_is_told_until_steps_are_done():
    assert state_of(started(), Noted(level="phase", message="Preparing")).phase == "Preparing"


def test_messages_are_kept_but_not_for_ever():
    warnings = [Noted(level="warning", message=str(number)) for number in range(600)]
    state = state_of(started(), *warnings)
    assert len(state.messages) == 500
    assert state.messages[-1].message == "599"


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([Paused(step=1)], "paused"),
        ([Paused(step=1), Resumed(step=1)], "running"),
        ([Paused(step=1), stepped(2)], "running"),
        ([Finished(step=100, reason="completed")], "completed"),
        ([Finished(step=7, reason="stopped")], "stopped"),
        ([Failed(step=7, error="Out of memory", traceback="…")], "failed"),
        ([Finished(step=7, reason="stopped"), started(7)], "running"),
    ],
)
def test_status(events, status):
    assert state_of(started(), *events).status(now=1.0) == status


def test_a_failure_is_told_until_the_run_is_continued():
    state = state_of(started(), Failed(step=7, error="Out of memory", traceback="Traceback"))
    assert (state.error, state.traceback) == ("Out of memory", "Traceback")
    state.apply([started(7)])
    assert (state.error, state.traceback) == ("", "")


def test_quiet_after_a_minute_without_an_event():
    state = state_of(started(), stepped(1, time=1000.0))
    assert state.status(now=1059.0) == "running"
    assert state.status(now=1061.0) == "quiet"
    assert state.quiet_since == 1000.0


def test_slow_runs_may_be_silent_for_longer():
    state = state_of(started(), *[stepped(step, time=10.0 * step) for step in range(1, 20)])
    assert state.status(now=190.0 + 190.0) == "running"
    assert state.status(now=190.0 + 210.0) == "quiet"


def test_a_paused_run_is_not_quiet():
    assert state_of(started(), stepped(1, time=1.0), Paused(step=1, time=1.0)).status(now=1e6) == "paused"


def test_continuing_drops_what_the_killed_process_did_later():
    killed = [started(), stepped(10), *saved(10), stepped(20), *saved(20), stepped(25)]
    state = state_of(*killed, started(10))
    assert state.step == 10
    assert list(state.snapshots) == [10]
    assert list(state.checkpoints) == [10]
    assert state.metrics["n2n"].steps.tolist() == [10]
    state.apply([stepped(15), *saved(20)])
    assert state.curves["loss"].steps.tolist() == [10, 15]
    assert list(state.snapshots) == [10, 20]


def test_a_lower_step_without_a_start_drops_as_well():
    state = state_of(started(), stepped(10), stepped(20), *saved(20), stepped(12))
    assert state.curves["loss"].steps.tolist() == [10, 12]
    assert state.snapshots == {}


def test_thinned_steps_are_gone_but_their_numbers_stay():
    state = state_of(started(), *saved(10), *saved(20), Thinned(step=20, removed=[10, 11]))
    assert list(state.snapshots) == [20]
    assert list(state.checkpoints) == [20]
    assert state.metrics["n2n"].steps.tolist() == [10, 20]


def test_files_are_in_order_of_step():
    state = state_of(started(), *saved(20), *saved(10), *saved(30))
    assert list(state.snapshots) == [10, 20, 30]


def test_the_step_that_is_advised_is_a_kept_one():
    state = state_of(started(), *saved(10), *saved(20), *saved(30))
    assert state.advice.suggested == 30
    state.apply([Thinned(removed=[30])])
    assert state.advice.step == 20
    assert "The weights of all better steps are gone" in state.advice.sentence


def test_the_suggestion_without_wedge_filling():
    events = [
        Evaluated(step=step, metrics={"n2n": 1 / (1 + abs(step - 30))}) for step in (10, 20, 30, 40, 50)
    ]
    assert state_of(started(), *events).advice.suggested == 30


def test_over_fitting():
    events = [Evaluated(step=step, metrics={"n2n": value}) for step, value in ((1, 0.5), (2, 0.4))]
    assert "20 % below its best (step 1)" in state_of(started(), *events).advice.sentence


def test_the_network_before_training_counts_and_octants_are_forgotten_with_their_step():
    octants = {"n2n": [0.1] * 8}
    state = state_of(started(), Evaluated(step=0, metrics={"n2n": 0.3}, left_out=octants), *saved(10))
    state.apply([Evaluated(step=10, metrics={"n2n": 0.2}, left_out=octants)])
    assert [(item.step, item.n2n, item.left_out) for item in state.held_out()] == [
        (0, 0.3, octants), (10, 0.2, octants),
    ]  # fmt: skip
    assert state.metrics["n2n"].steps.tolist() == [10]
    state.apply([Started(step=5, steps=100, process=2, host="here")])
    assert list(state.left_out) == [0]
    assert [item.step for item in state.held_out()] == [0]


def test_a_step_is_advised_once_its_weights_are_there_too():
    state = state_of(started(), *saved(10), *saved(20), *saved(30))
    later = saved(40)[:-1]
    state.apply(later)
    assert state.advice.step == 30
    state.apply([Checkpointed(step=40, file="x")])
    assert state.advice.step == 40


def test_a_loss_that_is_no_number_is_a_gap():
    state = state_of(started(), Stepped(step=1, loss=math.nan))
    assert np.isnan(state.curves["loss"].values).all()


def calls_to_fold(count, calls):
    """Return how many calls of functions it takes to fold so many steps, every tenth with a preview."""
    events = [started()]
    for step in range(count):
        events += [stepped(step, time=0.2 * step), *(saved(step) if step % 10 == 0 else ())]
    state = RunState()
    before = calls()
    state.apply(events)
    assert len(state.curves["loss"]) == count
    return calls() - before


def test_a_long_history_costs_no_more_per_event_than_a_short_one(monkeypatch):
    """A fold that looks back at every event would do 16 times the work for 4 times the history."""
    looked_at = []
    settle = Curve._settle
    monkeypatch.setattr(Curve, "_settle", lambda curve: (looked_at.append(len(curve)), settle(curve)))
    with counted_calls() as calls:
        short, long = calls_to_fold(500, calls), calls_to_fold(2000, calls)
    assert long < 4.1 * short
    assert sum(looked_at) == 0  # nothing was copied on the way


def test_a_run_taken_up_before_its_first_checkpoint_has_no_empty_curves():
    state = state_of(started(), stepped(5), *saved(5), started())
    assert (state.curves, state.metrics, state.snapshots) == ({}, {}, {})
    state.apply([stepped(1)])
    assert set(state.curves) == {"loss", "data"}


def fallen(*steps):
    """Return previews whose agreement has fallen from 0.5."""
    return [
        Evaluated(step=step, metrics={"n2n": 0.4}, left_out={"n2n": [0.4] * 8}, spread=0.5) for step in steps
    ]


BEST = Evaluated(step=100, metrics={"n2n": 0.5}, left_out={"n2n": [0.5] * 8}, spread=0.5)


def test_why_a_run_may_end_follows_from_its_history():
    state = state_of(started(may_end=True), BEST, *fallen(200, 250))
    assert state.may_end
    assert state.ending is None
    state.apply(fallen(300))
    assert state.ending is not None
    assert (state.ending.step, state.ending.best) == (300, 100)
    state.apply([started(250)])  # killed and resumed
    assert state.ending is None
    assert not state.may_end


def test_the_spread_is_part_of_the_history():
    faint = [replace(event, spread=0.001) for event in fallen(200, 250, 300)]
    assert state_of(started(), BEST, *faint).ending is None


def test_a_run_that_ended_by_itself_says_why_until_it_goes_on_and_remembers_that_it_did():
    state = state_of(started(may_end=True), Finished(step=300, reason="completed", why="Ended."))
    assert (state.status(), state.why, state.ended_itself) == ("completed", "Ended.", True)
    state.apply([started(300)])
    assert (state.status(now=1.0), state.why, state.ended_itself) == ("running", "", True)


def one_map(step, fill):
    left_out = {} if fill is None else {"fill": [fill] * 8}
    return Evaluated(step=step, metrics={} if fill is None else {"fill": fill}, left_out=left_out, spread=0.5)


def test_one_map_is_judged_by_filling_alone_and_that_is_said():
    fills = {0: 0.0, 100: 0.1, 200: 0.4, 300: 0.3, 500: 0.2, 700: 0.2, 900: 0.2}
    state = state_of(started(), *(one_map(step, fill) for step, fill in fills.items()))
    assert (state.advice.step, state.advice.light) == (200, "bad")
    assert "wedge filling is 50 % below its best (step 200)" in state.advice.sentence
    assert state.advice.sentence.endswith("One map has no held-out agreement: wedge filling alone decides.")
    assert state.ending is None  # how well the wedge is filled ends no run


def test_one_map_without_a_number_is_left_to_the_eye():
    saved_only = Checkpointed(step=300, file="checkpoints/300")
    state = state_of(started(), *(one_map(step, None) for step in (0, 100, 200, 300)), saved_only)
    assert (state.advice.step, state.advice.kind) == (300, "newest")
    assert state.advice.sentence.startswith("No number tells which step is best: one map has no held-out")


def curve_of(*steps: int) -> Curve:
    curve = Curve()
    for step in steps:
        curve.append(step, step / 10)
    return curve


def test_keeps_values_in_order():
    curve = curve_of(0, 5, 7)
    assert curve.steps.tolist() == [0, 5, 7]
    assert curve.values.tolist() == [0.0, 0.5, 0.7]


def test_grows_beyond_its_first_room():
    curve = curve_of(*range(1000))
    np.testing.assert_array_equal(curve.steps, np.arange(1000))
    np.testing.assert_allclose(curve.values, np.arange(1000) / 10)


def test_a_lower_step_forgets_what_came_after():
    curve = curve_of(1, 2, 3, 4)
    curve.append(3, 9.0)
    assert curve.steps.tolist() == [1, 2, 3]
    assert curve.values.tolist() == [0.1, 0.2, 9.0]


def test_rewind_keeps_the_step_itself():
    curve = curve_of(1, 2, 3)
    curve.rewind(2)
    assert curve.steps.tolist() == [1, 2]


def test_value_at_a_step():
    curve = curve_of(1, 3)
    assert curve.at(3) == pytest.approx(0.3)
    assert curve.at(2) is None
    assert curve.at(4) is None


def test_views_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        curve_of(1).values[0] = 2.0


def test_appending_copies_the_curve_a_few_times_only():
    curve, views = Curve(), []
    for step in range(4000):
        curve.append(step, 0.0)
        views.append(curve.values)
        assert len(views[-1]) == step + 1
    moved = sum(not np.shares_memory(one, other) for one, other in itertools.pairwise(views))
    assert moved == 4  # from room for 256 to 512, 1024, 2048 and 4096
