"""Topaz: its network against the formula, its weights found without the program, and what is no such file."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_cryorestore.cli.main import main
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods.topaz import Topaz, TopazConfig
from napari_cryorestore.networks.topaz_module import TopazUNet, from_program
from napari_cryorestore.restoration import layer_name, require_same, restore
from napari_cryorestore.restore_config import ModelRef

from ..restoring import changed, restoration
from ..topaz_weights import install, program_weights

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (20, 36, 40)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return install(tmp_path / "site-packages", monkeypatch)


@pytest.fixture
def tomogram(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(0).standard_normal(SHAPE) * 3 + 5
    return write_volume(tmp_path / "TS01.mrc", voxels, voxel_size=12.0, label="test")


def written_out(weights: dict[str, torch.Tensor], crops: torch.Tensor) -> torch.Tensor:
    """Return what Topaz's network makes of crops: layer by layer, in its own names and order."""

    def convolved(name: str, maps: torch.Tensor) -> torch.Tensor:
        weight = weights[f"{name}.weight"]
        return functional.conv3d(maps, weight, weights[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def bent(maps: torch.Tensor) -> torch.Tensor:
        return torch.where(maps > 0, maps, 0.1 * maps)

    pooled = [crops]
    for stage in range(1, 6):
        pooled.append(functional.max_pool3d(bent(convolved(f"enc{stage}.0", pooled[-1])), 2))
    maps = bent(convolved("enc6.0", pooled.pop()))
    for stage in range(5, 0, -1):
        skip = pooled.pop()
        doubled = functional.interpolate(maps, size=skip.shape[2:], mode="nearest")
        maps = bent(convolved(f"dec{stage}.0", torch.cat([doubled, skip], 1)))
        maps = bent(convolved(f"dec{stage}.2", maps))
    return convolved("dec1.4", maps)


def test_the_network_has_as_many_weights_as_the_published_one() -> None:
    with torch.device("meta"):
        network = TopazUNet()
    assert sum(weight.numel() for weight in network.parameters()) == 2_916_337
    assert sorted(from_program(program_weights(48, (64, 32)))) == sorted(network.state_dict())


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("shape", [(2, 1, 32, 32, 64), (1, 1, 33, 38, 43)])
def test_the_network_is_the_formula(shape: tuple[int, ...], rounding: Callable[[Any], float]) -> None:
    crops = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    network = Topaz(TopazConfig()).pretrained()
    expected = written_out(program_weights(), crops)
    with torch.inference_mode():
        torch.testing.assert_close(network(crops), expected, rtol=0, atol=20 * rounding(expected))


def test_weights_are_found_and_nothing_of_the_program_is_imported(weights: Path) -> None:
    fine, coarse = (Topaz(TopazConfig(trained_at=size)) for size in (10, 20))
    named = Topaz(TopazConfig(weights=weights / "unet-3d-20a-v0.2.4.sav"))
    assert [method.lacks() for method in (fine, coarse, named)] == ["", "", ""]
    first, second, third = (
        method.pretrained().state_dict()["encoder.0.weight"] for method in (fine, coarse, named)
    )
    assert not torch.equal(first, second)
    assert torch.equal(second, third)
    assert "topaz" not in sys.modules


def restored(tomogram: Path, output: Path, **more: Any) -> tuple[Path, list[str]]:
    said: list[str] = []
    request = restoration("topaz", tomogram, output, device="cpu", precision="32", **more)
    return restore(request, found=lambda finding: said.append(finding.text)), said


@pytest.mark.usefixtures("weights")
def test_a_tomogram_is_normalised_once_and_comes_back_on_its_own_scale(
    tomogram: Path, tmp_path: Path
) -> None:
    raw = np.asarray(open_volume(tomogram).data)
    made, said = restored(tomogram, tmp_path / "out.mrc")
    other = write_volume(tmp_path / "other.mrc", 2 * raw + 7, voxel_size=12.0, label="test")
    expected = 2 * open_volume(made).data + 7
    again = open_volume(restored(other, tmp_path / "again.mrc")[0])
    np.testing.assert_allclose(again.data, expected, atol=1e-3 * expected.std())
    assert again.labels[0] == "cryorestore: Topaz"
    assert not any("Topaz" in text for text in said)


@pytest.mark.usefixtures("weights")
def test_the_model_of_other_voxels_is_warned_of(tomogram: Path, tmp_path: Path) -> None:
    fine = "The voxel size is 12 Å, but this model of Topaz learned from voxels of 20 Å. Take the one"
    made, said = restored(tomogram, tmp_path / "20.mrc", trained_at=20)
    assert [text for text in said if fine in text]
    assert "this model of Topaz learned from" in " ".join(open_volume(made).labels)
    assert Topaz(TopazConfig()).remarks(13.68) == ()
    (finding,) = Topaz(TopazConfig()).remarks(15.0)
    assert finding.text.endswith("learned from 20 Å (--method.trained-at 20, or in the panel).")
    assert Topaz(TopazConfig(trained_at=20)).remarks(20.0) == ()
    assert Topaz(TopazConfig(weights=tomogram)).remarks(20.0) == ()


def test_without_the_program_it_says_what_to_install_or_give(
    tomogram: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cryorestore.methods.topaz.PACKAGE", "topaz-em-is-not-here")
    output = tmp_path / "out.mrc"
    words = ["restore", "--method", "topaz", "--maps", str(tomogram), "--output", str(output)]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "Topaz needs the weights of topaz-em: install it by pip install 'napari-cryorestore[topaz]" in told
    assert "or give a file of them (--method.weights FILE" in told
    assert not output.exists()
    with pytest.raises(ValueError, match="Topaz needs the weights of topaz-em"):
        Topaz(TopazConfig()).pretrained()


def test_a_file_of_weights_serves_without_the_program(
    weights: Path, tomogram: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cryorestore.methods.topaz.PACKAGE", "topaz-em-is-not-here")
    file, output = weights / "unet-3d-20a-v0.2.4.sav", tmp_path / "out.mrc"
    words = ["restore", "--method", "topaz", "--maps", str(tomogram), "--output", str(output)]
    assert main([*words, "--method.weights", str(file), "--device", "cpu"]) == 0
    request = restoration("topaz", tomogram, output, weights=file, device="cpu")
    require_same(request)
    assert layer_name("TS", ModelRef(method="topaz"), {"weights": file}) == f"TS · Topaz, weights {file.name}"
    torch.save(program_weights(seed=7), file)  # another archive than before, which is read too
    with pytest.raises(FileExistsError, match="made with other weights than"):
        require_same(changed(request))


class Harmful:
    """Would write a file as it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.write_text, (Path("harmed"), "x")


def files_that_do_not_fit(folder: Path) -> dict[str, Path]:
    """Return files of weights that are no such, by what is said of them."""
    made = {
        "they are those of another network": {"features.0.weight": torch.zeros(3)},
        "they are those of another": program_weights(5),
        "it holds values that are not finite": program_weights()
        | {"enc1.0.bias": torch.full((3,), torch.nan)},
        "it holds other things than weights": {"enc1.0.weight": [1, 2]},
        "it holds no weights": Harmful(),
    }
    paths = {}
    for number, (words, content) in enumerate(made.items()):
        paths[words] = folder / f"{number}.sav"
        paths[words].write_bytes(pickle.dumps(content)) if isinstance(content, Harmful) else torch.save(
            content, paths[words]
        )
    return paths


def test_a_file_that_does_not_fit_is_told_and_not_run(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del weights
    monkeypatch.chdir(tmp_path)
    for words, path in files_that_do_not_fit(tmp_path).items():
        with pytest.raises(
            ValueError, match=rf"{path.name} cannot be used for Topaz \({words}.*choose unet-3d"
        ):
            Topaz(TopazConfig(weights=path)).pretrained()
    assert not (tmp_path / "harmed").exists()
    with pytest.raises(FileNotFoundError):
        Topaz(TopazConfig(weights=tmp_path / "none.sav")).pretrained()
