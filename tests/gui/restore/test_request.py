from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.gui.named_volume import NamedVolume, volume_from
from napari_cryorestore.gui.restore.model import RestoreModel
from napari_cryorestore.runs.run_dir import RunDir


def test_nothing_chosen_is_reported(restorer) -> None:
    with pytest.raises(ValueError, match="Choose half 1 among the layers, or add files"):
        RestoreModel(restorer.engine).start()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"odd": None}, "needs both halves, but “TS01” has one"),
        ({"odd": NamedVolume("odd", np.zeros((6, 8, 9)), None, 7.5)}, "Half 2 has 6×8×9 voxels"),
        ({"voxel_size": "eight"}, "“eight”, but a positive number"),
        ({"voxel_size": "-8"}, "a positive number"),
        ({"tilt_min": "-60"}, "the lowest and the highest"),
        ({"tilt_min": "a", "tilt_max": "60"}, "the lowest and the highest"),
        ({"tilt_min": "60", "tilt_max": "-60"}, "60…-60° is reversed"),
        ({"saves": False, "shows": False}, "a file, a layer, or both"),
        ({"model": ModelChoice()}, "Choose a model"),
        ({"invalid": "tile: Should be greater than 0"}, "tile: Should be greater than 0"),
        ({"model": ModelChoice(weights=Path("/gone"))}, "/gone no longer exists"),
        ({"model": ModelChoice(Path("/gone"), 5)}, "no longer exists"),
    ],
)
def test_what_cannot_work_is_reported_before_it_starts(
    model: RestoreModel, changes: dict, sentence: str
) -> None:
    assert model.problem() == ""
    model.request = replace(model.request, **changes)
    with pytest.raises(ValueError, match=sentence):
        model.start()
    assert model.restoration is None


def test_a_missing_voxel_size_is_reported_unless_the_run_knows_it(
    model: RestoreModel, run: Path, pair: tuple[Path, Path]
) -> None:
    sizeless = [replace(volume_from(path), voxel_size=None) for path in pair]
    model.request = replace(model.request, even=sizeless[0], odd=sizeless[1])
    assert "voxel size" in model.problem()
    model.choose(ModelChoice(run))
    assert model.problem() == ""
    model.choose(ModelChoice(method="wiener"))
    model.request = replace(model.request, voxel_size="8")
    assert model.problem() == ""


def test_one_file_is_not_for_several_tomograms(model: RestoreModel, tmp_path: Path) -> None:
    model.request = replace(model.request, output=str(tmp_path / "a.MRC"))
    assert model.problem() == ""
    model.add([model.request.tomogram, model.request.tomogram])
    assert model.problem() == "One file cannot hold 2 tomograms: choose a folder for them."


def test_a_run_without_checkpoints_is_reported(model: RestoreModel, tmp_path: Path) -> None:
    model.choose(ModelChoice(RunDir.create(tmp_path / "young", config="", environment={}).path))
    assert model.problem() == "young has no checkpoint yet: wait for the first one."
