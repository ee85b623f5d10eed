from __future__ import annotations

import pytest

from napari_cryorestore.gui.train.model import TrainModel
from napari_cryorestore.gui.train.recipes import SECTIONS, Recipes


@pytest.fixture(scope="module")
def recipes() -> Recipes:
    return Recipes()


@pytest.fixture
def model(recipes: Recipes) -> TrainModel:
    made = TrainModel()
    made.use_recipes(recipes)
    return made


def test_methods_say_what_they_do_and_need(recipes):
    assert "wiener" not in recipes.methods  # nothing to train
    assert recipes.methods["noise2noise"].sentence.endswith("Needs both half maps.")
    assert recipes.methods["icecream"].sentence.endswith("Needs both half maps and the tilt range.")
    assert recipes.networks["unet"].title == "U-Net"


def test_every_preset_of_every_method_fills_every_section(recipes):
    for method in recipes.methods:
        for preset in recipes.presets(method, "unet"):
            made = recipes.preset(preset, method)
            assert set(made) == set(SECTIONS) - {"hardware"}
            assert made["method"].kind == method


def test_sentences_about_a_tomogram_go_to_their_fields(recipes):
    assert recipes.tomogram_problems({"even": "a.mrc", "voxel_size": "8"}) == {}
    found = recipes.tomogram_problems({"even": "a.mrc", "voxel_size": "x", "tilt_min": -100, "tilt_max": 1})
    assert found["voxel_size"] == "Should be a valid number (given: x)"
    assert found[""] == "The tilt range -100…1° goes beyond ±90°: give the lowest and the highest tilt angle"


def test_starting_from_a_checkpoint_takes_its_network(model, monkeypatch, tmp_path):
    network = model.sections["network"].model_copy(update={"features": 16})
    method = model.sections["method"].model_copy(update={"input": "raw"})
    monkeypatch.setattr(Recipes, "checkpoint", lambda self, path: (method, network))
    model.start_from(tmp_path)
    assert model.from_checkpoint == tmp_path
    assert model.sections["network"].features == 16
    assert model.sections["method"].input == "raw"


def test_a_folder_without_checkpoint_is_refused(model, tmp_path):
    with pytest.raises((ValueError, OSError), match=r"checkpoint|weights"):
        model.start_from(tmp_path)
    assert model.from_checkpoint is None
