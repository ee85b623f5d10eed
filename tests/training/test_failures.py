"""Tests of what goes wrong while training: said in a sentence, repaired where possible, nothing lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_cryorestore.checkpoint import load_checkpoint, load_resume
from napari_cryorestore.methods.base import StepLoss
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.runs.events import (
    Checkpointed,
    Event,
    Failed,
    Finished,
    Noted,
    Snapshotted,
    Started,
    Stepped,
)
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training import progress, trainer
from napari_cryorestore.training.launch import run_training
from napari_cryorestore.training.learner import Batch, Learner
from napari_cryorestore.training.preview import Preview
from napari_cryorestore.training.progress import RunningMean

History = Callable[[RunDir], list[Event]]
Planned = Callable[..., Any]
Starve = Callable[..., list[int]]


def of_kind(events: list[Event], *kinds: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kinds)]


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in of_kind(events, Noted) if event.level == "warning"]


def failure(run: RunDir, history: History) -> Failed:
    """Return the one terminal event, which is a failure in one sentence."""
    (end,) = of_kind(history(run), Failed, Finished)
    assert isinstance(end, Failed)
    assert history(run)[-1] == end
    assert "\n" not in end.error
    assert "Traceback" in end.traceback
    return end


def spoil(monkeypatch: pytest.MonkeyPatch, steps: set[int], value: float = float("nan")) -> list[int]:
    """Let the loss of some steps, counted from 0, be not finite; return a list that grows by each step."""
    original, done = Noise2Noise.loss, []

    def loss(self: Noise2Noise, *args: Any, **kwargs: Any) -> StepLoss:
        step = original(self, *args, **kwargs)
        done.append(len(done))
        return StepLoss(step.total * value, step.parts) if done[-1] in steps else step

    monkeypatch.setattr(Noise2Noise, "loss", loss)
    return done


# Loss that is not finite ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("schedule", [{"optimiser": "muon"}, {"optimiser": "adam", "gradient_clip": 0}])
def test_a_step_that_is_not_finite_moves_nothing(
    planned: Planned,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    value: float,
    schedule: dict[str, Any],
) -> None:
    weights: list[list[Tensor]] = []
    original = Learner.update

    def spy(self: Learner, batch: Batch, *, step: int) -> Any:
        result = original(self, batch, step=step)
        weights.append([weight.detach().clone() for weight in self.network.parameters()])
        return result

    monkeypatch.setattr(Learner, "update", spy)
    monkeypatch.setattr(progress, "RECORD_EVERY", 1e9)
    spoil(monkeypatch, {1}, value)
    run = planned(schedule={"steps": 3, **schedule}, snapshots={"every": 0})
    run_training(run)
    assert all(torch.equal(one, other) for one, other in zip(weights[0], weights[1], strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(weights[1], weights[2], strict=True))
    assert all(torch.isfinite(weight).all() for weight in weights[2])
    assert warnings(history(run)) == [
        "1 step(s) gave no finite loss: skipped. If it goes on, "
        "lower the learning rate or choose 32-bit precision."
    ]
    (stepped,) = of_kind(history(run), Stepped)
    assert 0 < stepped.loss < 10  # the mean of the other two
    state = load_resume(run.checkpoint_path(3))
    assert all("nan" not in str(part) for part in state["optimiser"].values())


@pytest.mark.usefixtures("every_step")
def test_where_no_step_is_finite_the_last_good_weights_are_taken_up(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {2, 3})
    rolled = []
    original = Learner.roll_back
    monkeypatch.setattr(Learner, "roll_back", lambda self: (rolled.append(1), original(self))[1])
    run = planned(schedule={"steps": 5}, snapshots={"every": 5})
    run_training(run)
    assert len(rolled) == 2
    assert warnings(history(run))[0].startswith(
        "1 step(s) gave no finite loss: skipped, and the last good weights were taken up again."
    )
    assert isinstance(history(run)[-1], Finished)
    assert all(torch.isfinite(weight).all() for weight in load_checkpoint(run.path).weights.values())


def test_rolling_back_returns_to_the_weights_that_were_kept(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    learners: list[Learner] = []
    original = Learner.__init__
    monkeypatch.setattr(
        Learner, "__init__", lambda self, *args: (learners.append(self), original(self, *args))[1]
    )
    run_training(planned(schedule={"steps": 1}, snapshots={"every": 0}))
    (learner,) = learners
    learner.keep()
    before = {name: weight.clone() for name, weight in learner.network.state_dict().items()}
    average = {name: weight.clone() for name, weight in learner.average.state_dict().items()}
    with torch.no_grad():
        for weight in (*learner.network.parameters(), *learner.average.parameters()):
            weight.fill_(float("nan"))
    learner.roll_back()
    assert all(torch.equal(weight, before[name]) for name, weight in learner.network.state_dict().items())
    assert all(torch.equal(weight, average[name]) for name, weight in learner.average.state_dict().items())


@pytest.mark.usefixtures("every_step")
def test_a_loss_that_never_comes_back_ends_the_run(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "HOPELESS", 4)
    done = spoil(monkeypatch, set(range(2, 100)))
    run = planned(schedule={"steps": 50}, snapshots={"every": 2})
    with pytest.raises(FloatingPointError):
        run_training(run)
    assert len(done) == 6
    assert failure(run, history).error == (
        "The last 4 steps gave no finite loss: lower the learning rate or choose 32-bit precision."
    )
    good = load_checkpoint(run.checkpoint_path(2)).weights
    assert all(torch.isfinite(weight).all() for weight in good.values())


# Memory -----------------------------------------------------------------------------------------------


def starve(monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> list[int]:
    """Let updates with more crops than `most` run out of memory; return a list that grows by each batch."""
    original, sizes = Learner.update, []

    def update(self: Learner, batch: Batch, *, step: int) -> Any:
        sizes.append(len(batch.crops))
        if sizes[-1] > most:
            raise error
        return original(self, batch, step=step)

    monkeypatch.setattr(Learner, "update", update)
    return sizes


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_where_memory_runs_out_the_batch_is_halved(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sizes = starve(monkeypatch, 2, error)
    run = planned(schedule={"steps": 3, "batch": 8})
    run_training(run)
    assert sizes == [8, 4, 2, 2, 2]
    assert warnings(history(run)) == [
        "Out of memory: going on with 4 crops per step instead of 8.",
        "Out of memory: going on with 2 crops per step instead of 4.",
    ]
    assert history(run)[-1] == Finished(step=3, reason="completed", time=history(run)[-1].time)
    assert load_resume(run.checkpoint_path(3))["batch"] == 2


def test_a_resumed_run_keeps_the_smaller_batch(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = starve(monkeypatch, 2, torch.OutOfMemoryError("CUDA out of memory."))
    run = planned(schedule={"steps": 4, "batch": 4})
    from napari_cryorestore.runs.recorder import Request

    monkeypatch.setattr(progress, "RECORD_EVERY", 0.0)
    monkeypatch.setattr(progress, "SHARE", float("inf"))
    run.plan = {2: Request.STOP}
    run_training(run)
    run_training(run)
    assert sizes == [4, 2, 2, 2, 2]


def test_too_little_memory_for_a_single_crop_is_a_failure(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = starve(monkeypatch, 0, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80 GiB"))
    run = planned(schedule={"steps": 3, "batch": 3})
    with pytest.raises(MemoryError):
        run_training(run)
    assert sizes == [3, 1]
    assert "even for one crop at a time: choose a smaller crop or network" in failure(run, history).error


def test_too_little_memory_for_the_preview_costs_the_preview_alone(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restore(self: Preview, network: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Preview, "restore", restore)
    run = planned()
    run_training(run)
    events = history(run)
    assert of_kind(events, Snapshotted) == []
    assert [event.step for event in of_kind(events, Checkpointed)] == [2, 4]
    assert warnings(events)[0].startswith("Out of memory for the preview: choose a smaller preview block")


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize(
    ("owner", "name"),
    [(RunningMean, "add"), (RunningMean, "take"), (Learner, "state"), (trainer, "save_weights")],
)
def test_between_steps_what_must_be_done_is_done_once_more(
    planned: Planned,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    out_of_memory_at: Starve,
    owner: Any,
    name: str,
) -> None:
    released = []
    original = Learner.release
    monkeypatch.setattr(Learner, "release", lambda self: (released.append(1), original(self))[1])
    calls = out_of_memory_at(owner, name, at=range(1, 2))
    run = planned()
    run_training(run)
    assert len(calls) > 2
    assert released == [1]
    assert warnings(history(run)) == []
    assert run.checkpoint_steps() == [2, 4]


def test_too_little_memory_to_show_a_preview_costs_that_preview_alone(
    planned: Planned, history: History, out_of_memory_at: Starve
) -> None:
    out_of_memory_at(Preview, "mean_of", at=range(1, 2))
    run = planned()
    run_training(run)
    assert [event.step for event in of_kind(history(run), Snapshotted)] == [4]
    assert run.checkpoint_steps() == [2, 4]


# Other errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["update", "restore"])
def test_any_other_error_is_a_failure_and_raised(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Learner if where == "update" else Preview, where, broken)
    run = planned()
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run_training(run)
    end = failure(run, history)
    assert end.error == "shapes do not match"
    assert end.step == 0  # before the first step, the network is looked at


def test_an_error_while_preparing_is_a_failure(planned: Planned, history: History, tmp_path: Any) -> None:
    run = planned()
    config = run.config_text().replace("ts_odd.mrc", "gone.mrc")
    (run.path / "config.toml").write_text(config)
    with pytest.raises(FileNotFoundError):
        run_training(run)
    assert "gone.mrc does not exist" in failure(run, history).error


def test_an_interruption_is_recorded(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Learner, "update", interrupted)
    run = planned()
    with pytest.raises(KeyboardInterrupt):
        run_training(run)
    assert failure(run, history).error == (
        "Interrupted before it could save a checkpoint: continue the run to go on from its newest one."
    )


def test_what_a_killed_training_left_is_cleared(planned: Planned, history: History) -> None:
    run = planned()
    run_training(run)
    last = run.checkpoint_path(4)
    last.rename(last.with_name(f".{last.name}.older"))  # killed while it replaced its newest checkpoint
    (last.with_name(".step_00000006.77-0.part") / "inside").mkdir(parents=True)
    (run.path / "snapshots" / ".step_00000006.npy.77-1.part").touch()
    run_training(run)
    assert [event.step for event in of_kind(history(run), Started)] == [0, 4]
    assert run.checkpoint_steps() == [2, 4]
    assert [path.name for path in run.path.rglob(".*")] == []


# A full disk ------------------------------------------------------------------------------------------


def full(*args: Any, **kwargs: Any) -> Any:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("what", ["numpy.save", "torch.save", "safetensors"])
def test_a_full_disk_ends_the_run_and_leaves_what_was_there(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    run = planned(schedule={"steps": 6})
    original = Learner.update

    def update(self: Learner, batch: Batch, *, step: int) -> Any:
        if step == 2:  # after the first snapshot
            target = "napari_cryorestore.checkpoint.save_file" if what == "safetensors" else what
            monkeypatch.setattr(target, full)
        return original(self, batch, step=step)

    monkeypatch.setattr(Learner, "update", update)
    with pytest.raises(OSError, match="free some space"):
        run_training(run)
    end = failure(run, history)
    assert "No space left on device" in end.error
    monkeypatch.undo()
    assert run.checkpoint_steps() == [2]
    assert run.read_snapshot(2).shape == (16, 8, 8)
    left = [path for path in run.path.rglob("*") if path.name.startswith(".")]
    assert left == []  # nothing half written
    run_training(run)  # and with space again, it goes on
    assert run.checkpoint_steps() == [2, 4, 6]


def test_where_not_even_the_failure_can_be_written_the_error_is_raised(
    planned: Planned, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planned(schedule={"steps": 6})
    original, write = Learner.update, os.write
    broken: list[int] = []

    def update(self: Learner, batch: Batch, *, step: int) -> Any:
        if step == 3:
            broken.append(step)
        return original(self, batch, step=step)

    def sometimes(descriptor: int, content: bytes) -> int:
        return full() if broken else write(descriptor, content)

    monkeypatch.setattr(Learner, "update", update)
    monkeypatch.setattr(os, "write", sometimes)
    with pytest.raises(OSError, match="cannot be written"):
        run_training(run)
    monkeypatch.undo()
    assert of_kind(history(run), Finished, Failed) == []  # as after a kill: the doors show "quiet since"
    run_training(run)
    assert history(run)[-1] == Finished(step=6, reason="completed", time=history(run)[-1].time)
