"""Tests of how often the loss is recorded where files are written fast, slowly, and very slowly."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.training import progress as module
from napari_cryorestore.training.progress import (
    LONGEST,
    LOOK_EVERY,
    RECORD_EVERY,
    SHARE,
    RequestPolling,
    RunningMean,
    TrainingProgress,
)


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


class SlowRecorder:
    """Takes its time for every record."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def record(self, event: Any) -> None:
        del event
        self.clock.now += self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def followed(clock: Clock, seconds: float) -> TrainingProgress:
    """Return what records into a recorder that takes so many seconds for each record."""
    fabric = SimpleNamespace(world_size=1, all_reduce=max)
    learner: Any = SimpleNamespace(fabric=fabric, keep=lambda: None, with_room=lambda work: work())
    recorder: Any = SlowRecorder(clock, seconds)
    return TrainingProgress(recorder, learner, torch.device("cpu"))


def add(progress: TrainingProgress) -> None:
    progress.add({"loss": torch.tensor(1.0)}, skipped=torch.tensor(False))


@pytest.mark.parametrize(
    ("seconds", "pause"), [(0.0, RECORD_EVERY), (0.01, RECORD_EVERY), (0.3, 3.0), (10.0, LONGEST)]
)
def test_recording_takes_its_share_and_no_more(clock: Clock, seconds: float, pause: float) -> None:
    progress = followed(clock, seconds)
    add(progress)
    clock.now += 1
    progress.record(5)
    clock.now += pause * 0.99
    assert not progress.due
    clock.now += pause * 0.02
    assert progress.due


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("step", [0.02, 0.5])
def test_a_slow_disk_takes_less_than_a_tenth_of_the_time(clock: Clock, seconds: float, step: float) -> None:
    progress = followed(clock, seconds)
    begun, lost = clock.now, 0.0
    for number in range(int(60 / step)):
        clock.now += step
        add(progress)
        if progress.due:
            before = clock.now
            progress.record(number)
            lost += clock.now - before
    assert 0 < lost < SHARE * (clock.now - begun)


def test_the_rate_is_that_of_the_steps_since_the_last_record(clock: Clock) -> None:
    progress = followed(clock, 0.5)
    assert progress.rate == 0
    for step, seconds in ((4, 2.0), (4, 7.0), (10, 1.5)):  # the second is no step at all
        clock.now += seconds
        add(progress)
        progress.record(step)
    assert progress.rate == pytest.approx(4)
    clock.now += 7
    progress.record(10)
    assert progress.rate == pytest.approx(4)


CPU = torch.device("cpu")
GOOD, BAD = torch.tensor(False), torch.tensor(True)


def scalar(value: float) -> torch.Tensor:
    return torch.tensor(value, requires_grad=True)


def test_means_since_the_last_call() -> None:
    mean = RunningMean(CPU)
    assert mean.take() == ({}, 0)
    for value in (1.0, 2.0, 6.0):
        mean.add({"loss": scalar(value), "part": torch.tensor(1.0, dtype=torch.bfloat16)}, skipped=GOOD)
    means, skipped = mean.take()
    assert means == pytest.approx({"loss": 3.0, "part": 1.0})
    assert skipped == 0
    mean.add({"loss": scalar(4.0)}, skipped=GOOD)
    assert mean.take() == ({"loss": 4.0}, 0)


def test_skipped_steps_count_for_nothing() -> None:
    mean = RunningMean(CPU)
    mean.add({"loss": scalar(2.0), "part": scalar(1.0)}, skipped=GOOD)
    mean.add({"loss": scalar(float("nan")), "part": scalar(5.0)}, skipped=BAD)
    assert mean.take() == ({"loss": 2.0, "part": 1.0}, 1)


def test_where_all_were_skipped_there_is_no_mean() -> None:
    mean = RunningMean(CPU)
    mean.add({"loss": scalar(float("inf"))}, skipped=BAD)
    mean.add({"loss": scalar(float("inf"))}, skipped=BAD)
    assert mean.take() == ({}, 2)
    assert mean.take() == ({}, 0)


def test_it_holds_no_graph() -> None:
    mean = RunningMean(CPU)
    mean.add({"loss": scalar(2.0)}, skipped=GOOD)
    assert not mean._sums["loss"].requires_grad


def test_several_processes_have_their_means_in_common() -> None:
    other = torch.tensor([1.0, 1.0, 1.0])  # one step with the loss 1, one skipped, one process
    mean = RunningMean(CPU, total=lambda numbers: numbers + other)
    mean.add({"loss": scalar(2.0)}, skipped=GOOD)
    mean.add({"loss": scalar(6.0)}, skipped=GOOD)
    assert mean.take() == ({"loss": 3.0}, 1)  # (2 + 6 + 1) / 3


class Wire:
    """Joins two processes: what the first one sends is what both get."""

    world_size = 2

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def sending(self) -> Any:
        return SimpleNamespace(world_size=2, broadcast=lambda item: (self.sent.append(item), item)[1])

    def receiving(self) -> Any:
        return SimpleNamespace(world_size=2, broadcast=lambda item: self.sent.pop(0))


def requesting(request: Request = Request.CONTINUE, *, preview: bool = False) -> Any:
    return SimpleNamespace(request=lambda: request, snapshot_requested=lambda: preview)


def pace(rate: float, *, pause: float = 0.2) -> Any:
    return SimpleNamespace(rate=rate, pause=pause, due=False)


@pytest.mark.parametrize("due", [True, False])
def test_one_process_goes_by_its_clock(due: bool) -> None:
    fabric: Any = SimpleNamespace(world_size=1, broadcast=lambda item: item)
    progress: Any = SimpleNamespace(rate=1.0, pause=0.2, due=due)
    polling = RequestPolling(fabric, requesting(Request.PAUSE), progress)
    assert polling.due(5) is due
    assert polling.request(5) is Request.PAUSE
    assert polling.due(6) is due


@pytest.mark.parametrize("seconds", [0.002, 0.04, 0.3, 0.7, 5.0])
def test_several_look_about_once_a_second_or_after_every_step(seconds: float) -> None:
    wire, progress = Wire(), pace(0.0)
    polling = RequestPolling(wire.sending(), requesting(), progress)
    moments = []
    for step in range(1, 1 + int(60 / seconds)):
        if polling.due(step):
            moments.append(step * seconds)
            progress.rate = 1 / seconds
            polling.request(step)
    gaps = [after - before for before, after in pairwise(moments)]
    assert moments[0] == seconds  # right after the first step
    assert max(gaps) <= max(LOOK_EVERY, seconds) + 1e-6
    assert min(gaps[1:]) >= LOOK_EVERY / 2  # and no more often than that


def test_all_do_as_the_first_says() -> None:
    wire = Wire()
    first = RequestPolling(wire.sending(), requesting(Request.STOP, preview=True), pace(30.0))
    other = RequestPolling(wire.receiving(), requesting(), pace(2.0))
    for step in (1, 31):
        assert first.due(step)
        assert other.due(step)
        assert first.request(step) is other.request(step) is Request.STOP
        assert first.snapshot_requested() is other.snapshot_requested() is True
        assert not first.due(step + 29)
        assert not other.due(step + 29)


def test_on_a_slow_disk_they_look_less_often() -> None:
    polling = RequestPolling(Wire().sending(), requesting(), pace(10.0, pause=4.0))
    polling.request(1)
    assert not polling.due(40)
    assert polling.due(41)
