"""Tests of how often the loss is recorded where files are written fast, slowly, and very slowly."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from napari_cryorestore.training import progress as module
from napari_cryorestore.training.progress import LONGEST, RECORD_EVERY, SHARE, Progress


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


class SlowJournal:
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


def followed(clock: Clock, seconds: float) -> Progress:
    """Return what records into a journal that takes so many seconds for each record."""
    fabric = SimpleNamespace(world_size=1, all_reduce=max)
    learner: Any = SimpleNamespace(fabric=fabric, keep=lambda: None, with_room=lambda work: work())
    journal: Any = SlowJournal(clock, seconds)
    return Progress(journal, learner, torch.device("cpu"))


def add(progress: Progress) -> None:
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
