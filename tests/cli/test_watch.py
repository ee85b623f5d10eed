"""Following a run from the command line."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.cli import watch
from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.main import main
from napari_cryorestore.runs.events import Failed, Finished, Noted, Snapshotted, Started, Stepped
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.runs.events import Event


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """Return a run that began."""
    run = RunDir.create(tmp_path / "run", config="", environment={})
    run.record(Started(steps=20, process=1, host="here"))
    return run


@pytest.fixture
def later(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> list[list[Event]]:
    """Return a list of what is recorded between one look and the next."""
    events: list[list[Event]] = []

    def sleep(seconds: float) -> None:
        assert seconds == watch.POLL_EVERY
        for event in events.pop(0):
            run.record(event)

    monkeypatch.setattr(time, "sleep", sleep)
    return events


def preview(step: int) -> list[Event]:
    return [Stepped(step=step, loss=0.5, rate=2.0), Snapshotted(step=step, file="x")]


def test_once_shows_the_table(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(trained), "--once"]) == 0
    first, header, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith("completed · 4/4")
    assert re.split(r"  +", header.strip())[:4] == ["step", "loss", "held-out agreement", "wedge filling"]
    assert "held-out agreement and wedge filling: measured where nothing was trained on" in rows[2]
    assert [line.split()[0] for line in rows[:2]] == ["2", "4"]


def test_lines_are_appended_until_the_run_ends(
    run: RunDir, later: list[list[Event]], capsys: pytest.CaptureFixture[str]
) -> None:
    later += [preview(10), preview(20), [Finished(step=20, reason="completed")]]
    assert main(["watch", str(run.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["running", "step", "10", "20", "completed"]
    assert later == []


def test_a_terminal_is_redrawn(
    run: RunDir, later: list[list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, ...]] = []

    class Screen(LiveText):
        def __init__(self, stream: object) -> None:
            assert stream is sys.stdout
            self.in_place, self.is_gone = True, False

        def show(self, *lines: str) -> None:
            shown.append(lines)

        def end(self) -> None:
            shown.append(("end",))

    monkeypatch.setattr(watch, "LiveText", Screen)
    later += [
        [*preview(10), Noted(level="warning", message="Take care.")],
        [Finished(step=20, reason="stopped")],
    ]
    assert main(["watch", str(run.path)]) == 0
    assert shown[0] == ("running · 0/20",)
    assert shown[1][0] == "running · 10/20 · 2 steps/s · 0:05 left · loss 0.5"
    assert shown[1][-1] == "warning: Take care."
    assert shown[2][0].startswith("stopped · 20/20")
    assert shown[3] == ("end",)


def test_the_watching_ends_where_nobody_reads(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(LiveText):
        def say(self, line: str) -> None:
            self.is_gone = True

    monkeypatch.setattr(watch, "LiveText", Screen)
    monkeypatch.setattr(time, "sleep", pytest.fail)
    assert main(["watch", str(run.path)]) == 0


def test_a_failed_run_fails(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    run.record(Failed(step=3, error="No space left."))
    assert main(["watch", str(run.path)]) == 1
    assert capsys.readouterr().err == "cryorestore watch: the run failed: No space left.\n"


def test_a_run_that_is_taken_up_from_its_beginning_is_shown(
    run: RunDir, later: list[list[Event]], capsys: pytest.CaptureFixture[str]
) -> None:
    run.record(Stepped(step=3, loss=0.5))
    run.record(Failed(step=3, error="No space left."))
    run.record(Started(steps=20, process=2, host="here"))
    later += [[Finished(step=20, reason="completed")]]
    assert main(["watch", str(run.path), "--once"]) == 0
    assert main(["watch", str(run.path)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "running · 0/20"


@pytest.mark.parametrize(
    "line", ['"step":1e20', '"step":"x"', '"parts":null', f'"parts":{"[" * 500 + "]" * 500}', '"time":NaN']
)
def test_a_damaged_line_is_passed_over_with_one_note(
    run: RunDir, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run.record(Stepped(step=3, loss=0.5))
    with run.events_path.open("a") as file:
        file.write(f'{{"kind":"stepped","loss":0.5,{line}}}\n' * 3)
    assert main(["watch", str(run.path), "--once"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("running · 3/20")
    assert told.count("Damaged lines of events.jsonl were left out") == 1


def test_a_killed_run_is_told_by_its_silence(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    run.record(Stepped(step=3, loss=0.5, time=time.time() - 3600))
    assert main(["watch", str(run.path), "--once"]) == 0
    assert "quiet · 3/20" in (told := capsys.readouterr().out)
    assert "was it killed?" in told


def test_ctrl_c_ends_the_watching_only(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert main(["watch", str(run.path)]) == 0
    assert not (run.path / "stop").exists()


def test_a_run_that_ended_by_itself_says_why(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    why = "Ended at step 9: held-out agreement fell 8 % below its best at step 3."
    run.record(Stepped(step=9, loss=0.5))
    run.record(Finished(step=9, reason="completed", why=why))
    assert main(["watch", str(run.path), "--once"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("completed · 9/20")
    assert why in lines
