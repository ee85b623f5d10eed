"""How long training takes: counts against the formula written out; only a small crop is computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.gui.train.recipes import Recipes
from napari_cryorestore.hardware import training_threads
from napari_cryorestore.training import time_estimate
from napari_cryorestore.training.time_estimate import estimated_seconds


@pytest.fixture
def recipes(plugins: None) -> Recipes:
    return Recipes()


@pytest.fixture
def one_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a computer do one multiplication or addition a second."""
    monkeypatch.setattr(time_estimate, "_seconds_per_multiplication", lambda *_: 1.0)


def sections(recipes: Recipes, method: str = "noise2noise", **changed: Any) -> dict[str, Any]:
    """Return a recipe with the two convolutions of the wide network, 1 → 2 → 1 channels, 27 weights each."""
    made: dict[str, Any] = recipes.preset("paper", method, "wide")
    made["network"] = made["network"].model_copy(update={"width": 2, "least": 16})
    made["schedule"] = made["schedule"].model_copy(update={"steps": 10, "batch": 3, "crop": 20})
    made["snapshots"] = made["snapshots"].model_copy(update={"every": 0})
    for name, values in changed.items():
        made[name] = made[name].model_copy(update=values)
    return made


PER_VOXEL = 2 * 27 * (2 + 2)


def seconds(chosen: dict[str, Any]) -> float:
    return estimated_seconds(chosen, [(32, 64, 64)], device="cpu")


def test_every_step_goes_there_and_back_through_the_network(recipes: Recipes, one_per_second: None) -> None:
    assert seconds(sections(recipes)) == pytest.approx(10 * 3 * 3 * 20**3 * PER_VOXEL)


def test_a_method_that_calls_its_network_more_often_takes_longer(
    recipes: Recipes, one_per_second: None
) -> None:
    plain, icecream = (seconds(sections(recipes, method)) for method in ("noise2noise", "icecream"))
    assert icecream == pytest.approx(4 * plain)  # both halves, and their rotated selves


def test_previews_count_too(recipes: Recipes, one_per_second: None) -> None:
    with_previews = seconds(sections(recipes, snapshots={"every": 5, "size": (8, 16, 24)}))
    of_both_halves = 2 * (8 + 32) * (16 + 32) * (24 + 32) * PER_VOXEL
    assert with_previews - seconds(sections(recipes)) == pytest.approx((2 + 3) * of_both_halves)


def test_how_fast_it_goes_is_measured_once_on_a_small_crop_and_can_be_cancelled(
    recipes: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = []

    def timed(compute: Any, device: Any) -> float:
        crops.append(compute().shape)
        return 2.0

    with monkeypatch.context() as patch:
        patch.setattr(time_estimate, "_seconds", timed)
        patch.setattr(time_estimate, "_MEASURED", {})
        chosen = sections(recipes)
        slow = seconds(chosen)
        assert crops == [(1, 1, 32, 32, 32)]  # not again, as it takes long
        share = torch.get_num_threads() / training_threads()
        assert slow == pytest.approx(2.0 * share * 10 * 3 * 3 * 20**3 / 32**3)
        seconds(sections(recipes, schedule={"steps": 7, "batch": 1, "crop": 24}))
        assert len(crops) == 1
    monkeypatch.setattr(time_estimate, "_MEASURED", {})
    with pytest.raises(Cancelled):
        estimated_seconds(chosen, [(32, 64, 64)], device="cpu", cancelled=lambda: True)
    assert estimated_seconds(chosen, [(32, 64, 64)], device="cpu") > 0


def test_a_device_that_is_not_there_is_refused(recipes: Recipes) -> None:
    with pytest.raises(ValueError, match="there is no device"):
        estimated_seconds(sections(recipes), [(32, 64, 64)], device="cuda:99")
