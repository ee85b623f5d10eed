"""What cannot run on the data chosen is greyed, with the reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.examined_data import DataLook, ExaminedData
from napari_cryorestore.gui.named_volume import NamedVolume
from napari_cryorestore.gui.train.model import TrainModel
from napari_cryorestore.gui.train.more_tomograms import AdditionalTomogram
from napari_cryorestore.gui.train.recipes import Recipes
from napari_cryorestore.gui.train.suitability import refusals_in_words
from napari_cryorestore.methods import METHODS
from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.plugin_table import Extra


def volume(name, shape=(32, 40, 48)):
    return NamedVolume(name, np.zeros(shape, np.float32), voxel_size=8.0)


@pytest.fixture
def model(species, plugins, monkeypatch):
    """A model with two halves whose tilt range is unknown, and every species of method."""
    known = TrainModel.examination.fget
    seen = property(lambda self: ExaminedData() if self.look is not None else known(self))
    monkeypatch.setattr(TrainModel, "examination", seen)
    made = TrainModel()
    made.use_recipes(Recipes())
    made.choose_data(DataChoice(volume("TS01_even"), volume("TS01_odd")))
    return made


def refused(model, section="method"):
    return {name: refusal.sentence for name, refusal in model.refused()[section].items()}


def test_before_anything_is_known_nothing_is_refused():
    assert TrainModel().refused() == {"method": {}, "network": {}}
    made = TrainModel()
    made.use_recipes(Recipes())
    assert made.refused()["method"] == {}


def test_one_map_leaves_the_methods_that_take_one(model):
    model.choose_data(replace(model.choice, odd=None))
    found = refused(model)
    assert found["noise2noise"] == "Noise2Noise needs both half maps of TS01: choose half 2."
    assert found["parts"] == "Parts needs two or more maps of TS01: choose half 2."
    assert "one_map" not in found
    model.choose_data(replace(model.choice, odd=volume("TS01_odd")))
    assert "noise2noise" not in refused(model)


def test_an_unknown_tilt_range_is_a_reason_once_somebody_has_looked(model):
    assert "icecream" not in refused(model)
    model.take_look(model.choice, DataLook())
    assert refused(model)["icecream"] == (
        "ICECREAM needs the tilt range of TS01: type its lowest and highest tilt angle."
    )
    assert "noise2noise" not in refused(model)


def test_what_is_not_installed_says_how_it_comes_here(model, monkeypatch):
    extra = Extra("no_such_package", "swin")
    monkeypatch.setattr(METHODS["slices"], "extra", extra)
    monkeypatch.setitem(NETWORKS, "wide", replace(NETWORKS["wide"], extra=extra))
    model.use_recipes(Recipes())
    words = "needs the package no_such_package: install it by pip install 'napari-cryorestore[swin]'."
    assert refused(model)["slices"] == f"Slices {words}"
    assert refused(model, "network")["wide"] == f"Wide network {words}"


def test_networks_that_do_not_fit_the_method_or_the_tomogram_are_refused(model):
    assert refused(model, "network") == {
        "wide": "Wide network needs 36 voxels along every axis, but TS01 has 32 along z: "
        "choose another one, or a larger tomogram.",
        "swinunetr": "SwinUNETR needs 64 voxels along every axis, but TS01 has 32 along z: "
        "choose another one, or a larger tomogram.",
        "interpolation": "Noise2Noise does not work with the network Interpolation: choose another one.",
    }
    model.choose_method("slices")
    found = model.refused()["network"]
    assert found["unet"].why == "not with Slices"
    assert "choose flat" in found["unet"].sentence
    assert "flat" not in found


def test_a_method_that_cuts_more_than_there_is_is_refused(model, monkeypatch):
    monkeypatch.setattr(METHODS["slices"], "cut_size", lambda self, crop: 2 * crop + 1)
    assert refused(model)["slices"].startswith("Slices needs 33 voxels along every axis, but TS01 has 32")
    monkeypatch.setattr(METHODS["slices"], "cut_size", lambda self, crop: 2 * crop)
    assert "slices" not in refused(model)


def test_every_tomogram_that_is_learned_from_counts(model):
    model.add([AdditionalTomogram("TS02", DataChoice(volume("TS02_even")))])
    assert refused(model)["noise2noise"] == "Noise2Noise needs both half maps of TS02: choose half 2."


def test_those_with_one_reason_are_named_together(model):
    model.take_look(model.choice, DataLook())
    words = refusals_in_words(model.refused()["method"], model.recipes.methods)
    assert "ICECREAM, " in words
    assert words.endswith(" (the tilt range is unknown).")
    assert words.count("the tilt range is unknown") == 1
    assert refusals_in_words({}, model.recipes.methods) == ""


def test_the_form_greys_what_cannot_run_and_ungreys_it_when_the_data_change(bench, species):
    viewer = ViewerModel()
    bench.add(viewer, "cell_even", bench.half(2))
    panel = bench.open(viewer)
    method = panel.recipe.method

    def enabled(name):
        return method.combo.model().item(method.combo.findData(name)).isEnabled()

    assert not enabled("noise2noise")
    row = method.combo.findData("noise2noise")
    tip = method.combo.itemData(row, Qt.ItemDataRole.ToolTipRole)
    assert tip == "Noise2Noise needs both half maps of cell: choose half 2."
    assert "half 2 is missing" in method.refused.text()
    bench.add(viewer, "cell_odd", bench.half(3))
    bench.settle(panel)
    assert enabled("noise2noise")
    assert method.combo.itemData(row, Qt.ItemDataRole.ToolTipRole) is None
    assert not enabled("icecream")
    for field, angle in ((panel.data.tilt_min, "-60"), (panel.data.tilt_max, "60")):
        field.setText(angle)
        field.textEdited.emit(angle)
    bench.settle(panel)
    assert enabled("icecream")
    assert method.refused.text() == ""


def test_half_2_that_was_taken_away_stays_away_until_other_data_are_chosen(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    panel.data.odd.setCurrentIndex(0)
    panel.data.odd.activated.emit(0)
    bench.add(viewer, "another", bench.half(4))
    bench.settle(panel)
    assert (panel.data.even.currentText(), panel.data.odd.currentText()) == ("cell_even", "none")
    for name in ("another", "cell_even"):
        panel.data.even.setCurrentIndex(panel.data.even.findText(name))
        panel.data.even.activated.emit(panel.data.even.currentIndex())
    assert panel.data.odd.currentText() == "cell_odd"
    bench.settle(panel)
