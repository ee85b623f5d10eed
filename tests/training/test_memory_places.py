"""Memory that runs out at each place where a training takes some; see docs/benchmarks/faults.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric

from napari_cryorestore.data.crops import CropSampler
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.networks.unet_module import UNet
from napari_cryorestore.runs.events import Evaluated, Event, Failed, Finished, Noted, Snapshotted, Stepped
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training import learner, preview, trainer
from napari_cryorestore.training.launch import run_training
from napari_cryorestore.training.learner import Batch, Learner
from napari_cryorestore.training.optimiser import Muon
from napari_cryorestore.training.preview import Preview
from napari_cryorestore.training.progress import RunningMean

History = Callable[[RunDir], list[Event]]
Planned = Callable[..., Any]
Starve = Callable[..., list[int]]


def watch_weights(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that tells of every failed step whether all weights stayed where they were."""
    stayed: list[bool] = []
    original = Learner.update

    def update(self: Learner, batch: Batch, *, step: int) -> Any:
        before = [weight.detach().clone() for weight in self.network.parameters()]
        try:
            return original(self, batch, step=step)
        except torch.OutOfMemoryError:
            pairs = zip(before, self.network.parameters(), strict=True)
            stayed.append(all(torch.equal(one, other) for one, other in pairs))
            raise

    monkeypatch.setattr(Learner, "update", update)
    return stayed


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Noted) and event.level == "warning"]


def failure(events: list[Event]) -> str:
    end = events[-1]
    assert isinstance(end, Failed)
    assert "\n" not in end.error
    return end.error


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (CropSampler, "draw"),
        (CropSampler, "cut"),
        (UNet, "forward"),
        (Noise2Noise, "loss"),
        (Fabric, "backward"),
        (learner, "limit_gradients"),
        (Muon, "step"),
    ],
    ids=lambda item: getattr(item, "__name__", item),
)
def test_within_a_step_half_the_crops_go_on_and_no_weight_has_moved(
    planned: Planned,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    out_of_memory_at: Starve,
    owner: Any,
    name: str,
) -> None:
    run = planned(schedule={"steps": 3, "batch": 4, "optimiser": "muon"}, snapshots={"every": 0})
    out_of_memory_at(owner, name, at=range(1, 2))
    stayed = watch_weights(monkeypatch)
    run_training(run)
    assert all(stayed)
    assert warnings(history(run)) == ["Out of memory: going on with 2 crops per step instead of 4."]
    assert isinstance(history(run)[-1], Finished)
    assert run.checkpoint_steps() == [3]


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize(
    ("owner", "name"),
    [(RunningMean, "add"), (RunningMean, "take"), (Learner, "state"), (trainer, "save_weights")],
)
def test_between_steps_lasting_lack_of_memory_ends_the_run_and_keeps_what_was_saved(
    planned: Planned,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    out_of_memory_at: Starve,
    owner: Any,
    name: str,
) -> None:
    run = planned(schedule={"steps": 9}, snapshots={"every": 2})
    original = Learner.update

    def update(self: Learner, batch: Batch, *, step: int) -> Any:
        if step == 3:
            out_of_memory_at(owner, name, at=range(10**9))
        return original(self, batch, step=step)

    monkeypatch.setattr(Learner, "update", update)
    with pytest.raises(torch.OutOfMemoryError):
        run_training(run)
    assert "too little memory: choose a smaller batch, crop, preview" in failure(history(run))
    assert run.checkpoint_steps() == [2]
    assert not list(run.path.rglob(".*"))


@pytest.mark.parametrize("name", ["restore", "evaluate", "mean_of"])
def test_one_preview_is_left_out_and_that_is_said(
    planned: Planned, history: History, out_of_memory_at: Starve, name: str
) -> None:
    run = planned()
    out_of_memory_at(Preview, name, at=range(1, 2))  # the first look is at the network before training
    run_training(run)
    events = history(run)
    assert [event.step for event in events if isinstance(event, Snapshotted)] == [4]
    assert warnings(events) == ["Out of memory for the preview: choose a smaller preview block or batch."]
    assert run.checkpoint_steps() == [2, 4]


@pytest.mark.parametrize("name", ["restore", "evaluate"])
def test_a_network_that_cannot_be_judged_before_training_is_trained_all_the_same(
    planned: Planned, history: History, out_of_memory_at: Starve, name: str
) -> None:
    run = planned()
    out_of_memory_at(Preview, name, at=range(1))
    run_training(run)
    events = history(run)
    assert [event.step for event in events if isinstance(event, Evaluated)] == [2, 4]
    assert warnings(events) == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [(trainer, "prepare"), (learner, "build_network"), (preview, "cut_crops")],
)
def test_before_the_first_step_it_ends_with_a_sentence(
    planned: Planned,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    out_of_memory_at: Starve,
    owner: Any,
    name: str,
) -> None:
    out_of_memory_at(owner, name, at=range(1))
    run = planned()
    with pytest.raises(torch.OutOfMemoryError):
        run_training(run)
    assert "too little memory: choose a smaller" in failure(history(run))
    assert not [event for event in history(run) if isinstance(event, Stepped)]
    monkeypatch.undo()
    run_training(run)
    assert run.checkpoint_steps() == [2, 4]


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize(("owner", "name"), [(Fabric, "backward"), (RunningMean, "add"), (Learner, "state")])
def test_of_several_devices_one_that_runs_out_of_memory_ends_the_run(
    planned: Planned,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    out_of_memory_at: Starve,
    owner: Any,
    name: str,
) -> None:
    """One that took a step again, or had fewer crops, would be waited for by the others."""
    out_of_memory_at(owner, name, at=range(1, 2))
    monkeypatch.setattr(Fabric, "world_size", property(lambda self: 2))
    run = planned()
    with pytest.raises(torch.OutOfMemoryError):
        run_training(run)
    assert "too little memory" in failure(history(run))
    assert warnings(history(run)) == []
