"""Every method that needs no training is offered as a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari.layers import Image
from torch import nn

from napari_cryorestore.comparison.sources import FILTER_REGION, region_edge
from napari_cryorestore.gui.compare.row_offers import rows_of_maps, rows_without_training, step_name
from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.methods import METHODS, Method, MethodConfig
from napari_cryorestore.plugin_table import Extra
from napari_cryorestore.runs.run_dir import RunDir

from ...topaz_weights import install

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


class LouderConfig(MethodConfig):
    kind: Literal["louder"] = "louder"


class Louder(Method):
    """A network that came with its weights."""

    Config = LouderConfig
    title = "Louder"
    summary = "Multiplies."
    trainable = False

    def pretrained(self) -> nn.Module:
        return nn.Identity()


def test_methods_without_training_are_offered_and_networks_get_no_larger_region(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "louder", Louder)
    mean, *rows = rows_of_maps(*pair)
    assert mean.kind == "mean"
    offered = [(row.kind, row.method, row.name) for row in rows]
    assert ("method", "wiener", "TS01 · Wiener filter") in offered
    assert ("method", "louder", "TS01 · Louder") in offered
    edges = {row.method: region_edge(row, 64) for row in rows}
    assert (edges["wiener"], edges["louder"]) == (FILTER_REGION, 64)


def test_of_one_map_only_what_takes_one_is_offered(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "louder", Louder)
    offered = [(row.kind, row.method) for row in rows_of_maps(pair[0])]
    assert ("method", "louder") in offered
    assert not {("method", "wiener"), ("mean", None)} & set(offered)
    monkeypatch.setattr(Louder, "extra", Extra("no_such_package", "topaz"))
    assert ("method", "louder") not in [(row.kind, row.method) for row in rows_of_maps(*pair)]


def test_layers_without_a_partner_are_offered_but_not_restored_ones(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, save: Callable[..., Path], tmp_path: Path
) -> None:
    monkeypatch.setitem(METHODS, "louder", Louder)
    alone = save(tmp_path / "data" / "TS02.mrc")
    layers = [Image(data, **words) for path in (*pair, alone) for data, words, _ in read_tomograms(str(path))]
    rows = [row for row in rows_without_training(layers) if row.method == "louder"]
    assert [(row.even, row.odd) for row in rows] == [pair, (alone, None)]
    layers[2].metadata["cryorestore"]["label"] = "icecream @ step 600"
    assert alone not in [row.even for row in rows_without_training(layers)]


def test_what_lacks_its_weights_is_offered_once_they_are_there(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cryorestore.methods.topaz.PACKAGE", "topaz-em-is-not-here")
    assert "topaz" not in [row.method for row in rows_of_maps(*pair)]
    monkeypatch.undo()
    install(tmp_path / "site-packages", monkeypatch)
    assert "topaz" in [row.method for row in rows_of_maps(pair[0])]


def test_a_step_is_called_by_its_methods_title(run: Path) -> None:
    assert step_name(run, 600) == "ICECREAM @ 600"


def test_a_loss_or_a_network_that_is_not_the_usual_one_is_named(run: Path) -> None:
    config = RunDir(run).config_text()
    for number, (method, words) in enumerate(
        (
            ('"noise2noise"\nloss = "l2"', "Noise2Noise @ 9"),
            ('"noise2noise"\nloss = "fsc"', "Noise2Noise FSC @ 9"),
            ('"noise2noise"\n[network]\nkind = "msdnet"', "Noise2Noise, MS-D Net @ 9"),
        )
    ):
        text = config.replace('"icecream"', method)
        made = RunDir.create(run.with_name(f"named_{number}"), config=text, environment={})
        assert step_name(made.path, 9) == words
