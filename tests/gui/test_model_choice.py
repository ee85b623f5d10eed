from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.gui.model_choice import (
    ModelChoice,
    RunSteps,
    loaded_method,
    loss_of,
    method_name_of,
)
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path


def test_steps_are_called_by_what_is_known_of_them(run: Path) -> None:
    steps = RunSteps(run)
    steps.refresh()
    marked = {200: "200 · pinned", 400: "400 · suggested", 600: "600 · newest"}
    assert steps.words() == {300: "300", 500: "500", **marked}
    assert steps.chosen().step == 400
    assert steps.chosen("newest").step == 600
    assert steps.chosen(450) is None


def test_without_numbers_the_newest_step_is_best(tmp_path: Path) -> None:
    made = RunDir.create(tmp_path / "run", config="", environment={})
    assert RunSteps(made.path).chosen() is None
    made.write_checkpoint(5, lambda folder: None)
    assert RunSteps(made.path).chosen().step == 5
    assert RunSteps(made.path).words() == {5: "5 · newest"}


def test_a_suggested_step_that_was_thinned_is_not_taken(run: Path) -> None:
    RunDir(run).remove_step(400)
    steps = RunSteps(run)
    steps.refresh()
    assert steps.chosen().step in (300, 500)


def test_a_run_tells_what_it_learned_from(run: Path, pair: tuple[Path, Path]) -> None:
    (known,) = RunDir(run).recipe().tomograms
    assert (known.even, known.odd) == pair
    assert known.recording == Recording(voxel_size=7.5, tilt_range=(-57, 63), tilt_axis="x")
    assert method_name_of(run) == "icecream"


def test_a_run_without_a_configuration_tells_nothing(tmp_path: Path) -> None:
    assert RunDir(tmp_path).recipe().tomograms == []
    assert method_name_of(tmp_path) == ""


@pytest.mark.parametrize(
    "config",
    ["= no TOML", "method = 5\ntomograms = 7", "tomograms = [7]\n[method]", "[[tomograms]]\neven = 5\n",
     "a = " + "[" * 9999],
)  # fmt: skip
def test_a_damaged_configuration_tells_nothing(tmp_path: Path, config: str) -> None:
    made = RunDir.create(tmp_path / "run", config=config, environment={})
    assert made.recipe().tomograms == []
    assert method_name_of(made.path) == loss_of(made.path) == ""
    assert loaded_method(ModelChoice(made.path)) is None


def test_what_is_not_a_number_is_left_out(tmp_path: Path) -> None:
    config = "[[tomograms]]\neven = 'e'\nodd = 5\nvoxel_size = 'x'\ntilt_min = []\ntilt_max = 60\n"
    made = RunDir.create(tmp_path / "run", config=config, environment={})
    (known,) = made.recipe().tomograms
    assert (known.odd, known.recording) == (None, Recording())


def test_a_choice_names_its_weights(tmp_path: Path) -> None:
    assert ModelChoice().path is None
    assert ModelChoice(weights=tmp_path / "w").path == tmp_path / "w"
    assert ModelChoice(tmp_path).path == tmp_path
    assert ModelChoice(method="wiener").to_plain() == {"weights": None, "method": "wiener"}
    assert ModelChoice(tmp_path, 7).path == tmp_path / "checkpoints" / "step_00000007"
