"""Tests of how often the loss is recorded where files are written fast, slowly, and very slowly."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from napari_cryorestore.training import progress
from napari_cryorestore.training.progress import LONGEST, RECORD_EVERY, Progress


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
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("seconds", "pause"), [(0.0, RECORD_EVERY), (0.01, RECORD_EVERY), (0.3, 3.0), (10.0, LONGEST)]
)
def test_recording_takes_its_share_and_no_more(clock: Clock, seconds: float, pause: float) -> None:
    fabric = SimpleNamespace(world_size=1, all_reduce=max)
    learner: Any = SimpleNamespace(fabric=fabric, keep=lambda: None, with_room=lambda work: work())
    journal: Any = SlowJournal(clock, seconds)
    followed = Progress(journal, learner, torch.device("cpu"))
    followed.add({"loss": torch.tensor(1.0)}, skipped=torch.tensor(False))
    clock.now += 1
    followed.record(5)
    clock.now += pause * 0.99
    assert not followed.due
    clock.now += pause * 0.02
    assert followed.due
