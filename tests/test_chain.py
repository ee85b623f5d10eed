"""A run that learns from what another one restored: where that lies, what judges it, what it restores."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_cryorestore.chain import Talk, create_chained_run
from napari_cryorestore.checkpoint import load_checkpoint, load_label
from napari_cryorestore.cli.main import main
from napari_cryorestore.comparison.region import Region, RegionRestorer
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.io.tomogram import open_configured, open_tomogram
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.metrics.heldout import held_out_metrics
from napari_cryorestore.restoration import restore
from napari_cryorestore.restore_config import ModelRef, RestoreConfig
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.complete_config import complete_config
from napari_cryorestore.training.launch import create_run, recipe_of
from napari_cryorestore.training.preparation import prepare
from napari_cryorestore.training.preview import Preview
from napari_cryorestore.training.restored_maps import scales_in_training

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")
SMALL = ["--preset", "quick-look", "--schedule.crop", "16", "--schedule.batch", "2", "--schedule.steps", "4"]
SMALL += ["--snapshots.every", "4", "--network.features", "2", "--network.levels", "2", "--quiet"]
SMALL += ["--hardware.device", "cpu", "--hardware.precision", "32", "--hardware.threads", "1"]
BLOCK = ["--snapshots.held-out", "manual", "--snapshots.position", "24", "16", "16"]
BLOCK += ["--snapshots.size", "12", "14", "16"]


@pytest.fixture(scope="module")
def first(tiny_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """Return a run that removes noise."""
    path = tmp_path_factory.mktemp("chain") / "first"
    halves = ["--even", str(tiny_pair[0]), "--odd", str(tiny_pair[1]), "--tilt-range", "-60", "60"]
    words = ["train", "--method", "noise2noise", "--method.input", "raw", *halves, *SMALL, *BLOCK]
    assert main([*words, "--schedule.steps", "40", "--snapshots.every", "40", "--run", str(path)]) == 0
    return RunDir.open(path)


@pytest.fixture(scope="module")
def second(first: RunDir) -> RunDir:
    """Return a run that fills the wedge of what the first one restored; the first one is gone by now."""
    path = first.path.with_name("second")
    words = ["train", "--method", "isonet", "--restored-by", f"{first.path}@40", *SMALL]
    assert main([*words, "--run", str(path)]) == 0
    shutil.copytree(first.path, first.path.with_name("kept"))
    shutil.rmtree(first.path)
    return RunDir.open(path)


@pytest.fixture
def kept(second: RunDir) -> RunDir:
    """Return a copy of the first run."""
    return RunDir.open(second.path.with_name("kept"))


def chained(run: RunDir, method: str = "isonet", **changes: Any) -> RunConfig:
    """Return a recipe for a run behind another one."""
    recipe = recipe_of(run).model_dump()
    return RunConfig.model_validate({**recipe, "method": {"kind": method}, **changes})


def restored_file(run: RunDir, output: Path, **changes: Any) -> Any:
    item = recipe_of(run).tomograms[0]
    model = ModelRef(weights=run.path, step="newest")
    hardware = {"device": "cpu", "threads": 1}
    restore(RestoreConfig(model=model, tomogram=item, output=output, hardware=hardware, **changes))
    return open_volume(output)


def test_both_runs_stand_in_the_recipe_and_the_checkpoint(second: RunDir, kept: RunDir) -> None:
    ours, theirs = recipe_of(second), recipe_of(kept)
    assert ours.tomograms[0].maps == theirs.tomograms[0].maps  # the raw halves
    assert (ours.snapshots.position, ours.snapshots.size) == ((24, 16, 16), (12, 14, 16))
    chain = ours.restored_by
    assert chain is not None
    assert (chain.model, chain.run) == ("Noise2Noise @ step 40", second.path.with_name("first"))
    assert all(file.parent == second.path / "inputs" for file in chain.maps[0])
    label = load_label(second.path).restored_by
    assert label is not None
    assert label.model == chain.model
    for name, weight in load_checkpoint(kept.path).weights.items():
        assert torch.equal(weight, load_checkpoint(second.path / label.weights).weights[name])  # type: ignore[operator]


def test_each_half_was_restored_by_itself(second: RunDir, kept: RunDir, tmp_path: Path) -> None:
    halves = [open_volume(path) for path in recipe_of(second).restored_by.maps[0]]  # type: ignore[union-attr]
    assert [half.labels[3] for half in halves] == ["half 1 alone", "half 2 alone"]
    mean = restored_file(kept, tmp_path / "mean.mrc").data
    np.testing.assert_allclose((halves[0].data + halves[1].data) / 2, mean, rtol=0, atol=1e-5 * mean.std())
    assert np.abs(halves[0].data - halves[1].data).max() > 0


def test_restoring_begins_with_raw_halves_and_goes_through_both(second: RunDir, tmp_path: Path) -> None:
    """By hand: the second network on the restored halves, in the units in which it learned from them."""
    recipe = recipe_of(second)
    assert recipe.restored_by is not None
    tomogram = open_tomogram(recipe.restored_by.maps[0])
    method, network = load_checkpoint(second.path).build()
    expected = []
    for voxels, scale in zip(tomogram.maps, scales_in_training(tomogram, method), strict=True):
        crop = torch.from_numpy(scale.apply(voxels.astype(np.float32)))[None, None]
        with torch.inference_mode():
            expected.append(scale.invert(network(crop).numpy()[0, 0]))
    volume = restored_file(second, tmp_path / "restored.mrc")
    inner = (slice(10, 22),) * 3  # what the borders do not reach
    by_hand, ours = sum(expected)[inner] / 2, volume.data[inner]
    assert abs(ours.mean() - by_hand.mean()) < 0.02 * tomogram.maps[0].std()
    assert np.abs(ours - ours.mean() - (by_hand - by_hand.mean())).max() < 0.02 * by_hand.std()
    assert volume.labels[0] == "cryorestore: Noise2Noise @ step 40 -> IsoNet @ step 4"
    assert any("learned from what Noise2Noise @ step 40 of" in label for label in volume.labels)
    region = RegionRestorer(open_configured(recipe.tomograms[0]), {"device": "cpu"})  # type: ignore[arg-type]
    region._hardware = recipe.hardware
    shown = region.restore(ModelRef(weights=second.path), Region((16, 16, 16), 12))
    np.testing.assert_allclose(shown.data, volume.data[inner], rtol=1e-3, atol=1e-3 * by_hand.std())


def standardised(path: Path) -> torch.Tensor:
    voxels = torch.from_numpy(open_volume(path).data.astype("f4"))
    return (voxels - voxels.mean()) / voxels.std()


def test_held_out_numbers_are_measured_on_the_raw_halves(second: RunDir) -> None:
    recipe = recipe_of(second)
    assert recipe.restored_by is not None
    prepared = prepare(recipe, CPU, say=lambda words: None)
    assert prepared.held_out
    method, _ = load_checkpoint(second.path).build()
    preview = Preview(method, prepared.volumes[0], prepared.box, device=CPU, judged=prepared.judged)

    found = preview.evaluate(torch.relu, preview.restore(torch.relu))
    blocks = [
        [standardised(path)[prepared.box.slices][None, None] for path in paths]
        for paths in (recipe.restored_by.maps[0], recipe.tomograms[0].maps)
    ]
    wedge = prepared.volumes[0].imaging.wedge
    on_raw, on_restored = (
        held_out_metrics(
            list(map(torch.relu, blocks[0])), judges, wedge=wedge, second_pass=torch.relu
        ).metrics
        for judges in (blocks[1], blocks[0])
    )
    assert found.metrics["n2n"] == pytest.approx(on_raw["n2n"], rel=1e-3)
    assert found.metrics["fill"] == pytest.approx(on_raw["fill"], rel=1e-3)
    assert on_restored["n2n"] > on_raw["n2n"] + 0.1


def test_the_same_call_goes_on_with_the_halves_that_are_there(
    kept: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by, path = ModelRef(weights=kept.path), tmp_path / "run"
    told: list[float] = []
    with pytest.raises(Cancelled):
        create_chained_run(chained(kept), path, by=by, talk=Talk(told.append, lambda: bool(told)))
    assert [file.name for file in (path / "inputs").iterdir()] == ["restored_by.safetensors"]
    create_chained_run(chained(kept, "isonet-halves"), path, by=by)
    shutil.move(path / "inputs", tmp_path / "inputs")
    shutil.rmtree(path)
    path.mkdir()
    shutil.move(tmp_path / "inputs", path / "inputs")
    with monkeypatch.context() as still:
        still.setattr(
            "napari_cryorestore.chain.restore", lambda *args, **kwargs: pytest.fail("restored again")
        )
        run = create_chained_run(chained(kept), path, by=by)
    assert recipe_of(run).restored_by is not None
    with pytest.raises(FileExistsError, match="is not empty"):
        create_chained_run(chained(kept), path, by=by)


def test_what_makes_no_chain_is_refused_in_a_sentence(
    second: RunDir, kept: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="a chain has two links"):
        create_chained_run(chained(kept), tmp_path / "run", by=ModelRef(weights=second.path))
    elsewhere = {"held_out": "manual", "position": (8, 8, 8)}
    with pytest.raises(ValueError, match="must be that of the run kept"):
        create_chained_run(
            chained(kept, snapshots=elsewhere), tmp_path / "run", by=ModelRef(weights=kept.path)
        )
    with pytest.raises(ValueError, match="bins them by 1, but the run that learns from them bins by 2"):
        create_chained_run(
            chained(kept, schedule={"crop": 16, "binning": 2}),
            tmp_path / "run",
            by=ModelRef(weights=kept.path),
        )
    with pytest.raises(ValueError, match="which is not in"):
        create_run(RunConfig.from_toml(second.config_text()), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert main(["train", str(second.path / "config.toml"), "--run", str(tmp_path / "run")]) == 2
    assert "the run that restores as --restored-by" in capsys.readouterr().err
    assert main(["train", "--method", "isonet", "--restored-by", str(tmp_path / "gone")]) == 2
    assert "There is no run at" in capsys.readouterr().err
    checkpoint = shutil.copytree(second.checkpoint_path(4), tmp_path / "alone" / "a" / "b")
    with pytest.raises(FileNotFoundError, match="use it where it lies in its run folder"):
        restored_file_by(checkpoint, second, tmp_path / "restored.mrc")
    whole = recipe_of(kept).tomograms[0]
    one, by = whole.model_copy(update={"maps": whole.maps[:1]}), ModelRef(weights=kept.path)
    with pytest.raises(ValueError, match="leave out 'half'"):
        restore(RestoreConfig(model=by, tomogram=one, half=2, output=tmp_path / "half.mrc"))


def restored_file_by(weights: Path, run: RunDir, output: Path) -> None:
    item = recipe_of(run).tomograms[0]
    restore(RestoreConfig(model=ModelRef(weights=weights), tomogram=item, output=output))


def test_a_first_run_without_a_held_out_block_is_told_of(kept: RunDir, tmp_path: Path) -> None:
    copy = RunDir(shutil.copytree(kept.path, tmp_path / "first"))
    text = copy.config_text().replace('held_out = "manual"', 'held_out = "none"')
    (copy.path / "config.toml").write_text(text, encoding="utf-8")
    found: list[Any] = []
    recipe = chained(kept)
    run = create_chained_run(
        recipe, tmp_path / "run", by=ModelRef(weights=copy.path), talk=Talk(found=found.append)
    )
    assert any("held no block out" in finding.sentence for finding in found)
    assert recipe_of(run).snapshots == recipe.snapshots


def test_maps_that_were_restored_before_are_told_of(second: RunDir, tmp_path: Path) -> None:
    recipe = recipe_of(second).model_copy(update={"restored_by": None})
    found: list[Any] = []
    complete_config(recipe, tell=found.append)
    assert not any("restored already" in finding.sentence for finding in found)
    maps = recipe_of(second).restored_by.maps[0]  # type: ignore[union-attr]
    renamed = shutil.copy(recipe.tomograms[0].maps[0], tmp_path / "TS_cryocare_even.mrc")
    for paths, why in ((maps, "cryorestore: Noise2Noise @ step 40"), ((renamed, maps[1]), "by its name")):
        item = recipe.tomograms[0].model_copy(update={"maps": paths})
        complete_config(recipe.model_copy(update={"tomograms": (item,)}), tell=found.append)
        assert why in found[-1].sentence
        assert "read too high" in found[-1].sentence
