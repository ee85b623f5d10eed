"""Training from the command line: what it leaves behind, says and returns."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_cryorestore.cli import train
from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.main import main
from napari_cryorestore.cli.outcome import INTERRUPTED
from napari_cryorestore.cli.train import ConsoleRun
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.events import Finished, Noted, Started, Stepped
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.held_out import Ending
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.run_lock import LOCK_FILE, RunLock
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.samples import real_pair

from .conftest import TINY

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.runs.events import Event


def state_of(run: Path) -> RunState:
    state = RunState()
    state.apply(RunFollower(run).poll())
    return state


def test_a_run_folder_is_made_here_and_filled(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *tiny]) == 0
    (run,) = tmp_path.iterdir()
    assert run.name.endswith("_tiny_icecream")
    assert RunDir(run).checkpoint_steps() == [2, 4]
    assert state_of(run).status() == "completed"
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"run folder: {run}" in printed.err
    assert "completed · 4/4" in printed.err


def test_a_run_that_ends_by_itself_says_why_on_the_terminal(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunState, "ending", Ending(2, 1, 0.08))
    assert main(["train", *tiny]) == 0
    (run,) = tmp_path.iterdir()
    lines = capsys.readouterr().err.splitlines()
    why = "Ended at step 2: held-out agreement fell 8 % below its best at step 1."
    assert lines[lines.index(why) - 1].startswith("completed · 2/4")
    assert main(["train", "--resume", str(run)]) == 0
    assert "The run ended by itself before; now it goes on to step 4." in capsys.readouterr().err
    assert state_of(run).step == 4


def test_what_ran_is_what_is_written(trained: Path) -> None:
    config = RunConfig.from_toml(RunDir(trained).config_text())
    assert (config.schedule.steps, config.schedule.crop, config.schedule.batch) == (4, 16, 1)
    assert config.tomograms[0].recording.tilt_range == (-60, 60)
    assert config.tomograms[0].even.is_absolute()


def test_quiet_says_nothing(tiny: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *tiny, "--quiet", "--schedule.steps", "1"]) == 0
    assert capfd.readouterr() == ("", "")


def test_the_recipe_of_a_run_is_a_recipe(trained: Path, tmp_path: Path) -> None:
    recipe = shutil.copy(trained / "config.toml", tmp_path / "again.toml")
    assert main(["train", str(recipe), "--schedule.steps", "1", "--run", "new", "--quiet"]) == 0
    assert RunDir(tmp_path / "new").checkpoint_steps() == [1]


def test_a_run_goes_on(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = (run_copy / "config.toml").read_text(encoding="utf-8")
    (run_copy / "config.toml").write_text(config.replace("steps = 4", "steps = 6"), encoding="utf-8")
    assert main(["train", "--resume", str(run_copy)]) == 0
    assert RunDir(run_copy).checkpoint_steps() == [2, 4, 6]
    assert "note: Going on from step 4." in capsys.readouterr().err


def test_a_run_that_died_before_its_first_checkpoint_begins_anew(
    run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = run_copy / "events.jsonl"
    kept = [
        line
        for line in history.read_text().splitlines()
        if json.loads(line)["kind"] in ("started", "stepped")
    ]
    history.write_text("\n".join([*kept, '{"kind":"failed","step":3,"error":"No space left."}']) + "\n")
    shutil.rmtree(run_copy / "checkpoints")
    assert main(["train", "--resume", str(run_copy)]) == 0
    assert "completed · 4/4" in capsys.readouterr().err
    assert RunDir(run_copy).checkpoint_steps() == [2, 4]


@pytest.mark.parametrize("line", ['"step":1e20', '"step":"x"', '"metrics":null', f'"metrics":{"[" * 500}'])
def test_a_run_with_damaged_lines_goes_on_with_one_note(
    run_copy: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (run_copy / "events.jsonl").open("a") as file:
        file.write(f'{{"kind":"evaluated",{line}}}\n' * 3)
    assert main(["train", "--resume", str(run_copy)]) == 0
    before, _, after = capsys.readouterr().err.partition("All 4 steps of this run are done")
    for part in (before, after):  # as every warning: before the first step, and in the end
        assert part.count("Damaged lines of events.jsonl were left out") == 1


@pytest.mark.parametrize("command", ["train --resume RUN", "restore RUN --output out.mrc"])
def test_a_tampered_checkpoint_is_bad_input(
    run_copy: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_copy / "checkpoints" / "step_00000004"
    torch.save({"step": 4}, folder / "resume.pt")
    weights = load_file(folder / "weights.safetensors")
    with safe_open(folder / "weights.safetensors", "pt") as opened:
        about = opened.metadata()
    spoilt = {name: value * float("nan") for name, value in weights.items()}
    save_file(spoilt, folder / "weights.safetensors", about)
    step = ["--step", "4"] * command.startswith("restore")
    assert main([*command.replace("RUN", str(run_copy)).split(), *step]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "holds no state of this training" in told or "not all finite numbers" in told


def test_ctrl_c_saves_a_checkpoint_and_ends_well(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ConsoleRun.record

    def impatient(console: ConsoleRun, event: Event) -> None:
        record(console, event)
        if isinstance(event, Stepped) and console.request() is Request.CONTINUE:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ConsoleRun, "record", impatient)
    endless = ["--schedule.steps", "100000", "--snapshots.every", "0"]
    assert main(["train", *tiny, *endless, "--run", "run"]) == 0
    state = state_of(tmp_path / "run")
    assert state.status() == "stopped"
    assert 0 < state.step < 100_000
    assert state.step in state.checkpoints


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_twice_ends_at_once_with_a_sentence(
    tiny: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    number: int,
) -> None:
    record = ConsoleRun.record

    def impatient(console: ConsoleRun, event: Event) -> None:
        record(console, event)
        if isinstance(event, Stepped):
            os.kill(os.getpid(), number)

    monkeypatch.setattr(ConsoleRun, "record", impatient)
    monkeypatch.setattr(ConsoleRun, "request", lambda self: Request.CONTINUE)  # so busy that it does not hear
    endless = ["--schedule.steps", "100000", "--snapshots.every", "0"]
    assert main(["train", *tiny, *endless, "--run", "run"]) == INTERRUPTED
    told = capfd.readouterr().err
    assert told.splitlines()[-1] == (
        "cryorestore train: Interrupted before it could save a checkpoint: continue the run to go on from "
        "its newest one."
    )
    assert "Traceback" not in told
    assert "KeyboardInterrupt" not in told
    assert state_of(tmp_path / "run").status() == "failed"
    assert not (tmp_path / "run" / LOCK_FILE).exists()


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--mask", "gone.mrc"], "gone.mrc"),
        (
            ["--schedule.steps", "0"],
            "schedule.steps: Input should be greater than or equal to 1 (given: '0')",
        ),
        (["--tilt-range", "60", "-60"], "reversed"),
        (["--hardware.device", "cuda:77"], "there is no device 'cuda:77' here"),
        (["--schedule.crop", "64"], "64"),
        (
            ["--resume", "gone"],
            "--resume goes on by the run's own recipe: leave out --even, --odd, --network",
        ),
    ],
)
def test_bad_input_is_one_sentence(
    tiny: list[str], extra: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *tiny, *extra, "--quiet"]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_the_run_folder_says_the_same(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *tiny, "--hardware.device", "cuda:77", "--run", "run", "--quiet"]) == 2
    state = state_of(tmp_path / "run")
    assert state.status() == "failed"
    assert capsys.readouterr().err == f"cryorestore train: {state.error}\n"
    assert "Traceback" in state.traceback


def test_a_run_that_is_trained_elsewhere_is_left_alone(
    tiny: list[str], trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "events.jsonl").read_bytes()
    lock = RunLock.take(trained)
    assert main(["train", "--resume", str(trained), "--quiet"]) == 2
    lock.release()
    assert capsys.readouterr().err == (
        f"cryorestore train: {trained.name} is being trained by this program, "
        "and two must not train one run: watch it in the Monitor, or stop it there first.\n"
    )
    assert (trained / "events.jsonl").read_bytes() == before


def test_a_run_is_never_overwritten(tiny: list[str], trained: Path) -> None:
    before = sorted(trained.rglob("*"))
    assert main(["train", *tiny, "--run", str(trained), "--quiet"]) == 2
    assert sorted(trained.rglob("*")) == before


def test_a_run_that_is_not_there_cannot_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--resume", "gone", "--quiet"]) == 2
    assert "There is no folder gone" in capsys.readouterr().err


def test_a_wrong_tilt_range_is_told_before_the_first_step_and_with_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    even, odd = (str(path) for path in real_pair())
    arguments = ["--even", even, "--odd", odd, "--tilt-range", "\N{MINUS SIGN}48", "72", "--tilt-axis", "x"]
    small = ["--preset", "quick-look", "--schedule.steps", "1", "--schedule.crop", "32"]
    assert main(["train", *arguments, *small, "--network.features", "4", "--run", "run"]) == 0
    range_, axis = "the spectrum shows −62…62°", "the spectrum shows the tilt axis y"
    lines = capsys.readouterr().err.splitlines()
    begun = next(number for number, line in enumerate(lines) if line.startswith("preparing"))
    for words in (range_, axis):
        told = [number for number, line in enumerate(lines) if line.startswith("warning") and words in line]
        assert len(told) == 2
        assert told[0] < begun
        assert told[1] > len(lines) - 4
    noted = [event for event in RunFollower(tmp_path / "run").poll()[:2] if isinstance(event, Noted)]
    assert [event.level for event in noted] == ["warning", "warning"]


@pytest.mark.parametrize("several", [False, True])
def test_what_looks_wrong_about_the_halves_is_told_once_before_the_first_step(
    tiny_pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], several: bool
) -> None:
    for name, factor in (("a", 7.0), ("b", 9.0))[: 1 + several]:
        for half, path in zip(("even", "odd"), tiny_pair, strict=True):
            data = open_volume(path).data * (factor if half == "odd" else 1.0)
            write_volume(tmp_path / f"{name}_{half}.mrc", data, voxel_size=10.0, label="test")
    command = ["train", "--pairs", str(tmp_path), *TINY, "--schedule.steps", "2", "--run", "run"]
    assert main([*command, "--tilt-range", "-60", "60"]) == 0
    words = "spread very differently"
    events = RunFollower(tmp_path / "run").poll()
    told = [event.message for event in events if isinstance(event, Noted) and words in event.message]
    assert len(told) == len(set(told)) == 1 + several
    assert events[0].kind == "noted"
    assert capsys.readouterr().err.count(words) == 2 * len(told)  # and once more with the last line
    recipe = tmp_path / "run" / "config.toml"
    recipe.write_text(recipe.read_text().replace("steps = 2", "steps = 3"))
    assert main(["train", "--resume", "run"]) == 0
    again = [
        event for event in RunFollower(tmp_path / "run").poll() if words in getattr(event, "message", "")
    ]
    assert len(again) == len(told)
    assert capsys.readouterr().err.count(words) == 2 * len(told)


def test_several_devices_begin_as_a_process_that_can_be_repeated(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: began.append([program, *arguments]))
    monkeypatch.setattr(train, "train_in", lambda path, screen: 0)
    assert main(["train", *tiny, "--hardware.devices", "2", "--run", "run", "--quiet"]) == 0
    python = sys.executable
    assert began == [[python, python, "-m", "napari_cryorestore", "train", "--resume", "run", "--quiet"]]
    assert RunDir.open(tmp_path / "run").checkpoint_steps() == []


def test_several_computers_are_told_how_to_begin(tiny: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *tiny, "--hardware.nodes", "2", "--run", "run", "--quiet"]) == 0
    assert "on every node with: python -m napari_cryorestore train --resume run" in capsys.readouterr().out


def test_a_follower_keeps_silent(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[object] = []
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(train, "train_in", lambda path, screen: shown.append(screen) or 0)
    assert main(["train", "--resume", str(run_copy)]) == 0
    assert shown == [None]
    assert capsys.readouterr() == ("", "")


def test_only_one_of_several_processes_could_make_the_run_folder(
    tiny: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    assert main(["train", *tiny, "--hardware.devices", "2"]) == 2
    assert "several processes cannot each make the run folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_pairs_is_learned_from_together(tiny: list[str], three_pairs: Path) -> None:
    assert main(["train", "--pairs", str(three_pairs), *tiny[4:], "--run", "run", "--quiet"]) == 0
    tomograms = RunConfig.from_toml(RunDir("run").config_text()).tomograms
    lowest = [(item.name, item.recording.tilt_range[0]) for item in tomograms]
    assert lowest == [("TS1", -60), ("TS2", -50), ("TS3", -40)]


def test_a_tomogram_of_three_maps_is_trained_on(
    tiny_pair: tuple[Path, Path], tiny: list[str], tmp_path: Path
) -> None:
    halves = [open_volume(path).data for path in tiny_pair]
    third = np.random.default_rng(0).normal((halves[0] + halves[1]) / 2, halves[0].std())
    write_volume(tmp_path / "third.mrc", third.astype(np.float32), voxel_size=20.0, label="test")
    maps = [*map(str, tiny_pair), str(tmp_path / "third.mrc")]
    assert main(["train", "--maps", *maps, *tiny[4:], "--run", "run", "--quiet"]) == 0
    (tomogram,) = RunConfig.from_toml(RunDir("run").config_text()).tomograms
    assert list(map(str, tomogram.maps)) == maps
    assert RunDir("run").checkpoint_steps()


def test_going_on_without_what_the_run_needs_leaves_its_history_alone(
    run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, events = run_copy / "config.toml", (run_copy / "events.jsonl").read_bytes()
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('kind = "unet"', 'kind = "elsewhere"'), encoding="utf-8")
    assert main(["train", "--resume", str(run_copy), "--quiet"]) != 0
    assert "there is no network 'elsewhere' here" in capsys.readouterr().err
    assert (run_copy / "events.jsonl").read_bytes() == events


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


def test_a_requested_stop_outlives_clearing_and_respects_discarding(folder: Path) -> None:
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
