"""Tests of the lock that keeps two programs from training in one run folder."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from napari_cryorestore.runs import run_lock
from napari_cryorestore.runs.events import Failed, Finished, Paused, Started, Stepped
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.run_lock import LOCK_FILE, SILENCE, RunLock, is_trained, refuse_if_trained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TAKEN_OVER = "Taken over from process {} on this computer, which ended without saying so."
HOLD = """
import sys, time
from pathlib import Path
from napari_cryorestore.runs.run_lock import RunLock
RunLock.take(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path / "TS01", config="", environment={})


@pytest.fixture
def elsewhere(run: RunDir) -> Callable[..., None]:
    """Put the lock of a program on another computer, that took it so many seconds ago."""

    def put(ago: float = 0.0, **changes: Any) -> None:
        content = {
            "host": "cluster7", "process": 1, "born": 5.0, "time": time.time() - ago,
            "folder": "/mnt/TS01", "token": "x", **changes,
        }  # fmt: skip
        (run.path / LOCK_FILE).write_text(json.dumps(content))

    return put


def test_the_lock_is_held_until_it_is_released(run: RunDir) -> None:
    assert not is_trained(run.path)
    lock = RunLock.take(run.path)
    assert is_trained(run.path)
    with pytest.raises(ValueError, match="TS01 is being trained by this program, and two must not train one"):
        RunLock.take(run.path)
    lock.release()
    assert not (run.path / LOCK_FILE).exists()
    RunLock.take(run.path).release()
    lock.release()  # once more, and nothing happens


def test_of_many_only_one_gets_it(run: RunDir) -> None:
    (run.path / LOCK_FILE).write_text(json.dumps({"host": platform.node(), "process": 999_999_999,
        "born": 5.0, "time": 5.0, "folder": str(run.path.resolve()), "token": "dead"}))  # fmt: skip
    taken: list[RunLock] = []
    refused: list[str] = []
    together = threading.Barrier(8)

    def take() -> None:
        together.wait()
        try:
            taken.append(RunLock.take(run.path))
        except ValueError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 7)
    assert [item.name for item in run.path.iterdir() if "lock" in item.name] == [LOCK_FILE]


def test_a_killed_process_leaves_a_lock_that_is_taken_over(run: RunDir) -> None:
    holding = subprocess.Popen([sys.executable, "-c", HOLD, run.path], stdout=subprocess.PIPE, text=True)
    assert holding.stdout is not None
    with holding, holding.stdout:
        assert holding.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=f"by process {holding.pid} on this computer, and two"):
            RunLock.take(run.path)
        os.kill(holding.pid, signal.SIGKILL)
        holding.wait(300)
    assert not is_trained(run.path)
    lock = RunLock.take(run.path)
    assert lock.note == TAKEN_OVER.format(holding.pid)


def test_a_process_that_nobody_buried_is_dead(run: RunDir) -> None:
    holding = subprocess.Popen([sys.executable, "-c", HOLD, run.path], stdout=subprocess.PIPE, text=True)
    assert holding.stdout is not None
    with holding, holding.stdout:
        holding.stdout.readline()
        os.kill(holding.pid, signal.SIGKILL)
        os.waitid(os.P_PID, holding.pid, os.WEXITED | os.WNOWAIT)  # a zombie
        assert not is_trained(run.path)


def test_another_process_of_the_same_number_is_not_the_holder(run: RunDir) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        held = {
            "host": platform.node(),
            "process": other.pid,
            "time": 5.0,
            "folder": str(run.path),
            "token": "x",
        }
        for born, expected in ((run_lock._born(other.pid), True), (5.0, False)):
            (run.path / LOCK_FILE).write_text(json.dumps({**held, "born": born}))
            assert is_trained(run.path) is expected
        other.communicate(b"\n")


def test_a_process_that_hides_is_alive(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    def hide(self: psutil.Process) -> str:
        raise psutil.AccessDenied(self.pid)

    held = {
        "host": platform.node(),
        "process": os.getppid(),
        "born": 5.0,
        "time": 5.0,
        "folder": str(run.path),
    }
    (run.path / LOCK_FILE).write_text(json.dumps({**held, "token": "x"}))
    assert not is_trained(run.path)
    monkeypatch.setattr(psutil.Process, "status", hide)
    assert is_trained(run.path)


def test_a_copy_of_a_run_is_another_run(run: RunDir) -> None:
    lock = RunLock.take(run.path)
    copy = shutil.copytree(run.path, run.path.with_name("copy"))
    assert is_trained(run.path)
    assert not is_trained(copy)
    other = RunLock.take(copy)
    assert other.note == ""
    moved = run.path.rename(run.path.with_name("moved"))
    assert is_trained(moved)
    other.release()
    lock.release()


def test_a_lock_that_somebody_took_over_is_not_ours_to_release(run: RunDir, elsewhere: Any) -> None:
    lock = RunLock.take(run.path)
    elsewhere()
    lock.release()
    assert is_trained(run.path)


def test_on_another_computer_silence_counts(run: RunDir, elsewhere: Any) -> None:
    elsewhere()
    with pytest.raises(ValueError, match=r"process 1 on cluster7, .* if it was killed, delete .*lock\.json"):
        refuse_if_trained(run.path)
    elsewhere(ago=SILENCE + 1)  # and it never said a word
    assert RunLock.take(run.path).note == ""  # its folder had another name there


def started(time: float) -> Started:
    return Started(time=time, steps=9, process=1, host="cluster7")


def stepped(time: float) -> Stepped:
    return Stepped(time=time, step=3, loss=1.0)


@pytest.mark.parametrize(
    ("events", "trained"),
    [
        ([started(-900)], False),
        ([started(-900), stepped(-300)], True),
        ([started(-900), stepped(-700)], False),
        (
            [
                started(-2000),
                Stepped(time=-1500, step=1, loss=1.0),
                Stepped(time=-700, step=2, loss=1.0),
            ],
            True,
        ),
        ([started(-900), Paused(time=-800)], True),
        ([started(-900), Failed(time=-10, error="no")], False),
        ([started(-900), Finished(time=-10, reason="completed", step=9)], False),
        ([started(-2000), Finished(time=-1500, reason="completed", step=9)], False),
    ],
    ids=["silent", "spoke", "fell silent", "slow", "paused", "failed", "finished", "an older end"],
)
def test_on_another_computer_the_last_event_counts(
    run: RunDir, elsewhere: Any, events: list[Any], trained: bool
) -> None:
    for event in events:
        run.record(replace(event, time=time.time() + event.time))
    elsewhere(ago=1000)
    assert is_trained(run.path) is trained


@pytest.mark.parametrize(
    ("turn", "restarts", "dead"),
    [("77.0", "1", True), ("77.1", "1", False), ("78.0", "1", False), ("", "1", False)],
)
def test_a_slurm_job_that_was_requeued_takes_over_from_its_earlier_turn(
    run: RunDir, elsewhere: Any, monkeypatch: pytest.MonkeyPatch, turn: str, restarts: str, dead: bool
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_RESTART_COUNT", restarts)
    elsewhere(turn=turn)
    assert is_trained(run.path) is not dead
    if dead:
        lock = RunLock.take(run.path)
        assert json.loads((run.path / LOCK_FILE).read_text())["turn"] == "77.1"
        lock.release()


def test_a_lock_that_is_being_written_is_respected_for_a_moment(run: RunDir) -> None:
    (run.path / LOCK_FILE).write_bytes(b"")
    with pytest.raises(ValueError, match="is beginning to train TS01"):
        refuse_if_trained(run.path)
    os.utime(run.path / LOCK_FILE, (time.time() - 20,) * 2)
    RunLock.take(run.path).release()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", 5), ("host", None), ("process", "x"), ("process", -1), ("process", 10**30), ("born", "x"),
        ("born", None), ("time", []), ("time", float("nan")), ("folder", 7), ("turn", 5), ("turn", "77.x"),
        ("token", {}), ("surprise", 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("here", [True, False])
def test_a_damaged_lock_is_nobodys(run: RunDir, elsewhere: Any, name: str, value: Any, here: bool) -> None:
    host = {"host": platform.node()} if here else {}
    elsewhere(**{**host, name: value})
    os.utime(run.path / LOCK_FILE, (time.time() - 20,) * 2)
    assert not is_trained(run.path)
    RunLock.take(run.path).release()
    assert not (run.path / LOCK_FILE).exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no such pipes")
def test_a_pipe_in_the_place_of_the_lock_is_not_waited_for(run: RunDir) -> None:
    os.mkfifo(run.path / LOCK_FILE)
    os.utime(run.path / LOCK_FILE, (time.time() - 20,) * 2)
    RunLock.take(run.path).release()
    assert not (run.path / LOCK_FILE).exists()


def test_one_at_a_time_clears_a_dead_lock_away(run: RunDir, elsewhere: Any) -> None:
    elsewhere(ago=SILENCE + 1)
    guard = run.path / f".{LOCK_FILE}.clearing"
    guard.mkdir()
    for ago in (0, 20):  # somebody is at it; somebody was killed at it
        os.utime(guard, (time.time() - ago,) * 2)
        with pytest.raises(ValueError, match="is beginning to train TS01"):
            RunLock.take(run.path)
    RunLock.take(run.path).release()
    assert not guard.exists()


def test_a_folder_that_cannot_be_written_says_so(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **named: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(json, "dumps", full)
        with pytest.raises(OSError, match=r"cannot be written .*: free some space"):
            RunLock.take(run.path)
    assert not (run.path / LOCK_FILE).exists()
