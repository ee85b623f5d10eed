"""Tests of the recipes on offer."""

from __future__ import annotations

from typing import Any

import pytest

from napari_cryorestore.methods import METHODS
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.presets import PRESETS, merged, network_for, preset, presets_of
from napari_cryorestore.run_config import RunConfig

HALVES = {"tomograms": [{"even": "/e.mrc", "odd": "/o.mrc"}]}
TRAINABLE = [name for name, method in METHODS.items() if method.trainable]


@pytest.mark.parametrize("method", TRAINABLE)
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_run_of_every_method(name: str, method: str) -> None:
    config = RunConfig.model_validate(merged(preset(name, method), HALVES))
    assert config.method.kind == method
    assert config.schedule.steps > config.snapshots.every > 0


def test_the_users_changes_lie_on_top() -> None:
    changes: dict[str, Any] = {"schedule": {"steps": 7}, "method": {"passes": 1}}
    config = RunConfig.model_validate(merged(preset("standard", "icecream"), HALVES, changes))
    assert config.schedule.steps == 7
    assert isinstance(config.method, IcecreamConfig)
    assert config.method.passes == 1
    assert config.method.input == "wiener+raw"  # what the preset says stays


def test_the_papers_recipe_is_the_papers() -> None:
    config = RunConfig.model_validate(merged(preset("paper", "icecream"), HALVES))
    schedule = config.schedule
    assert (schedule.steps, schedule.batch, schedule.crop, schedule.learning_rate) == (50_000, 8, 72, 1e-4)
    assert (schedule.optimiser, schedule.decay, schedule.ema) == ("adam", "constant", 0.0)
    assert config.method == IcecreamConfig()
    assert schedule.end == "steps"


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("method", [name for name in TRAINABLE if METHODS[name].networks is None])
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_run_with_every_network(name: str, method: str) -> None:
    config = RunConfig.model_validate(merged(preset(name, method, "wide"), HALVES))
    assert config.network.kind == "wide"
    assert config.network.model_dump()["width"] == (2 if name == "quick-look" else 3)
    usual = RunConfig.model_validate(merged(preset(name, method), HALVES))
    assert config.method == usual.method
    # 40 is the least multiple of 10 that the network takes
    assert config.schedule == usual.schedule.model_copy(update={"crop": 40} if name == "quick-look" else {})


@pytest.mark.usefixtures("plugins")
def test_a_method_and_a_network_bring_presets_of_their_own() -> None:
    assert presets_of("icecream", "unet") == PRESETS
    assert presets_of("picky", "wide") == (*PRESETS, "membranes", "roomy")
    config = RunConfig.model_validate(merged(preset("membranes", "picky"), HALVES))
    assert (config.method.model_dump()["loss"], config.schedule.steps, config.schedule.batch) == (
        "fsc",
        70,
        4,
    )
    assert preset("roomy", "picky")["schedule"] == {"crop": 80}
    with pytest.raises(ValueError, match=r"no preset 'membranes'; known: .*roomy"):
        preset("membranes", "icecream", "wide")


@pytest.mark.usefixtures("plugins")
def test_a_method_chooses_a_network_that_fits() -> None:
    assert network_for("picky") == preset("quick-look", "picky")["network"]["kind"] == "wide"
    assert network_for("icecream") == "unet"
    with pytest.raises(ValueError, match="Picky does not work with the network U-Net: choose wide"):
        RunConfig.model_validate(merged(preset("standard", "picky", "unet"), HALVES))


@pytest.mark.usefixtures("plugins")
def test_a_crop_that_the_network_does_not_take_is_refused() -> None:
    typed: dict[str, Any] = {"schedule": {"crop": 35}}
    with pytest.raises(
        ValueError, match=r"crop of 35 voxels is too small for this Wide network: choose one of at least 36"
    ):
        RunConfig.model_validate(merged(preset("standard", "picky"), HALVES, typed))
    typed = {"schedule": {"crop": 35}, "network": {"least": 35}}
    assert RunConfig.model_validate(merged(preset("standard", "picky"), HALVES, typed)).schedule.crop == 35


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known: " + ", ".join(PRESETS)):
        preset("best", "icecream")


def test_merging_changes_nothing_that_it_is_given() -> None:
    under, over = {"a": {"x": 1, "y": [1]}, "b": 1}, {"a": {"x": 2}, "b": {"z": 3}}
    assert merged(under, over) == {"a": {"x": 2, "y": [1]}, "b": {"z": 3}}
    assert under == {"a": {"x": 1, "y": [1]}, "b": 1}
    assert merged(preset("quick-look", "icecream")) == preset("quick-look", "icecream")
