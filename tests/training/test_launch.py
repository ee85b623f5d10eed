"""Tests of starting a run in a thread or process, of ending it, and of going on after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from napari_cryorestore.checkpoint import load_checkpoint
from napari_cryorestore.runs.events import Event, Failed, Finished, Noted, Snapshotted, Started
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.run_lock import LOCK_FILE, RunLock
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.training import launch as module
from napari_cryorestore.training.launch import (
    OUTPUT,
    attempt,
    create_run,
    environment,
    launch,
    run_training,
    training_command,
)
from napari_cryorestore.training.rank import SUPERVISOR

History = Callable[[RunDir], list[Event]]
Planned = Callable[..., Any]
LONG = {"schedule": {"steps": 100_000}, "snapshots": {"every": 0}}


def wait_for(condition: Callable[[], bool], *, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def steps_done(run: RunDir, history: History) -> int:
    state = RunState()
    state.apply(history(run))
    return state.step


def run_script(script: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


# Making a run -------------------------------------------------------------------------------------------


def test_a_run_folder_says_what_runs_and_where(recipe: Any, tmp_path: Path) -> None:
    run = create_run(recipe(), tmp_path / "run")
    assert 'kind = "noise2noise"' in run.config_text()
    assert run.environment()["versions"]["torch"] == torch.__version__.split("+")[0] or torch.__version__
    with pytest.raises(FileExistsError, match="not empty"):
        create_run(recipe(), tmp_path / "run")


def test_inputs_that_changed_since_the_run_began_are_told(
    recipe: Any, pair: tuple[Path, Path], tmp_path: Path, history: History
) -> None:
    even, odd = (Path(shutil.copy(path, tmp_path)) for path in pair)
    config = recipe(schedule={"steps": 2})
    config = config.model_copy(
        update={"tomograms": (config.tomograms[0].model_copy(update={"maps": (even, odd)}),)}
    )
    run = create_run(config, tmp_path / "run")
    told = "odd.mrc: It is not the file that the run began with"
    run_training(run)
    assert not any(told in event.message for event in history(run) if isinstance(event, Noted))
    content = bytearray(odd.read_bytes())
    content[2000:2004] = b"\0\0\0\0"
    odd.write_bytes(content)
    run_training(run)
    (event,) = [event for event in history(run) if isinstance(event, Noted) and told in event.message]
    assert event.level == "warning"


def test_bad_data_make_no_folder(recipe: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fewer than the crop's 32"):
        create_run(recipe(schedule={"crop": 32}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_environment_names_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_cryorestore.training.launch._PACKAGES", ("torch", "no-such-package"))
    versions = environment()["versions"]
    assert versions["no-such-package"] == "not installed"
    assert versions["torch"] != "not installed"


# In a thread --------------------------------------------------------------------------------------------


def test_a_thread_trains_and_ends(planned: Planned, history: History) -> None:
    run = planned()
    handle = launch(run)
    assert handle.join(300)
    assert not handle.alive
    assert isinstance(history(run)[-1], Finished)
    handle.stop()  # too late to matter, and no request is left
    assert not (run.path / "stop").exists()


def test_a_thread_is_stopped_with_a_checkpoint(planned: Planned, history: History) -> None:
    run = RunDir(planned(**LONG).path)
    handle = launch(run)
    wait_for(lambda: steps_done(run, history) > 0)
    assert handle.alive
    assert not handle.join(0)
    handle.stop()
    assert handle.join(300)
    end = history(run)[-1]
    assert isinstance(end, Finished)
    assert end.reason == "stopped"
    assert run.checkpoint_steps() == [end.step]


def test_a_stop_right_after_the_start_is_heard_and_older_ones_are_not(
    planned: Planned, history: History
) -> None:
    run = RunDir(planned(**LONG).path)
    run.request_stop()
    handle = launch(run)
    wait_for(lambda: steps_done(run, history) > 0)
    handle.stop()
    assert handle.join(300)
    handle = launch(run)
    handle.stop()
    assert handle.join(300)
    ends = [event for event in history(run) if isinstance(event, Finished)]
    assert [end.reason for end in ends] == ["stopped", "stopped"]
    assert ends[1].step == ends[0].step  # it ended while it was being prepared


def test_a_discard_during_preparation_counts_too(planned: Planned, history: History) -> None:
    run = RunDir(planned(**LONG).path)
    run.request_discard()
    attempt(run)
    assert history(run)[-1] == Finished(step=0, reason="stopped", time=history(run)[-1].time)
    assert run.checkpoint_steps() == []


def test_a_configuration_that_cannot_be_read_is_a_failure(planned: Planned, history: History) -> None:
    run = planned()
    run_training(run)
    for text, words in (
        ("steps = [", "is not valid TOML"),
        ("surprise = 1\n" + run.config_text(), "surprise: Extra inputs"),
    ):
        (run.path / "config.toml").write_text(text)
        with pytest.raises(ValueError, match="cannot be used"):
            run_training(run)
        started, failed = history(run)[-2:]
        assert isinstance(started, Started)
        assert started.step == 4  # what was shown of the run stays
        assert isinstance(failed, Failed)
        assert words in failed.error
        assert "\n" not in failed.error


def test_a_thread_that_cannot_begin_says_so_in_the_run(planned: Planned, history: History) -> None:
    run = planned()
    text = run.config_text()
    (run.path / "config.toml").write_text(text.replace('kind = "noise2noise"', 'kind = "magic"'))
    assert launch(run).join(300)
    assert "there is no method 'magic'" in history(run)[-1].error  # type: ignore[attr-defined]


def test_a_thread_that_cannot_even_say_so_shouts(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned()
    shouted: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", shouted.append)

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run, "record", full)
    assert launch(run).join(300)
    assert [item.exc_type for item in shouted] == [OSError]


def test_a_thread_that_runs_out_of_memory_says_so(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 1: running out of memory is a RuntimeError, which napari's thread workers swallow."""

    def starve(*arguments: Any, **named: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("napari_cryorestore.training.learner.Learner.update", starve)
    run = planned(schedule={"batch": 1})
    assert launch(run).join(300)
    end = history(run)[-1]
    assert isinstance(end, Failed)
    assert "too little memory" in end.error
    assert "OutOfMemoryError" in end.traceback


def test_loading_pytorch_is_a_phase(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planned()
    without = {name: item for name, item in sys.modules.items() if name != "torch"}
    monkeypatch.setattr(module, "sys", type("sys", (), {"modules": without}))
    assert launch(run).join(300)
    first = history(run)[0]
    assert isinstance(first, Noted)
    assert (first.level, first.message) == ("phase", "Loading PyTorch")


def test_several_devices_are_no_matter_for_a_thread(planned: Planned) -> None:
    run = planned(hardware={"devices": 2})
    with pytest.raises(ValueError, match="launch it as a process"):
        launch(run, "thread")


def test_threads_are_ended_with_the_program(planned: Planned, history: History) -> None:
    run = RunDir(planned(**LONG).path)
    handle = launch(run)
    wait_for(lambda: steps_done(run, history) > 0)
    module._end_threads()  # what the interpreter calls at its end, see below
    assert not handle.alive
    assert run.checkpoint_steps() == [steps_done(run, history)]


QUIT_WHILE_TRAINING = """
import sys, time
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.launch import launch
run = RunDir.open(sys.argv[1])
launch(run)
while '"kind":"stepped"' not in (run.events_path.read_text() if run.events_path.exists() else ""):
    time.sleep(0.02)
sys.exit(0)
"""


def test_the_interpreter_may_end_while_a_thread_trains(planned: Planned, history: History) -> None:
    run = planned(**LONG)
    done = run_script(QUIT_WHILE_TRAINING, run.path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    end = history(run)[-1]
    assert isinstance(end, Finished)
    assert end.reason == "stopped"
    assert run.checkpoint_steps() == [end.step]


# After a kill -------------------------------------------------------------------------------------------

KILLED_AT_STEP_5 = """
import os, signal, sys
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training import preview
from napari_cryorestore.training.launch import run_training
from napari_cryorestore.training.learner import Learner
import torch
torch.set_num_threads(1)
preview.CONTEXT = 4
update = Learner.update
def fatal(self, draw, *, step):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return update(self, draw, step=step)
Learner.update = fatal
run_training(RunDir.open(sys.argv[1]))
"""


def test_a_killed_run_goes_on_from_its_last_checkpoint(
    planned: Planned, history: History, begin: Callable[..., Any]
) -> None:
    whole, killed = (planned(name, schedule={"steps": 6}) for name in ("whole", "killed"))
    assert begin(KILLED_AT_STEP_5, killed.path).end() == (-signal.SIGKILL, "")
    assert not any(isinstance(event, Finished | Failed) for event in history(killed))
    assert killed.checkpoint_steps() == [2, 4]
    killed.events_path.write_bytes(
        killed.events_path.read_bytes() + b'{"kind":"stepp'
    )  # cut off in the middle
    run_training(killed)
    run_training(whole)
    for name, weight in load_checkpoint(whole.path).weights.items():
        assert torch.equal(weight, load_checkpoint(killed.path).weights[name])
    state = RunState()
    state.apply(history(killed))
    assert (state.status(), list(state.checkpoints)) == ("completed", [2, 4, 6])
    assert [event.step for event in history(killed) if isinstance(event, Started)] == [0, 4]


def test_nobody_trains_where_somebody_does(planned: Planned, history: History) -> None:
    run = RunDir(planned(**LONG).path)
    handle = launch(run)
    wait_for(lambda: steps_done(run, history) > 0)
    for train in (launch, lambda run: launch(run, "process"), run_training):
        with pytest.raises(ValueError, match="run is being trained by this program, and two must not"):
            train(run)
    assert handle.alive  # no request was cleared, nothing was recorded
    handle.stop()
    assert handle.join(300)
    assert [event.kind for event in history(run) if event.kind in ("started", "failed")] == ["started"]
    assert not (run.path / LOCK_FILE).exists()


TRAIN = """
import sys
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.launch import run_training
run_training(RunDir.open(sys.argv[1]))
"""


def test_a_killed_program_leaves_its_run_to_others(
    planned: Planned, history: History, begin: Callable[..., Any]
) -> None:
    run = RunDir(planned(**LONG).path)
    script = begin(TRAIN, run.path)
    training = script.process
    wait_for(lambda: steps_done(run, history) > 0)
    with pytest.raises(ValueError, match=f"by process {training.pid} on this computer"):
        launch(run)
    training.kill()
    assert script.end() == (-signal.SIGKILL, "")
    handle = launch(run)
    wait_for(lambda: steps_done(run, history) > 0 and "Taken over" in run.events_path.read_text())
    handle.stop()
    assert handle.join(300)
    notes = [event.message for event in history(run) if isinstance(event, Noted)]
    assert f"Taken over from process {training.pid} on this computer, which ended without saying so." in notes
    assert not (run.path / LOCK_FILE).exists()


def test_a_process_that_comes_second_leaves_the_run_alone(
    planned: Planned, history: History, warm_python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planned()
    lock = RunLock.take(run.path)
    monkeypatch.setattr(sys, "executable", warm_python)
    monkeypatch.setattr(module, "refuse_if_trained", lambda path: None)  # it was free a moment ago
    assert launch(run, "process").join(300)
    wait_for(lambda: "watch run" not in {thread.name for thread in threading.enumerate()})
    assert history(run) == []
    assert "is being trained by process" in (run.path / OUTPUT).read_text()
    lock.release()


# In a process of its own ---------------------------------------------------------------------------------


def test_a_process_trains_and_its_death_is_reported(planned: Planned, history: History) -> None:
    run = RunDir(planned(**LONG).path)
    handle = launch(run, "process")
    assert handle.alive
    assert not handle.join(0.01)
    wait_for(lambda: steps_done(run, history) > 0)
    os.kill(handle._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    assert handle.join(300)
    assert not handle.alive
    wait_for(lambda: isinstance(history(run)[-1], Failed))
    assert history(run)[-1].error == (  # type: ignore[attr-defined]
        f"The training process was killed by signal 9: {OUTPUT} in the run folder may tell why."
    )
    assert (run.path / OUTPUT).read_text() == ""


@pytest.mark.parametrize(("program", "reported"), [("/bin/false", True), ("/bin/true", False)])
def test_a_process_that_cannot_begin_is_reported(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch, program: str, reported: bool
) -> None:
    run = planned()
    monkeypatch.setattr(sys, "executable", program)
    handle = launch(run, "process")
    assert handle.join(300)
    wait_for(lambda: "watch run" not in {thread.name for thread in threading.enumerate()})
    assert [event.error for event in history(run)] == [  # type: ignore[attr-defined]
        f"The training process ended with exit code 1: {OUTPUT} in the run folder may tell why."
    ] * reported


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no such pipes")
def test_a_pipe_in_the_place_of_the_output_is_not_waited_for(planned: Planned) -> None:
    run = planned()
    os.mkfifo(run.path / OUTPUT)
    with pytest.raises(ValueError, match=r"output\.log is a pipe"):
        launch(run, "process")


def test_a_process_keeps_requests_that_were_made_since_its_launch(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDir(planned().path)
    trained: list[bool] = []
    monkeypatch.setattr(module, "attempt", lambda run, note: trained.append((run.path / "stop").exists()))
    for setting, kept in (("CRYORESTORE_LAUNCHED", True), ("RANK", True), ("NOTHING", False)):
        with monkeypatch.context() as patch:
            patch.setenv(setting, "1")
            run.request_stop()
            run_training(run)
        assert trained[-1] is kept


# Several devices -----------------------------------------------------------------------------------------

ONE_OF_TWO = """
import sys, time, warnings
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training import learner, preview, trainer
from napari_cryorestore.training.launch import run_training
preview.CONTEXT = 4
warnings.filterwarnings("error", message="Grad strides do not match")
run, update = trainer.Trainer.run, learner.Learner.update
def slow(self, draw, *, step):
    time.sleep(0.25)
    return update(self, draw, step=step)
learner.Learner.update = slow
def told(self):
    seed = self.generator.initial_seed()
    try:
        return run(self)
    finally:
        print("seed", seed, "weights", sum(float(w.abs().sum()) for w in self.learner.network.parameters()))
trainer.Trainer.run = told
run_training(RunDir.open(sys.argv[1]))
"""


def test_two_processes_train_one_network_and_hear_the_same(
    planned: Planned, history: History, begin_pair: Callable[..., list[Any]]
) -> None:
    changes: dict[str, Any] = {"hardware": {"devices": 2}, "schedule": {"steps": 100_000}}
    run = RunDir(planned(**changes, snapshots={"every": 50_000}).path)
    both = begin_pair(ONE_OF_TWO, run.path, torchrun=False)
    wait_for(lambda: steps_done(run, history) > 0)
    run.request_snapshot()
    wait_for(lambda: any(isinstance(event, Snapshotted) for event in history(run)))
    run.request_stop()
    at_request = steps_done(run, history)
    outputs = [script.end() for script in both]
    assert [code for code, _ in outputs] == [0, 0], outputs
    words = [next(line for line in out.splitlines() if line.startswith("seed")).split() for _, out in outputs]
    assert words[0][1] != words[1][1]  # they draw other crops
    assert words[0][3] == words[1][3]  # and yet have the same weights
    ends = [event for event in history(run) if isinstance(event, Started | Finished | Failed)]
    assert [event.kind for event in ends] == ["started", "finished"]
    assert ends[-1].step in run.checkpoint_steps()
    (shown,) = (event.step for event in history(run) if isinstance(event, Snapshotted))
    assert shown < ends[-1].step <= at_request + 6  # within about a second, however long steps take


def test_where_one_of_two_processes_is_killed_the_run_fails_at_once_and_can_go_on(
    planned: Planned, history: History, warm_python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", warm_python)
    changes: dict[str, Any] = {"hardware": {"devices": 2}, "schedule": {"steps": 100_000}}
    run = RunDir(planned(**changes, snapshots={"every": 0}).path)
    handle = launch(run, "process")
    wait_for(lambda: steps_done(run, history) > 0)
    with pytest.raises(ValueError, match="is being trained by process"):
        launch(run, "process")
    supervisor = json.loads((run.path / LOCK_FILE).read_text())["process"]
    pair = psutil.Process(supervisor).children()
    next(process for process in pair if process.environ()["LOCAL_RANK"] == "1").kill()
    assert handle.join(300)  # and not the half hour of gloo
    assert not any(process.is_running() for process in pair)
    end = history(run)[-1]
    assert isinstance(end, Failed)
    assert end.error.startswith("Process 2 of 2 of this training was killed by signal 9")
    before = len(history(run))
    handle = launch(run, "process")
    wait_for(lambda: any(event.kind == "stepped" for event in history(run)[before:]))
    handle.stop()
    assert handle.join(300)
    assert [event.kind for event in history(run) if event.kind in ("started", "failed", "finished")] == [
        "started", "failed", "started", "finished",
    ]  # fmt: skip
    assert not (run.path / LOCK_FILE).exists()


@pytest.mark.parametrize(
    ("settings", "supervised"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0"}, False),
        ({"RANK": "0", "WORLD_SIZE": "2"}, False),
        ({SUPERVISOR: "1"}, False),
    ],
)
def test_several_devices_are_supervised_unless_somebody_else_started_their_processes(
    planned: Planned, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], supervised: bool
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(
        module, "supervise", lambda run, command, count, on_event: done.append((command, count))
    )
    monkeypatch.setattr(module, "attempt", lambda run, note: done.append("alone"))
    monkeypatch.setattr(module, "end_with_supervisor", lambda run: done.append("watched"))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    run = planned(hardware={"devices": 2})
    run_training(run)
    watched = ["watched"] * (SUPERVISOR in settings)
    assert done == ([(training_command(run), 2)] if supervised else [*watched, "alone"])
    run_training(planned("one"))
    assert done[-1] == "alone"
