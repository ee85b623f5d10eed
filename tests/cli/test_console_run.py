"""A recorder that shows what it records and hears signals."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.cli.console_run import ConsoleRun
from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.runs.events import Finished, Noted, Started, Stepped
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return RunDir.create(tmp_path / "run", config="", environment={}).path


def test_what_is_recorded_is_written_and_shown(folder: Path) -> None:
    stream = io.StringIO()
    run = ConsoleRun(folder, LiveText(stream, interval=0.0))
    run.record(Started(steps=5, process=1, host="here"))
    run.record(Noted(level="warning", message="Take care."))
    run.record(Noted(level="info", message="It begins."))
    run.record(Stepped(step=5, loss=0.5))
    events = RunFollower(folder).poll()
    assert [event.kind for event in events] == ["started", "noted", "noted", "stepped"]
    assert all(event.time > 0 for event in events)
    assert stream.getvalue().startswith("warning: Take care.\n")
    assert "\nnote: It begins.\n" in stream.getvalue()
    assert stream.getvalue().endswith("running · 5/5 · loss 0.5\n")


def test_the_history_counts_too(folder: Path) -> None:
    RunDir(folder).record(Stepped(step=3, loss=0.5))
    run = ConsoleRun(folder)
    run.record(Finished(step=4, reason="stopped"))
    assert list(run.state.curves["loss"].steps) == [3]
    assert run.state.step == 4


def test_damaged_lines_of_the_history_are_told(folder: Path) -> None:
    (folder / "events.jsonl").write_bytes(b"[]\n")
    stream = io.StringIO()
    ConsoleRun(folder, LiveText(stream)).tell_recorded()
    assert "left out: what they told is missing here.\n" in stream.getvalue()


def test_a_wish_to_stop_outlives_clearing_and_respects_discarding(folder: Path) -> None:
    stream = io.StringIO()
    run = ConsoleRun(folder, LiveText(stream))
    assert run.request() is Request.CONTINUE
    run.stop()
    run.clear_requests()
    assert run.request() is Request.STOP
    run.request_discard()
    assert run.request() is Request.DISCARD
    assert "stopping" in stream.getvalue()


def test_a_silent_one_can_be_stopped_as_well(folder: Path) -> None:
    run = ConsoleRun(folder)
    run.stop()
    assert run.request() is Request.STOP
