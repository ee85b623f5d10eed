"""Averaging over flips, from the run's settings to the box in the panel and the time left."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_cryorestore.gui.live_runs import runs_of
from napari_cryorestore.gui.model_choice import ModelChoice, averages_flips
from napari_cryorestore.gui.restore.flips import FLIPS, takes_flips
from napari_cryorestore.physics.rotation import averaging
from napari_cryorestore.physics.wedge import Wedge

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_cryorestore.gui.restore import RestorePanel
    from napari_cryorestore.gui.restore.model import RestoreModel


@pytest.fixture
def flipping(run: Path) -> Path:
    """The run, of a method that can average over flips but was not told to."""
    return says(run, "average_flips = false")


def says(run: Path, line: str) -> Path:
    config = run / "config.toml"
    config.write_text(config.read_text() + line + "\n")
    return run


@pytest.mark.parametrize("tilts", [(-60.0, 60.0), (-57.0, 63.0), (-60.0, 40.0)])
@pytest.mark.parametrize("axis", ["y", "x"])
def test_the_flips_are_as_many_as_are_restored(tilts: tuple[float, float], axis: str) -> None:
    assert len(averaging(Wedge(*tilts, axis))) == FLIPS


def test_a_model_tells_whether_it_can_average(run: Path, tmp_path: Path) -> None:
    assert averages_flips(ModelChoice()) is None
    assert averages_flips(ModelChoice(run)) is None
    assert averages_flips(ModelChoice(says(run, "average_flips = true"))) is True
    about = {"method": json.dumps({"kind": "icecream", "average_flips": False})}
    save_file({"a": np.zeros(1)}, tmp_path / "weights.safetensors", metadata=about)
    assert averages_flips(ModelChoice(weights=tmp_path)) is False
    assert averages_flips(ModelChoice(weights=tmp_path / "weights.safetensors")) is False
    (tmp_path / "other.safetensors").write_bytes(b"no weights")
    assert averages_flips(ModelChoice(weights=tmp_path / "other.safetensors")) is None


def test_a_wish_counts_only_where_the_method_can(flipping: Path, tmp_path: Path) -> None:
    can = ModelChoice(flipping)
    assert [takes_flips(wish, can) for wish in (None, True, False)] == [False, True, False]
    assert not takes_flips(True, ModelChoice())


def test_the_box_is_there_for_models_that_can(viewer: ViewerModel, panel: RestorePanel, flipping) -> None:
    assert not panel.choice.flips.isVisibleTo(panel)
    runs_of(viewer).use_step.emit(flipping, 600)
    assert panel.choice.flips.isVisibleTo(panel)
    assert panel.choice.flips.text() == "average over 4 flips"
    assert "4 times the work" in panel.choice.flips_line.text()
    assert not panel.choice.flips.isChecked()

    panel.choice.flips.click()
    assert panel.model.wishes.average_flips is True
    assert panel.choice.flips.isChecked()

    panel.model.choose(ModelChoice())
    panel._show()
    assert not panel.choice.flips.isVisibleTo(panel)
    assert panel.choice.flips_line.text() == ""


def test_what_was_trained_so_is_shown_so(viewer: ViewerModel, panel: RestorePanel, run: Path) -> None:
    runs_of(viewer).use_step.emit(says(run, "average_flips = true"), 600)
    assert panel.choice.flips.isChecked()
    assert panel.model.wishes.average_flips is None
    panel.choice.flips.click()
    assert panel.model.wishes.average_flips is False


def test_it_is_asked_for_and_told_by_the_result(model: RestoreModel, restorer, flipping: Path) -> None:
    model.choose(ModelChoice(flipping))
    model.wishes = replace(model.wishes, average_flips=True)
    model.start()
    assert model.restoration.join(300)
    (entry,) = model.entries
    assert restorer.seen[0]["average_flips"] is True
    assert entry.title == "TS01 · ICECREAM @ 400, flips averaged"
    assert entry.output.name == "TS01_ICECREAM_400_flips_averaged.mrc"
