"""Tests of how a process that is frozen is told from one that is busy."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.training import heartbeat
from napari_cryorestore.training.heartbeat import HEARTBEAT, Heartbeat, beat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets time pass for the supervisor."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: clock.now)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    return sleep


def test_silence_grows_until_the_next_sign(tmp_path: Path, sleep: Callable[[float], None]) -> None:
    heart = Heartbeat(tmp_path / "0")
    for second in range(1, 401):
        sleep(1)
        assert heart.silence() == second
    os.utime(heart.path, ns=(0, 12345))
    sleep(0.5)
    assert heart.silence() == 0
    sleep(0.25)
    assert heart.silence() == 0.25


def test_time_in_which_the_supervisor_slept_too_does_not_count(
    tmp_path: Path, sleep: Callable[[float], None]
) -> None:
    heart = Heartbeat(tmp_path / "0")
    sleep(10_000)
    assert heart.silence() <= 1


def test_a_file_that_is_gone_is_made_again_and_no_sign_is_needed_without_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]
) -> None:
    monkeypatch.delenv(HEARTBEAT, raising=False)
    beat()
    heart = Heartbeat(tmp_path / "0")
    heart.path.unlink()
    sleep(1)
    heart.silence()
    monkeypatch.setenv(HEARTBEAT, str(heart.path))
    beat()
    sleep(1)
    assert heart.silence() == 0


def test_where_no_sign_can_be_given_nothing_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEARTBEAT, str(tmp_path / "gone" / "0"))
    beat()
