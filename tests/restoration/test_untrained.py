"""Methods that need no training, with a network of their own or without, restore like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_cryorestore.cli.main import main
from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.sources import Sources
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.config import setting
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import METHODS, Method, MethodConfig, untrained_methods
from napari_cryorestore.plugin_table import Extra
from napari_cryorestore.restoration import ModelRef, layer_name, require_same, restore
from napari_cryorestore.restoration.model import method_for

from ..restoring import changed, restoration

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (20, 40, 36)
FACTOR = [3.0]


class Factor(nn.Module):
    """Multiplies by a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(FACTOR))

    def forward(self, crops: Tensor) -> Tensor:
        return self.weight * crops


class LouderConfig(MethodConfig):
    kind: Literal["louder"] = "louder"
    times: int = setting(1, "How often.", ge=1)


class Louder(Method):
    """A network that came with its weights, applied so many times."""

    Config = LouderConfig
    title = "Louder"
    summary = "Multiplies."
    trainable = False
    config: LouderConfig

    def pretrained(self) -> nn.Module:
        return Factor()

    def restore_crop(self, network: Any, inputs: Tensor, imaging: Any) -> Tensor:
        for _ in range(self.config.times):
            inputs = network(inputs)
        return inputs.float()


@pytest.fixture(autouse=True)
def louder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "louder", Louder)


@pytest.fixture
def halves(tmp_path: Path) -> tuple[Path, Path]:
    random = np.random.default_rng(0)
    signal = random.standard_normal(SHAPE)
    paths = tmp_path / "TS_even.mrc", tmp_path / "TS_odd.mrc"
    for path in paths:
        write_volume(path, signal + random.standard_normal(SHAPE), voxel_size=10.0, label="test")
    return paths


def test_one_map_is_restored_by_a_network_that_brings_its_weights(
    halves: tuple[Path, Path], tmp_path: Path
) -> None:
    raw = np.asarray(open_volume(halves[0]).data, dtype=np.float64)
    for times in (1, 2):
        request = restoration("louder", halves[0], tmp_path / f"{times}.mrc", device="cpu", times=times)
        made = open_volume(restore(request))
        expected = 3.0**times * (raw - raw.mean()) + raw.mean()
        np.testing.assert_allclose(made.data, expected, atol=1e-4 * expected.std())
        assert made.labels[0] == "cryorestore: Louder"


def test_the_command_line_takes_it_with_its_settings(
    halves: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["restore", "--method", "louder", "--even", str(halves[0]), "--device", "cpu"]
    assert main([*given, "--method.times", "2", "--output", "two.mrc"]) == 0
    assert main([*given, "--output", "one.mrc"]) == 0
    two, one = (np.asarray(open_volume(tmp_path / f"{name}.mrc").data) for name in ("two", "one"))
    assert two.std() == pytest.approx(3 * one.std(), rel=1e-3)
    assert main([*given, "--method.times", "0"]) == 2


def test_other_weights_and_settings_make_another_result(halves: tuple[Path, Path], tmp_path: Path) -> None:
    request = restoration("louder", halves[0], tmp_path / "out.mrc", device="cpu")
    restore(request)
    require_same(request)
    with pytest.raises(FileExistsError, match="other settings"):
        require_same(changed(request, times=2))
    with pytest.raises(FileExistsError, match="other weights and other settings"):
        require_same(changed(request, model={"method": "wiener"}, maps=list(halves)))
    FACTOR[0] = 2.0
    try:
        with pytest.raises(FileExistsError, match="made with other weights than"):
            require_same(request)
    finally:
        FACTOR[0] = 3.0


def test_it_is_a_row_of_a_comparison(halves: tuple[Path, Path]) -> None:
    sources = Sources(DeviceConfig(device="cpu", threads=1))
    row = RowConfig(name="both", kind="method", method="louder", even=halves[0], odd=halves[1])
    assert sources.open_row(row, region=16).shape == (16, 16, 16)
    alone = sources.open_row(RowConfig(name="a", kind="method", method="louder", even=halves[0]), region=16)
    assert alone.halves is None


def test_a_result_is_named_after_what_was_changed() -> None:
    model = ModelRef(method="louder")
    assert layer_name("TS", model) == "TS · Louder"
    assert layer_name("TS", model, {"times": 2}) == "TS · Louder, times 2"


def test_what_is_no_such_method_or_setting_is_told() -> None:
    names = ", ".join(untrained_methods())
    assert {"wiener", "louder"} < set(untrained_methods())
    for name, why in (("icecream", "ICECREAM is trained"), ("none", "there is no method 'none'")):
        with pytest.raises(ValueError, match=f"{why}; without training there are: {names}"):
            ModelRef(method=name)
    with pytest.raises(ValueError, match="either weights to restore with, or a method"):
        ModelRef()
    with pytest.raises(ValueError, match="Louder has no setting 'passes' that counts at restoring"):
        method_for(ModelRef(method="louder"), {"passes": 1})
    with pytest.raises(ValueError, match="Louder: times"):
        method_for(ModelRef(method="louder"), {"times": 0})


def test_a_method_whose_extra_is_missing_says_so_before_anything_is_made(
    halves: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Louder, "extra", Extra("no_such_package", "topaz"))
    with pytest.raises(ValueError, match=r"^Louder needs the package no_such_package: install it by pip"):
        restore(restoration("louder", halves[0], tmp_path / "out.mrc", device="cpu"))
    assert not list(tmp_path.glob("out*"))
