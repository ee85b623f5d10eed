"""What training will take is said before it starts, and anew when something changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryorestore.background import Background
from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.devices import Device
from napari_cryorestore.gui.named_volume import NamedVolume
from napari_cryorestore.gui.train.model import TrainModel
from napari_cryorestore.gui.train.recipes import Recipes
from napari_cryorestore.gui.train.work_estimate import WorkEstimate, WorkEstimator

CPU = Device("cpu", "CPU", free=10**12)


@pytest.fixture
def model(monkeypatch):
    seconds = lambda sections, shapes, **_: 0.1 * sections["schedule"].steps  # noqa: E731
    monkeypatch.setattr("napari_cryorestore.training.time_estimate.estimated_seconds", seconds)
    made = TrainModel()
    made.use_recipes(Recipes())
    made.choose_preset("quick-look")
    volume = NamedVolume("TS01", np.zeros((40, 40, 48), np.float32), voxel_size=8.0)
    made.choose_data(DataChoice(volume))
    return made


def settled(background):
    while background.busy():
        background.poll()


def test_words_say_what_is_known_and_that_it_is_estimated():
    assert WorkEstimate().words() == ""
    known = WorkEstimate(crop=32, memory=2.14e9, free=8e9, seconds=240.0)
    assert known.words() == "Estimated: crops of 32³, 2.1 GB, about 4 min on this computer."
    assert known.memory_words() == "Training takes about 2.1 GB."
    early = replace(known, may_end=True)
    assert early.words().endswith("at most about 4 min on this computer.")
    tight = replace(known, free=1e9)
    assert (known.does_not_fit, tight.does_not_fit) == (False, True)
    assert "but only 1.0 GB are free" in tight.memory_words()


def test_it_is_estimated_once_for_the_same_choices_and_anew_for_others(model):
    said, background = [], Background()
    estimator = WorkEstimator(model, background, say=said.append)
    estimator.estimate(CPU)
    settled(background)
    assert (said[-1].crop, said[-1].seconds, said[-1].may_end) == (32, 30.0, True)
    assert said[-1].memory > 0
    count = len(said)
    estimator.estimate(CPU)
    assert (background.busy(), len(said)) == (False, count)
    schedule = model.sections["schedule"]
    model.put("schedule", schedule.model_copy(update={"crop": None, "steps": 10, "end": "steps"}))
    estimator.estimate(CPU)
    settled(background)
    assert (said[-1].crop, said[-1].seconds, said[-1].may_end) == (24, 1.0, False)  # ¾ of 40, a multiple of 8


def test_what_nobody_waits_for_any_more_is_ended(model, monkeypatch):
    tells = []
    monkeypatch.setattr(
        "napari_cryorestore.training.time_estimate.estimated_seconds",
        lambda *_, cancelled, **__: tells.append(cancelled) or 1.0,
    )
    background = Background()
    estimator = WorkEstimator(model, background, say=lambda known: None)
    estimator.estimate(CPU)
    settled(background)
    model.put("schedule", model.sections["schedule"].model_copy(update={"steps": 10}))
    estimator.estimate(CPU)
    settled(background)
    assert [cancelled() for cancelled in tells] == [True, False]
    estimator.cancel()
    assert tells[1]()


def test_what_cannot_be_estimated_is_left_out(model, monkeypatch):
    def fail(*_, **__):
        raise ValueError("there is no device 'cuda' here")

    monkeypatch.setattr("napari_cryorestore.training.time_estimate.estimated_seconds", fail)
    said, background = [], Background()
    WorkEstimator(model, background, say=said.append).estimate(CPU)
    settled(background)
    assert said[-1].seconds is None
    assert "min" not in said[-1].words()


def test_the_panel_says_it_beside_start_with_the_rule_of_the_network(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    assert panel.recipe.network.rule.text() == (
        "Takes crops of 16 voxels or more along every edge; multiples of 8 suit it best."
    )
    words = panel.bar.expected.text()
    assert words.startswith("Estimated: crops of 24³, ")
    assert words.endswith("at most about 4 min on this computer.")
    training = bench.start(panel)
    training.step(1)
    bench.shows(panel, "1/300")
    assert not panel.bar.expected.isVisibleTo(panel.bar)  # from now on the run says it
    training.stop()
    bench.qtbot.waitUntil(lambda: panel.bar.expected.isVisibleTo(panel.bar))
