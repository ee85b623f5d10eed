"""A run that learns from binned maps, from its recipe to what is restored, added back and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_cryorestore.chain import create_chained_run
from napari_cryorestore.checkpoint import load_label
from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.sources import Sources
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.physics.fourier_crop import enlarged_planes, fourier_cropped
from napari_cryorestore.restoration import restore
from napari_cryorestore.restore_config import ModelRef
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.complete_config import complete_config
from napari_cryorestore.training.launch import create_run, recipe_of, run_training
from napari_cryorestore.training.preparation import prepare

from ..restoring import restoration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.findings import Finding
    from napari_cryorestore.run_config import RunConfig

SHAPE = (47, 80, 72)
Pair = tuple["Path", "Path"]


@pytest.fixture(scope="module")
def large(make_pair: Callable[..., Pair]) -> Pair:
    return make_pair(SHAPE)


@pytest.fixture
def config(recipe: Callable[..., RunConfig], large: Pair) -> RunConfig:
    tomogram = {"even": large[0], "odd": large[1], "tilt_min": -60, "tilt_max": 60}
    return recipe(tomograms=[tomogram], schedule={"binning": 2})


def request(run: Path, pair: Pair, output: Path, **more: Any) -> Any:
    settings = {"device": "cpu", "precision": "32", "threads": 1, **more}
    return restoration(run, pair[0], output, pair[1], **settings)


def test_a_run_learns_and_restores_binned_voxels(config: RunConfig, large: Pair, tmp_path: Path) -> None:
    told: list[Finding] = []
    full = complete_config(config, tell=told.append)
    assert "learns from voxels of 20 Å instead of 10 Å" in " ".join(finding.sentence for finding in told)
    assert full.tomograms[0].recording.voxel_size == 10
    assert full.snapshots.position is not None
    assert all(at < size for at, size in zip(full.snapshots.position, (24, 40, 36), strict=True))
    run = create_run(config, tmp_path / "run")
    run_training(run)
    learned = load_label(run.path).trained_on
    assert (learned.recording.voxel_size, learned.binning) == (20.0, 2)
    assert RunDir(run.path).read_input().shape == full.snapshots.size

    chained = create_chained_run(recipe_of(run), tmp_path / "chained", by=ModelRef(weights=run.path))
    behind = recipe_of(chained)
    assert behind.restored_by is not None
    assert open_volume(behind.restored_by.maps[0][0]).data.shape == (24, 40, 36)
    assert behind.snapshots.position == full.snapshots.position
    learned_from = prepare(behind, torch.device("cpu"), say=lambda words: None).volumes[0]
    assert learned_from.maps[0].shape == (24, 40, 36)

    found: list[Finding] = []
    made = open_volume(restore(request(run.path, large, tmp_path / "binned.mrc"), found=found.append))
    assert (made.data.shape, made.voxel_size) == ((24, 40, 36), 20.0)
    assert any("binned by 2" in label for label in made.labels)
    assert [finding.severity for finding in found if finding.topic in ("binning", "voxel size")] == ["note"]

    asked = request(run.path, large, tmp_path / "back.mrc").model_copy(update={"add_back": True})
    found.clear()
    back = open_volume(restore(asked, found=found.append))
    assert (back.data.shape, back.voxel_size) == (SHAPE, 10.0)
    assert "detail finer than 40 Å is that of the raw tomogram" in " ".join(one.sentence for one in found)
    assert any("noise included" in label for label in back.labels)
    raw = sum(np.asarray(open_volume(path).data) for path in large) / 2
    change = np.asarray(made.data) - fourier_cropped(raw, 2)
    for planes, coarse in enlarged_planes(change, 2, SHAPE):
        np.testing.assert_allclose(back.data[planes], raw[planes] + coarse, atol=1e-4)

    sources = Sources(DeviceConfig(device="cpu", threads=1))
    row = RowConfig(name="r", kind="run", path=run.path)
    assert sources.voxel_size_of(row) == (20.0, 20.0, 20.0)
    shown = sources.open_row(row, region=128)
    np.testing.assert_allclose(shown.data, made.data, atol=1e-4)
    live = sources.open_row(RowConfig(name="l", kind="live", path=run.path))
    assert live.voxel_size == (20.0, 20.0, 20.0)


def test_nothing_is_added_back_to_what_was_not_binned(
    recipe: Callable[..., RunConfig], pair: Pair, tmp_path: Path
) -> None:
    run = create_run(recipe(schedule={"steps": 1}), tmp_path / "run")
    run_training(run)
    asked = request(run.path, pair, tmp_path / "back.mrc").model_copy(update={"add_back": True})
    with pytest.raises(ValueError, match="nothing to add back to"):
        restore(asked)


def test_a_tomogram_that_is_too_thin_when_binned_is_refused(config: RunConfig) -> None:
    thin = config.model_copy(update={"schedule": config.schedule.model_copy(update={"binning": 4})})
    with pytest.raises(ValueError, match=r"12 voxels thin .* when binned by 4, .* bin it less"):
        complete_config(thin)


@pytest.mark.parametrize("mask", ["slab", "automatic"])
def test_crops_of_binned_maps_lie_in_a_mask(config: RunConfig, mask: Any) -> None:
    schedule = config.schedule.model_copy(update={"mask": mask})
    full = complete_config(config.model_copy(update={"schedule": schedule}))
    (volume,) = prepare(full, torch.device("cpu"), say=lambda sentence: None).volumes
    assert tuple(volume.maps[0].shape) == (24, 40, 36)
    assert int((volume.corners.max(0).values + 16).max()) <= 40
