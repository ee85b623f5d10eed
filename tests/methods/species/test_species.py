"""Every species of method keeps its promises, trains, goes on, restores and is compared like our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_cryorestore.checkpoint import load_checkpoint, load_resume, save_resume
from napari_cryorestore.cli.main import main
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import METHODS
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.testing import method_checks, network_checks
from napari_cryorestore.training.progress import RequestPolling

from .one_map import OneMap
from .parts import Parts
from .slices import FLAT, Slices
from .untrained import Untrained

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.data.crops import Crops
    from napari_cryorestore.methods import StepLoss

SPECIES = (OneMap, Parts, Slices, Untrained)
MAPS = {"one_map": 1, "parts": 3, "slices": 2}
SMALL = ["--preset", "quick-look", "--schedule.crop", "16", "--schedule.batch", "2", "--schedule.steps", "4"]
SMALL += ["--snapshots.every", "2", "--snapshots.size", "8", "16", "16", "--quiet"]
CPU = ["--hardware.device", "cpu", "--hardware.precision", "32", "--hardware.threads", "1"]
ALONE = ["--device", "cpu", "--threads", "1"]
TINY = ["--network.features", "2", "--network.levels", "2"]


@pytest.fixture(autouse=True)
def quick(species: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have them in the tables, look around little, and look at requests after every step."""
    monkeypatch.setattr("napari_cryorestore.training.preview.CONTEXT", 4)
    monkeypatch.setattr("napari_cryorestore.training.progress.RECORD_EVERY", 0.0)
    monkeypatch.setattr("napari_cryorestore.training.progress.SHARE", float("inf"))


@pytest.fixture(scope="module")
def maps(tiny_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return three parts of one tomogram."""
    halves = [open_volume(path).data.astype(np.float32) for path in tiny_pair]
    noise = np.random.default_rng(0).standard_normal(halves[0].shape).astype(np.float32)
    parts = [*halves, (halves[0] + halves[1]) / 2 + halves[0].std() * noise]
    folder = tmp_path_factory.mktemp("parts")
    paths = [folder / f"tiny_part{index}.mrc" for index in (1, 2, 3)]
    for path, part in zip(paths, parts, strict=True):
        write_volume(path, part, voxel_size=20.0, label="test")
    return [str(path) for path in paths]


def trained(kind: str, maps: list[str], folder: Path) -> RunDir:
    tiny = [] if kind == "slices" else TINY
    network = ["--network", "flat"] if kind == "slices" else []
    given = ["--maps", *maps[: MAPS[kind]], "--tilt-range", "-60", "60"]
    words = ["train", "--method", kind, *network, *given, *SMALL, *tiny, *CPU, "--run", str(folder)]
    assert main(words) == 0
    return RunDir.open(folder)


@pytest.mark.parametrize("method", SPECIES, ids=lambda method: method.__name__)
def test_it_keeps_the_promises_of_a_method(method: Any) -> None:
    for check in method_checks(method):
        check()


def test_the_flat_network_keeps_the_promises_of_a_network() -> None:
    for check in network_checks(FLAT):
        check()


@pytest.mark.parametrize("kind", MAPS)
def test_it_trains_and_goes_on_bit_by_bit(
    kind: str, maps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(kind, maps, tmp_path / "whole")
    with monkeypatch.context() as stopping:
        answer = lambda looks, step: Request.STOP if step == 3 else Request.CONTINUE  # noqa: E731
        stopping.setattr(RequestPolling, "request", answer)
        parted = trained(kind, maps, tmp_path / "parted")
    assert parted.checkpoint_steps() == [2, 3]
    assert main(["train", "--resume", str(parted.path), "--quiet"]) == 0
    for name, weight in load_checkpoint(whole.path).weights.items():
        assert torch.equal(weight, load_checkpoint(parted.path).weights[name])
    one, other = (load_resume(run.checkpoint_path(4)) for run in (whole, parted))
    assert str(one) == str(other)
    assert ("refills" in one) is (kind == "one_map")


@pytest.mark.parametrize("damage", ["values", "corners", "known", "all"])
def test_refills_that_are_damaged_or_of_other_places_are_refused(
    damage: str, maps: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained("one_map", maps, tmp_path / "run")
    state = load_resume(run.checkpoint_path(4))
    if damage == "values":
        state["refills"]["values"][0][0] = float("nan")
    elif damage == "corners":
        state["refills"]["corners"][0][0] += 1
    else:
        del (state if damage == "all" else state["refills"])["refills" if damage == "all" else damage]
    save_resume(run.checkpoint_path(4), state)
    recipe = run.path / "config.toml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("steps = 4", "steps = 5"), encoding="utf-8")
    assert main(["train", "--resume", str(run.path), "--quiet"]) == 2
    assert "holds no state of this training" in capsys.readouterr().err


def test_a_method_for_one_map_misses_no_half(
    maps: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained("one_map", maps, tmp_path / "run")
    assert main(["restore", str(run.path), "--output", str(tmp_path / "restored.mrc"), *ALONE]) == 0
    assert "instead of two halves" not in capsys.readouterr().err


def test_rows_made_of_halves_say_that_parts_are_left_out(
    maps: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained("parts", maps, tmp_path / "run")
    rows = ["compare", f"{run.path}@newest", "mean", "--output", str(tmp_path / "compared.png")]
    assert main([*rows, "--device", "cpu", "--dpi", "30", "--columns", "XY", "--region", "16"]) == 0
    assert "learned from 3 maps, but the first two alone make the rows mean" in capsys.readouterr().err


@pytest.mark.parametrize("kind", MAPS)
def test_what_is_trained_is_judged_as_far_as_can_be(kind: str, maps: list[str], tmp_path: Path) -> None:
    run = trained(kind, maps, tmp_path / "run")
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    assert state.snapshots.keys() == {2, 4}
    assert ("n2n" in state.metrics) is (kind != "one_map")
    assert ("fill" in state.metrics) is (kind == "one_map")
    if kind == "one_map":
        assert (
            "One map has no held-out agreement" in state.advice.sentence or state.advice.kind != "suggested"
        )


@pytest.mark.parametrize("kind", MAPS)
def test_it_restores_and_is_compared(kind: str, maps: list[str], tmp_path: Path) -> None:
    run = trained(kind, maps, tmp_path / "run")
    output, figure = tmp_path / "restored.mrc", tmp_path / "compared.png"
    assert main(["restore", f"{run.path}@newest", "--output", str(output), *ALONE]) == 0
    restored = open_volume(output).data
    assert restored.shape == (32, 32, 32)
    assert np.isfinite(restored).all()
    assert restored.std() > 0
    rows = ["compare", maps[0], f"{run.path}@2", str(output), "--output", str(figure), "--region", "16"]
    assert main([*rows, "--device", "cpu", "--dpi", "30", "--columns", "XY", "Fxz"]) == 0
    assert figure.is_file()


def test_parts_are_all_learned_from_and_restored_as_two_halves(
    maps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    parts: Any = METHODS["parts"]
    original = parts.loss

    def loss(self: Any, network: Any, crops: Crops, *args: Any, **kwargs: Any) -> StepLoss:
        seen.append(tuple(crops.maps.shape[:2]))
        return original(self, network, crops, *args, **kwargs)

    monkeypatch.setattr(parts, "loss", loss)
    run = trained("parts", maps, tmp_path / "run")
    assert set(seen) == {(2, 3)}
    halves: list[int] = []
    restored = parts.restore_crop

    def restore_crop(self: Any, network: Any, inputs: torch.Tensor, imaging: Any) -> torch.Tensor:
        halves.append(len(inputs))
        return restored(self, network, inputs, imaging)

    monkeypatch.setattr(parts, "restore_crop", restore_crop)
    assert main(["restore", f"{run.path}@newest", "--output", str(tmp_path / "r.mrc"), *ALONE]) == 0
    assert sum(halves) == 2  # of the one tile that there is


def test_an_untrained_one_restores_with_its_own_weights(maps: list[str], tmp_path: Path) -> None:
    output = tmp_path / "restored.mrc"
    words = ["restore", "--method", "untrained", "--maps", maps[0], "--output", str(output), *ALONE]
    assert main([*words, "--method.rounds", "2"]) == 0
    assert open_volume(output).data.std() < 0.5 * open_volume(maps[0]).data.std()


def test_what_does_not_fit_is_refused_before_anything_is_made(
    maps: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, run = ["--maps", maps[0]], ["--run", str(tmp_path / "run")]
    assert main(["train", "--method", "parts", *one, *run]) != 0
    assert "Parts needs two or more maps of" in capsys.readouterr().err
    assert main(["train", "--method", "slices", "--network", "unet", "--maps", *maps[:2], *run]) != 0
    assert "does not work with the network" in capsys.readouterr().err
    assert main(["train", "--method", "untrained", *one, *run]) != 0
    assert "Untrained is not trained" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
