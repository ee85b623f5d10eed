"""Job scripts: what they request, and that bash runs them, with Slurm played by two processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.events import Event, Failed, Finished, Paused, Resumed, Started, Stepped
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir

from .conftest import score

if TYPE_CHECKING:
    from collections.abc import Callable

Out = pytest.CaptureFixture[str]
SRUN = """#!/bin/bash
# Runs a command as the tasks of one computer, as Slurm's srun does.
while [[ $1 == -* ]]; do shift; done
export SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_ID=0 SLURM_NNODES=1 SLURM_NODEID=0
export SLURM_NTASKS_PER_NODE=2 SLURM_NODELIST=127.0.0.1
tasks=()
for place in 0 1; do
    SLURM_PROCID=$place SLURM_LOCALID=$place "$@" &
    tasks+=($!)
done
trap 'kill -TERM "${tasks[@]}"' TERM
code=0
for task in "${tasks[@]}"; do
    wait "$task"
    own=$?
    while kill -0 "$task" 2>/dev/null; do wait "$task"; own=$?; done
    [ $own -eq 0 ] || code=$own
done
exit $code
"""
SCONTROL = """#!/bin/bash
# Notes what was requested, and ends what runs, as Slurm does before it puts a job back into the queue.
echo "$@" >> scontrol.txt
kill -TERM "$(cat srun.pid)"
"""


@pytest.fixture
def cluster(
    tmp_path: Path, warm_python: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.Popen[str]]:
    """Return what runs a script as a Slurm job would run."""
    monkeypatch.setattr(sys, "prefix", str(Path(warm_python).parents[1]))  # where a script finds its Python
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (
        ("srun", SRUN.replace("tasks=()", "echo $$ > srun.pid; tasks=()")),
        ("scontrol", SCONTROL),
    ):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)

    def submit(script: str) -> subprocess.Popen[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        slurm = {"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "a job", "SLURM_PROCID": "0", "MASTER_PORT": port}
        return subprocess.Popen(
            ["bash", "-c", script], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **slurm},
        )  # fmt: skip

    return submit


def script_of(words: list[str], capsys: Out) -> str:
    assert main(["slurm", *words]) == 0
    script = capsys.readouterr().out
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    return script


def history(run: Path, *kinds: type[Event]) -> list[Event]:
    return [event for event in RunFollower(run).poll() if isinstance(event, kinds)]


def wait_for(condition: Callable[[], bool], job: subprocess.Popen[str], *, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


# What a script says --------------------------------------------------------------------------------------


def test_a_job_on_several_computers(tiny: list[str], tmp_path: Path, capsys: Out) -> None:
    options = ["--nodes", "2", "--gpus", "4", "--cpus", "8", "--memory", "128G", "--time", "2-00:00:00"]
    options += ["--partition", "gpu", "--account", "em"]
    script = script_of(["train", *tiny[:4], "--run", "run", *options], capsys)
    for line in (
        "job-name=run", "nodes=2", "ntasks-per-node=4", "cpus-per-task=8", "gres=gpu:4", "mem=128G",
        "time=2-00:00:00", "partition=gpu", "account=em", "requeue", "signal=B:USR1@180",
        f"chdir={tmp_path}", f"output={tmp_path}/run/slurm-%j.out",
    ):  # fmt: skip
        assert f"\n#SBATCH --{line}\n" in script
    assert f"-m napari_cryorestore train --resume {tmp_path}/run --quiet &" in script
    assert "srun --kill-on-bad-exit=1 " in script
    config = RunConfig.from_toml(RunDir("run").config_text())
    assert config.hardware.model_dump(include={"device", "devices", "nodes"}) == {
        "device": "cuda",
        "devices": 4,
        "nodes": 2,
    }
    again = script_of(["train", "--resume", "run", "--time", "1:00:00"], capsys)
    assert "#SBATCH --nodes=2\n" in again
    assert "#SBATCH --gres=gpu:4\n" in again


def test_names_with_blanks_are_quoted(trained: Path, three_pairs: Path, capsys: Out) -> None:
    words = [
        "restore",
        str(trained),
        "--pairs",
        str(three_pairs),
        "--output-folder",
        "my results",
        "--gpus",
        "2",
    ]
    script = script_of(words, capsys)
    assert f"restore {trained} --pairs {three_pairs} --output-folder 'my results' --step 4 &" in script
    assert "# Restores 3 tomograms with run." in script
    assert "#SBATCH --ntasks-per-node=2\n" in script
    assert "--account" not in script


@pytest.mark.parametrize("named", [["RUN@newest"], ["RUN", "--step", "newest"], ["RUN", "--step=newest"]])
def test_the_step_is_chosen_once_for_every_turn_of_the_job(
    named: list[str], run_copy: Path, three_pairs: Path, tmp_path: Path, capsys: Out
) -> None:
    score(run_copy, {1: 0.4, 2: 0.5, 3: 0.4, 4: 0.1})
    given = ["--pairs", str(three_pairs), "--output-folder", "made"]
    script = script_of(["restore", *(word.replace("RUN", str(run_copy)) for word in named), *given], capsys)
    assert f"restore {run_copy} --pairs {three_pairs} --output-folder made --step 4 &" in script
    script = script_of(["restore", str(run_copy), *given], capsys)
    assert f"restore {run_copy} --pairs {three_pairs} --output-folder made --step 2 &" in script
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the following arguments are required: kind"),
        (["dance"], "invalid choice: 'dance'"),
        (["train"], "no tomogram is given"),
        (["restore", "gone"], "There is no run at gone"),
        (["train", "TINY", "--time", "soon"], "time: String should match pattern"),
        (["train", "--resume", "RUN", "--schedule.steps", "3"], "leave out --schedule.steps"),
        (
            ["train", "--resume", "RUN", "--gpus", "2"],
            "the run was made for 1 device(s) on 1 computer(s): leave",
        ),
        (["restore", "RUN", "--gpus", "2"], "a job restores what lacks in a folder: give --output-folder"),
        (["restore", "RUN", "--pairs", "gone", "--output-folder", "made"], "gone does not exist"),
        (["restore", "RUN", "--nodez", "2"], "there is no option --nodez here: did you mean --nodes?"),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str], sentence: str, tiny: list[str], trained: Path, tmp_path: Path, capsys: Out
) -> None:
    filled = [
        part for word in words for part in (tiny if word == "TINY" else [word.replace("RUN", str(trained))])
    ]
    assert main(["slurm", *filled]) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.out == ""
    assert list(tmp_path.iterdir()) == []


# What a script does --------------------------------------------------------------------------------------


def test_a_job_trains_with_two_processes_is_requeued_and_goes_on(
    tiny: list[str], cluster: Callable[..., subprocess.Popen[str]], tmp_path: Path, capsys: Out
) -> None:
    recipe = [*tiny, "--hardware.devices", "2", "--schedule.steps", "100000", "--snapshots.every", "40000"]
    script = script_of(["train", *recipe, "--run", "run", "--gpus", "0"], capsys)
    run = RunDir(tmp_path / "run")
    job = cluster(script)
    wait_for(lambda: bool(history(run.path, Stepped)), job)
    run.request_pause()
    wait_for(lambda: bool(history(run.path, Paused)), job)
    run.request_resume()
    wait_for(lambda: bool(history(run.path, Resumed)), job)
    job.send_signal(signal.SIGUSR1)  # the time is up
    out = job.communicate(timeout=300)
    assert job.returncode == 0, out
    assert (tmp_path / "scontrol.txt").read_text() == "requeue 77\n"
    (first,) = history(run.path, Finished)
    assert first.step in run.checkpoint_steps()

    second = cluster(script)
    wait_for(lambda: any(event.step > first.step for event in history(run.path, Stepped)), second)
    run.request_stop()
    out = second.communicate(timeout=300)
    assert second.returncode == 0, out
    begun = history(run.path, Started)
    assert [event.step for event in begun] == [0, first.step]
    assert not history(run.path, Failed)


def test_a_job_restores_with_two_processes(
    three_pairs: Path, cluster: Callable[..., subprocess.Popen[str]], tmp_path: Path, capsys: Out
) -> None:
    words = ["restore", "--method", "wiener", "--pairs", str(three_pairs), "--output-folder", "made"]
    job = cluster(script_of([*words, "--device", "cpu", "--threads", "1"], capsys))
    out, told = job.communicate(timeout=300)
    assert job.returncode == 0, told
    assert sorted(out.split()) == [f"made/TS{number}_wiener.mrc" for number in (1, 2, 3)]
    assert "process 1 of 2: 2 restored, of 2" in told
    assert "process 2 of 2: 1 restored, of 1" in told
