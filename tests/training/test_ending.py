"""Runs that end by themselves: in one process and in two, paused, resumed and continued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_cryorestore.metrics.heldout import HeldOutNumbers
from napari_cryorestore.runs import held_out
from napari_cryorestore.runs.events import Evaluated, Event, Finished, Noted, Paused, Resumed, Started
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.training.launch import run_training
from napari_cryorestore.training.preview import Preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.runs.run_dir import RunDir

    Planned = Callable[..., Any]
    History = Callable[[RunDir], list[Event]]

WHY = "Ended at step 10: held-out agreement fell 40 % below its best at step 4."
TRAIN = """
import os, sys
from napari_cryorestore.runs import held_out
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training import preview, progress
from napari_cryorestore.training.launch import run_training

preview.CONTEXT, progress.LOOK_EVERY, held_out.LEAST_STEPS = 4, 0, 4
judge = preview.Preview.evaluate

def evaluate(self, network, restored):
    numbers = judge(self, network, restored)
    self.judged = getattr(self, "judged", -1) + 1
    n2n = (0.1, 0.3, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3)[self.judged]
    return numbers._replace(metrics={"n2n": n2n}, left_out={"n2n": [n2n] * 8}, spread=1.0)

preview.Preview.evaluate = evaluate
run_training(RunDir.open(sys.argv[1]))
"""


def agreement(step: int) -> float:
    """Return what is best at step 4."""
    return {0: 0.1, 2: 0.3, 4: 0.5, 6: 0.4}.get(step, 0.3)


@pytest.fixture(autouse=True)
def over_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let held-out agreement be best at step 4, whatever is learned, and need few steps for a verdict."""
    monkeypatch.setattr(held_out, "LEAST_STEPS", 4)
    monkeypatch.setattr("napari_cryorestore.training.trainer.Evaluated", _evaluated)
    numbers = HeldOutNumbers({"n2n": 0.0}, {}, 1.0)
    monkeypatch.setattr(Preview, "evaluate", lambda *_: numbers)


def _evaluated(*, step: int, spread: float, **_: Any) -> Evaluated:
    n2n = agreement(step)
    return Evaluated(step=step, metrics={"n2n": n2n}, left_out={"n2n": [n2n] * 8}, spread=spread)


def of_kind(events: list[Event], *kinds: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kinds)]


def test_a_run_ends_when_agreement_has_clearly_fallen(planned: Planned, history: History) -> None:
    run = planned(schedule={"steps": 40})
    run_training(run)
    events = history(run)
    assert events[0].may_end  # type: ignore[attr-defined]
    assert events[-1] == Finished(step=10, reason="completed", why=WHY, time=events[-1].time)
    assert run.checkpoint_steps() == [2, 4, 6, 8, 10]


@pytest.mark.parametrize(
    "changes",
    [{"schedule": {"steps": 14, "end": "steps"}},
     {"schedule": {"steps": 14}, "snapshots": {"held_out": "none"}}],
)  # fmt: skip
def test_a_run_that_is_told_to_takes_all_its_steps(
    planned: Planned, history: History, changes: dict[str, Any]
) -> None:
    run = planned(**changes)
    run_training(run)
    events = history(run)
    assert not events[0].may_end  # type: ignore[attr-defined]
    assert events[-1] == Finished(step=14, reason="completed", time=events[-1].time)


def test_a_run_whose_last_step_comes_first_is_merely_done(planned: Planned, history: History) -> None:
    run = planned(schedule={"steps": 10})
    run_training(run)
    assert history(run)[-1] == Finished(step=10, reason="completed", time=history(run)[-1].time)


@pytest.mark.usefixtures("every_step")
def test_it_may_pause_and_be_stopped_and_resumed_on_the_way(planned: Planned, history: History) -> None:
    run = planned(schedule={"steps": 40})
    run.plan = {5: Request.PAUSE, 8: Request.STOP}
    run_training(run)
    assert of_kind(history(run), Finished)[-1].reason == "stopped"
    run.plan = {}
    run_training(run)
    events = history(run)
    assert [type(event) for event in of_kind(events, Paused, Resumed)] == [Paused, Resumed]
    assert [event.may_end for event in of_kind(events, Started)] == [True, True]
    assert (events[-1].step, events[-1].why) == (10, WHY)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("every_step")
def test_who_is_told_to_stop_where_a_run_would_end_merely_stops(planned: Planned, history: History) -> None:
    """A job that has to make way requests another turn, which ends it: it must not go on to the last step."""
    run = planned(schedule={"steps": 40})
    run.plan = {10: Request.STOP}
    run_training(run)
    assert history(run)[-1] == Finished(step=10, reason="stopped", time=history(run)[-1].time)
    run.plan = {}
    run_training(run)
    assert (history(run)[-1].step, history(run)[-1].reason) == (12, "completed")  # type: ignore[attr-defined]


def test_a_run_that_is_continued_takes_all_its_steps_and_says_so(planned: Planned, history: History) -> None:
    run = planned(schedule={"steps": 14})
    run_training(run)
    for _ in range(2):  # what was continued is still so when it is continued once more
        run_training(run)
        events = history(run)
        assert not of_kind(events, Started)[-1].may_end
        assert events[-1] == Finished(step=14, reason="completed", time=events[-1].time)
    notes = [event.message for event in of_kind(events, Noted)]
    assert "Going on from step 10. The run ended by itself before; now it goes on to step 14." in notes
    assert run.config_text().count('end = "held-out"') == 1  # what was requested stays written down


def test_two_processes_end_at_the_same_step(
    planned: Planned, history: History, begin_pair: Callable[..., list[Any]]
) -> None:
    run = planned(schedule={"steps": 40}, hardware={"devices": 2})
    ends = [script.end() for script in begin_pair(TRAIN, run.path)]
    assert [code for code, _ in ends] == [0, 0], ends
    events = history(run)
    assert events[-1] == Finished(step=10, reason="completed", why=WHY, time=events[-1].time)
