"""Tests of the training loop: what it records, and how it hears, resumes and fails."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from napari_cryorestore.checkpoint import RESUME, WEIGHTS, load_checkpoint, load_resume
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.events import (
    Checkpointed,
    Evaluated,
    Event,
    Failed,
    Finished,
    Noted,
    Paused,
    Resumed,
    Snapshotted,
    Started,
    Stepped,
    Thinned,
)
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.training.launch import run_training
from napari_cryorestore.training.preview import Preview
from napari_cryorestore.training.trainer import is_due, sentence_of

History = Callable[[RunDir], list[Event]]
Planned = Callable[..., Any]


def of_kind(events: list[Event], *kinds: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kinds)]


def messages(events: list[Event], level: str = "warning") -> list[str]:
    return [event.message for event in of_kind(events, Noted) if event.level == level]


def state_of(run: RunDir) -> RunState:
    state = RunState()
    from napari_cryorestore.runs.follower import RunFollower

    state.apply(RunFollower(run.path).poll())
    return state


def test_several_tomograms_train_alike_from_memory_and_from_disk(
    planned: Planned, make_pair: Callable[..., Any], history: History, every_step: None
) -> None:
    tomograms = [
        {"even": even, "odd": odd, "tilt_min": low, "tilt_max": 50}
        for low, (even, odd) in ((-60, make_pair(seed=0)), (-40, make_pair(seed=1)))
    ]
    losses = []
    for hold in ("memory", "disk"):
        changes: dict[str, Any] = {"method": {"kind": "icecream"}, "hardware": {"hold": hold}}
        run = planned(hold, tomograms=tomograms, **changes)
        run_training(run)
        losses.append([event.loss for event in of_kind(history(run), Stepped)])
        assert messages(history(run)) == []
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert len(losses[0]) == 4


@pytest.mark.parametrize("method", ["noise2noise", "icecream"])
def test_a_run_from_its_first_to_its_last_event(planned: Planned, history: History, method: str) -> None:
    run = planned(method={"kind": method}, schedule={"steps": 5})
    run_training(run)
    recorded = history(run)
    start = next(index for index, event in enumerate(recorded) if isinstance(event, Started))
    assert all(isinstance(event, Noted) for event in recorded[:start])  # what the examination found
    events = recorded[start:]
    assert (recorded[start].step, recorded[start].steps) == (0, 5)
    assert messages(events, "phase") == ["Preparing", "Training"]
    assert messages(events, "info") == ["Training on cpu in 32-bit arithmetic."]
    assert events[-1] == Finished(step=5, reason="completed", time=events[-1].time)
    assert len(of_kind(events, Finished, Failed)) == 1
    marks = of_kind(events, Stepped, Evaluated, Snapshotted, Checkpointed)
    for step in (2, 4, 5):  # every second step and the last
        assert [type(event) for event in marks if event.step == step][-4:] == [
            Stepped, Evaluated, Snapshotted, Checkpointed,
        ]  # fmt: skip
    assert [event.step for event in of_kind(events, Checkpointed)] == [2, 4, 5]
    assert [event.step for event in events] == sorted(event.step for event in events)
    stepped = of_kind(events, Stepped)
    assert all(event.rate > 0 and np.isfinite(event.loss) for event in stepped)
    parts = {"icecream": {"data", "equivariance"}, "noise2noise": set()}[method]
    assert all(set(event.parts) == parts for event in stepped)
    expected = {"n2n", "half_fsc", "half_correlation", "wedge_share"} | ({"fill"} if parts else set())
    evaluated = of_kind(events, Evaluated)
    assert [event.step for event in evaluated] == [0, 2, 4, 5]  # before the first step too
    assert all(set(event.metrics) == expected for event in evaluated)
    assert all(set(event.left_out) == expected & {"n2n", "fill"} for event in evaluated)
    assert all(len(values) == 8 for event in evaluated for values in event.left_out.values())


def test_what_lies_in_the_folder_afterwards(planned: Planned) -> None:
    run = planned()
    run_training(run)
    assert run.read_input().shape == run.read_snapshot(2).shape == (16, 8, 8)
    assert run.checkpoint_steps() == [2, 4]
    with_resume = [step for step in (2, 4) if (run.checkpoint_path(step) / RESUME).exists()]
    assert with_resume == [4]
    label = load_checkpoint(run.path).label
    assert (label.step, label.method.kind, label.wiener) == (4, "noise2noise", None)
    known = label.trained_on
    tomogram = RunConfig.from_toml(run.config_text()).tomograms[0]
    assert known.recording == tomogram.recording
    assert known.skewness is not None
    assert state_of(run).status() == "completed"


def test_the_wiener_filter_is_saved_with_the_weights(planned: Planned) -> None:
    run = planned(method={"input": "wiener+raw"}, schedule={"steps": 1})
    run_training(run)
    wiener = load_checkpoint(run.path).label.wiener
    assert wiener is not None
    assert max(wiener.weights) > 0.1


@pytest.mark.usefixtures("every_step")
def test_the_loss_goes_down(planned: Planned) -> None:
    run = planned(schedule={"steps": 40, "learning_rate": 0.05}, snapshots={"every": 0})
    run_training(run)
    losses = state_of(run).curves["loss"].values
    assert len(losses) == 40
    assert np.mean(losses[-10:]) < 0.95 * np.mean(losses[:5])


def test_a_method_is_told_which_step_of_how_many_it_draws_for(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    draw = Noise2Noise.draw

    def noted(self: Any, places: Any, generator: torch.Generator) -> Any:
        told.append((places.step, places.steps))
        return draw(self, places, generator)

    monkeypatch.setattr(Noise2Noise, "draw", noted)
    run_training(planned())
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]


@pytest.mark.usefixtures("every_step")
def test_stop_saves_a_checkpoint_and_ends(planned: Planned, history: History) -> None:
    run = planned(schedule={"steps": 50}, snapshots={"every": 0})
    run.plan = {3: Request.STOP}
    run_training(run)
    events = history(run)
    assert events[-1] == Finished(step=3, reason="stopped", time=events[-1].time)
    assert run.checkpoint_steps() == [3]
    assert of_kind(events, Snapshotted) == []
    assert state_of(run).status() == "stopped"


@pytest.mark.usefixtures("every_step")
def test_discard_ends_without_a_checkpoint(planned: Planned, history: History) -> None:
    run = planned(schedule={"steps": 50}, snapshots={"every": 0})
    run.plan = {3: Request.DISCARD}
    run_training(run)
    assert history(run)[-1] == Finished(step=3, reason="stopped", time=history(run)[-1].time)
    assert run.checkpoint_steps() == []


@pytest.mark.usefixtures("every_step")
def test_pause_and_resume(planned: Planned, history: History) -> None:
    run = planned(schedule={"steps": 6}, snapshots={"every": 0})
    run.plan = dict.fromkeys(range(2, 9), Request.PAUSE)
    run_training(run)
    events = history(run)
    marks = of_kind(events, Paused, Resumed, Finished)
    assert [(type(event), event.step) for event in marks] == [(Paused, 2), (Resumed, 2), (Finished, 6)]
    assert marks[1].time - marks[0].time >= 0.6
    following = next(event for event in of_kind(events, Stepped) if event.step > 2)
    assert following.rate > 1 / (marks[1].time - marks[0].time)  # the pause is no part of the rate


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize(("end", "saved"), [(Request.STOP, [2]), (Request.DISCARD, [])])
def test_stop_while_paused(planned: Planned, history: History, end: Request, saved: list[int]) -> None:
    run = planned(schedule={"steps": 6}, snapshots={"every": 0})
    run.plan = {2: Request.PAUSE, 3: end}
    run_training(run)
    assert [type(event) for event in of_kind(history(run), Paused, Resumed, Finished)] == [Paused, Finished]
    assert run.checkpoint_steps() == saved


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("every", [0, 3])
def test_a_preview_on_request(planned: Planned, history: History, every: int) -> None:
    run = planned(schedule={"steps": 6}, snapshots={"every": every})
    run.previews = {2, 3}
    run_training(run)
    shown = [event.step for event in of_kind(history(run), Snapshotted)]
    assert shown == ([2, 3] if every == 0 else [2, 3, 6])  # step 3 is requested and due, but shown once
    assert run.read_snapshot(2).shape == run.read_input().shape
    assert [event.step for event in of_kind(history(run), Checkpointed)] == [2, 3, 6]


def test_no_snapshots_still_leaves_the_last_weights(planned: Planned, history: History) -> None:
    run = planned(snapshots={"every": 0})
    run_training(run)
    assert of_kind(history(run), Snapshotted, Evaluated) == []
    assert run.checkpoint_steps() == [4]
    assert of_kind(history(run), Stepped)[-1].step == 4


def test_without_a_held_out_block_there_are_no_quality_numbers(planned: Planned, history: History) -> None:
    run = planned(snapshots={"held_out": "none"})
    run_training(run)
    events = history(run)
    assert of_kind(events, Evaluated) == []
    assert len(of_kind(events, Snapshotted)) == 2


def test_previews_show_the_averaged_weights_in_evaluation_mode(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = Preview.restore

    def spy(self: Preview, network: Any) -> Any:
        seen.append((network.training, {n: w.clone() for n, w in network.state_dict().items()}))
        assert not torch.is_grad_enabled()
        return original(self, network)

    monkeypatch.setattr(Preview, "restore", spy)
    run = planned(snapshots={"every": 4})
    run_training(run)
    _, (training, weights) = seen  # the first one is of the network before training
    assert not training
    saved, state = load_checkpoint(run.path).weights, load_resume(run.checkpoint_path(4))
    for name, weight in weights.items():
        assert torch.equal(weight, saved[name])
        assert torch.equal(weight, state["average"][name])
        assert not torch.equal(weight, state["network"][name])


# Resuming -------------------------------------------------------------------------------------------

RECIPES: list[dict[str, Any]] = [
    {
        "method": {"kind": "icecream", "flips": True, "double_size": False},
        "schedule": {"steps": 6, "warmup": 2},
    },
    {"schedule": {"steps": 6, "optimiser": "adam", "learning_rate": 1e-3, "decay": "constant", "ema": 0.5}},
    {
        "method": {
            "kind": "deepdewedge",
            "refill": "stored",
            "refill_every": 2,
            "refill_after": 0.2,
            "places": 3,
        },
        "schedule": {"steps": 6},
        "snapshots": {"held_out": "none"},
    },
]


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("changes", RECIPES, ids=["icecream-muon-cosine", "noise2noise-adam", "deepdewedge"])
def test_a_resumed_run_ends_bit_by_bit_as_an_uninterrupted_one(
    planned: Planned, history: History, changes: dict[str, Any]
) -> None:
    whole, parted = (planned(name, **changes) for name in ("whole", "parted"))
    run_training(whole)
    parted.plan = {3: Request.STOP}
    run_training(parted)
    assert parted.checkpoint_steps() == [2, 3]
    parted.plan = {}
    run_training(parted)
    for name, weight in load_checkpoint(whole.path).weights.items():
        assert torch.equal(weight, load_checkpoint(parted.path).weights[name])
    one, other = (load_resume(run.checkpoint_path(6)) for run in (whole, parted))
    assert torch.equal(one["generator"], other["generator"])
    assert str(one["optimiser"]) == str(other["optimiser"])
    assert str(one.get("refills")) == str(other.get("refills"))
    if changes.get("method", {}).get("kind") == "deepdewedge":  # refilled and stored are first halves alone
        assert one["refills"]["values"][0].shape == (3, 1, 24, 24, 24)
        assert one["refills"]["known"][0].any()
    np.testing.assert_array_equal(whole.read_snapshot(6), parted.read_snapshot(6))
    events = history(parted)
    assert [event.step for event in of_kind(events, Started)] == [0, 3]
    assert "Going on from step 3." in messages(events, "info")
    assert len(of_kind(events, Finished)) == 2
    assert state_of(parted).status() == "completed"


def test_a_completed_run_that_goes_on_just_ends_again(planned: Planned, history: History) -> None:
    run = planned()
    run_training(run)
    before = (run.checkpoint_path(4) / WEIGHTS).read_bytes()
    run_training(run)
    events = history(run)
    assert [type(event) for event in of_kind(events, Started, Finished)] == [Started, Finished] * 2
    (told,) = [words for words in messages(events, "info") if "are done" in words]
    assert told.startswith("All 4 steps of this run are done.")
    assert (run.checkpoint_path(4) / WEIGHTS).read_bytes() == before


def test_a_damaged_resume_state_is_a_failure_with_a_sentence(planned: Planned, history: History) -> None:
    run = planned()
    run_training(run)
    (run.checkpoint_path(4) / RESUME).write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="cannot be read"):
        run_training(run)
    failed = history(run)[-1]
    assert isinstance(failed, Failed)
    assert failed.step == 4
    assert "start a new run from the weights beside it" in failed.error


def tampered(state: dict[str, Any], name: str, value: Any) -> None:
    """Change what a dotted name stands for, in place."""
    *way, last = name.split(".")
    for piece in way:
        state = state[int(piece) if piece.isdigit() else piece]
    state[int(last) if last.isdigit() else last] = value


NAN = torch.tensor(float("nan"))


def test_a_tampered_resume_state_is_a_failure_with_a_sentence(
    planned: Planned, history: History, monkeypatch: Any
) -> None:
    run = planned(schedule={"steps": 2})
    run_training(run)
    whole = load_resume(run.checkpoint_path(2))
    momentum = "optimiser.parts.0.state.0.momentum"
    for name, value in {
        "step": 1, "batch": 0, "precision": "magic", "generator": torch.zeros(3), "network": [],
        "average": {}, "network.head.weight": torch.zeros(3), "network.head.weight ": torch.zeros(1),
        "average.head.weight": whole["average"]["head.weight"] * NAN, "optimiser": {}, "optimiser.parts": [],
        "optimiser.parts.0.state": {0: {}}, "optimiser.parts.0.state.0": 5, momentum: torch.zeros(1),
        f"{momentum} ": NAN,
    }.items():  # fmt: skip
        state = copy.deepcopy(whole)
        if name.startswith(("network.", "average.")):
            section, weight = name.split(".", 1)
            state[section][weight] = value
        else:
            tampered(state, name, value)
        torch.save(state, run.checkpoint_path(2) / RESUME)
        with pytest.raises(ValueError, match="holds no state of this training"):
            run_training(run)
        assert isinstance(history(run)[-1], Failed), name
    torch.save(whole, run.checkpoint_path(2) / RESUME)
    run_training(run)


def test_the_optimisers_settings_are_those_of_the_schedule(planned: Planned) -> None:
    run = planned(schedule={"steps": 2})
    run_training(run)
    (run.path / "config.toml").write_text(run.config_text().replace("steps = 2", "steps = 4"))
    parted = shutil.copytree(run.path, run.path.parent / "tampered")
    state = load_resume(run.checkpoint_path(2))
    for part in state["optimiser"]["parts"]:
        part["param_groups"][0].update(lr=float("nan"), momentum="x", betas=None)
    torch.save(state, parted / "checkpoints/step_00000002" / RESUME)
    for path in (run.path, parted):
        run_training(RunDir(path))
    one, other = (load_resume(path / "checkpoints/step_00000004") for path in (run.path, parted))
    assert all(torch.equal(one["network"][name], other["network"][name]) for name in one["network"])


def test_automatic_precision_stays_what_it_was(planned: Planned, history: History, monkeypatch: Any) -> None:
    from napari_cryorestore.training import fabric_setup

    chosen = []

    def choose(precision: str, device: torch.device) -> tuple[str, str]:
        chosen.append(precision)
        return ("32" if precision == "32" else "bf16"), ""

    monkeypatch.setattr(fabric_setup, "choose_precision", choose)
    run = planned(hardware={"precision": "auto"}, schedule={"steps": 2})
    run_training(run)
    run_training(run)
    assert chosen == ["auto", "bf16"]
    assert messages(history(run), "info")[0] == "Training on cpu in bf16 arithmetic."


# Other weights to start from ------------------------------------------------------------------------


def test_a_warm_start_begins_with_the_weights_of_a_checkpoint(planned: Planned, history: History) -> None:
    first = planned("first")
    run_training(first)
    still = {"steps": 1, "learning_rate": 1e-12}
    warm = planned("warm", from_checkpoint=first.path, schedule=still)
    run_training(warm)
    file = first.checkpoint_path(4) / WEIGHTS  # the newest, whatever is suggested
    assert f"Starting from step 4 of {file}." in messages(history(warm), "info")
    for name, weight in load_checkpoint(first.path).weights.items():
        torch.testing.assert_close(load_checkpoint(warm.path).weights[name], weight, rtol=0, atol=1e-8)


@pytest.mark.usefixtures("every_step")
def test_a_warm_started_run_resumes_without_the_weights_it_started_from(planned: Planned) -> None:
    first = planned("first", schedule={"steps": 1})
    run_training(first)
    warm = planned("warm", from_checkpoint=first.path, schedule={"steps": 2})
    warm.plan = {1: Request.STOP}
    run_training(warm)
    assert warm.checkpoint_steps() == [1]
    (first.checkpoint_path(1) / WEIGHTS).unlink()
    warm.plan = {}
    run_training(warm)
    assert state_of(warm).status() == "completed"


@pytest.mark.parametrize("change", [{"network": {"features": 4}}, {"method": {"input": "wiener+raw"}}])
def test_weights_of_another_network_are_refused(planned: Planned, change: dict[str, Any]) -> None:
    first = planned("first", schedule={"steps": 1})
    run_training(first)
    with pytest.raises(ValueError, match="do not fit this network: they were trained with"):
        planned("second", from_checkpoint=first.path, **change)


def test_the_very_file_of_a_warm_start_is_written_down(planned: Planned) -> None:
    first = planned("first", schedule={"steps": 1})
    run_training(first)
    second = planned("second", from_checkpoint=first.path)
    assert f'from_checkpoint = "{first.checkpoint_path(1) / WEIGHTS}"' in second.config_text()


# Letting go ------------------------------------------------------------------------------------------


def test_snapshots_are_thinned_but_first_last_and_pinned_ones_stay(
    planned: Planned, history: History
) -> None:
    run = planned(schedule={"steps": 9}, snapshots={"every": 1, "kept": 4})
    run.pin(5)
    run_training(run)
    kept = run.checkpoint_steps()
    assert len(kept) == 4
    assert {1, 5, 9} <= set(kept)
    thinned = {step for event in of_kind(history(run), Thinned) for step in event.removed}
    assert thinned | set(kept) == set(range(1, 10))
    for step in range(1, 10):
        assert run.snapshot_path(step).exists() == (step in kept)
    assert sorted(state_of(run).snapshots) == kept


@pytest.mark.usefixtures("every_step")
def test_after_a_resume_older_snapshots_are_thinned_too(planned: Planned) -> None:
    run = planned(schedule={"steps": 6}, snapshots={"every": 1, "kept": 3})
    run.plan = {1: Request.STOP}
    run_training(run)
    run.plan = {}
    run_training(run)
    assert len(run.checkpoint_steps()) == 3
    gaps = [after - before for before, after in pairwise(run.checkpoint_steps())]
    assert max(gaps) <= 4


def test_words_for_an_error() -> None:
    assert "too little memory" in sentence_of(torch.OutOfMemoryError("CUDA out of memory. Tried 3 GiB"))
    assert sentence_of(MemoryError("one sentence")) == "one sentence"
    assert sentence_of(KeyboardInterrupt()) == (
        "Interrupted before it could save a checkpoint: continue the run to go on from its newest one."
    )


def test_first_previews_come_early() -> None:
    assert [step for step in range(1, 101) if is_due(step, every=40)] == [5, 10, 20, 40, 80]
    assert [step for step in range(1, 10) if is_due(step, every=4)] == [4, 8]
