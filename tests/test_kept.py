"""What an earlier version left on disk opens, goes on, and gives the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.comparison.comparison_config import ComparisonConfig
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.restoration import require_same
from napari_cryorestore.restore_config import RestoreConfig
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState

KEPT = Path(__file__).parent / "kept"
RUNS = {"noise2noise": 1, "icecream": 1, "two_tomograms": 2}
"""The runs, and how many tomograms each learned from."""
CPU = ["--device", "cpu", "--precision", "32", "--threads", "1"]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of all that was kept, which knows where it lies, as the current folder."""
    folder = Path(shutil.copytree(KEPT, tmp_path / "data"))
    for file in (*folder.glob("*/*.toml"), *folder.glob("*/environment.json"), *folder.glob("*.toml")):
        file.write_text(file.read_text(encoding="utf-8").replace('"/data/', f'"{folder}/'), encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_a_run_tells_how_it_went(kept: Path, name: str) -> None:
    run, state = RunDir.open(kept / name), RunState()
    state.apply(RunFollower(run.path).poll())
    assert (state.status(), state.step, state.steps) == ("completed", 4, 4)
    assert [item.step for item in state.held_out()] == [0, 2, 4]
    assert sorted(state.snapshots) == [2, 4]
    assert run.checkpoint_steps() == [2, 4]
    assert step_of_run(run).kind == "best"
    assert run.read_snapshot(4).shape == run.read_snapshot(2).shape


@pytest.mark.parametrize("name", RUNS)
def test_a_run_restores_what_it_restored_then(kept: Path, name: str) -> None:
    halves = ["--even", "TS1_even.mrc", "--odd", "TS1_odd.mrc"]
    assert main(["restore", f"{name}@newest", *halves, "--output", "again.mrc", *CPU]) == 0
    now, then = open_volume(kept / "again.mrc"), open_volume(kept / f"{name}.mrc")
    assert now.voxel_size == then.voxel_size
    last_places = 2 * np.spacing(np.abs(then.data).max())  # of a hardly trained one, which is nearly flat
    np.testing.assert_allclose(now.data, then.data, rtol=0, atol=1e-3 * then.data.std() + last_places)


def test_the_wiener_filter_gives_what_it_gave_then(kept: Path) -> None:
    halves = ["--even", "TS1_even.mrc", "--odd", "TS1_odd.mrc", "--tilt-range", "-60", "60"]
    assert main(["restore", "--method", "wiener", *halves, "--output", "again.mrc"]) == 0
    now, then = open_volume(kept / "again.mrc").data, open_volume(kept / "wiener.mrc").data
    np.testing.assert_allclose(now, then, rtol=0, atol=1e-3 * then.std())


@pytest.mark.parametrize("name", [*RUNS, "wiener"])
def test_a_result_of_then_is_known_again_or_refused(kept: Path, name: str) -> None:
    """The times of change of copied inputs differ, which the hash of the inputs shows."""
    model = {"method": name} if name not in RUNS else {"weights": name, "step": "newest"}
    hardware = {"precision": "auto" if name == "wiener" else "32"}
    tomogram = {"maps": ["TS1_even.mrc", "TS1_odd.mrc"]}
    output = kept / f"{name}.mrc"
    config = RestoreConfig.model_validate(
        {"model": model, "tomogram": tomogram, "hardware": hardware, "output": output}
    )
    others = "inputs" if name in RUNS else "settings and other inputs"
    with pytest.raises(FileExistsError, match=f"was made with other {others} than requested now"):
        require_same(config)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on(kept: Path, name: str) -> None:
    recipe = kept / name / "config.toml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("steps = 4", "steps = 6"), encoding="utf-8")
    assert main(["train", "--resume", name, "--quiet"]) == 0
    assert RunDir(kept / name).checkpoint_steps()[-2:] == [4, 6]


@pytest.mark.parametrize("name", RUNS)
def test_the_configuration_of_a_run_is_a_recipe(kept: Path, name: str) -> None:
    config = RunConfig.from_toml((kept / name / "config.toml").read_text(encoding="utf-8"))
    assert len(config.tomograms) == RUNS[name]
    assert main(["train", f"{name}/config.toml", "--schedule.steps", "1", "--run", "new", "--quiet"]) == 0
    assert RunDir(kept / "new").checkpoint_steps() == [1]


def test_weights_are_a_beginning(kept: Path) -> None:
    given = ["--from-checkpoint", "noise2noise", "--schedule.steps", "1", "--run", "new", "--quiet"]
    assert main(["train", "noise2noise/config.toml", *given]) == 0
    assert RunDir(kept / "new").checkpoint_steps() == [1]


def test_a_comparison_is_drawn(kept: Path) -> None:
    config = ComparisonConfig.from_toml((kept / "comparison.toml").read_text(encoding="utf-8"))
    assert [row.kind for row in config.rows] == ["mean", "method", "run"]
    assert config.rows[1].method == "wiener"
    assert main(["compare", "comparison.toml", "--output", "again.png", "--device", "cpu"]) == 0
    assert (kept / "again.png").stat().st_size > 10_000
