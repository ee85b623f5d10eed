"""Tests of when requests are looked at, alone and by several processes that must agree."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.training.looks import LOOK_EVERY, Looks


class Wire:
    """Joins two processes: what the first one sends is what both get."""

    world_size = 2

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def sending(self) -> Any:
        return SimpleNamespace(world_size=2, broadcast=lambda item: (self.sent.append(item), item)[1])

    def receiving(self) -> Any:
        return SimpleNamespace(world_size=2, broadcast=lambda item: self.sent.pop(0))


def asked(request: Request = Request.CONTINUE, *, preview: bool = False) -> Any:
    return SimpleNamespace(request=lambda: request, snapshot_requested=lambda: preview)


def pace(rate: float, *, pause: float = 0.2) -> Any:
    return SimpleNamespace(rate=rate, pause=pause, due=False)


@pytest.mark.parametrize("due", [True, False])
def test_one_process_goes_by_its_clock(due: bool) -> None:
    fabric: Any = SimpleNamespace(world_size=1, broadcast=lambda item: item)
    progress: Any = SimpleNamespace(rate=1.0, pause=0.2, due=due)
    looks = Looks(fabric, asked(Request.PAUSE), progress)
    assert looks.due(5) is due
    assert looks.request(5) is Request.PAUSE
    assert looks.due(6) is due


@pytest.mark.parametrize("seconds", [0.002, 0.04, 0.3, 0.7, 5.0])
def test_several_look_about_once_a_second_or_after_every_step(seconds: float) -> None:
    wire, progress = Wire(), pace(0.0)
    looks = Looks(wire.sending(), asked(), progress)
    moments = []
    for step in range(1, 1 + int(60 / seconds)):
        if looks.due(step):
            moments.append(step * seconds)
            progress.rate = 1 / seconds
            looks.request(step)
    gaps = [after - before for before, after in pairwise(moments)]
    assert moments[0] == seconds  # right after the first step
    assert max(gaps) <= max(LOOK_EVERY, seconds) + 1e-6
    assert min(gaps[1:]) >= LOOK_EVERY / 2  # and no more often than that


def test_all_do_as_the_first_says() -> None:
    wire = Wire()
    first = Looks(wire.sending(), asked(Request.STOP, preview=True), pace(30.0))
    other = Looks(wire.receiving(), asked(), pace(2.0))
    for step in (1, 31):
        assert first.due(step)
        assert other.due(step)
        assert first.request(step) is other.request(step) is Request.STOP
        assert first.snapshot_requested() is other.snapshot_requested() is True
        assert not first.due(step + 29)
        assert not other.due(step + 29)


def test_on_a_slow_disk_they_look_less_often() -> None:
    looks = Looks(Wire().sending(), asked(), pace(10.0, pause=4.0))
    looks.request(1)
    assert not looks.due(40)
    assert looks.due(41)
