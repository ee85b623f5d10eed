"""Every method that needs no training is offered as a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import nn

from napari_cryorestore.comparison.sources import FILTER_REGION, region_edge
from napari_cryorestore.gui.compare.row_offers import rows_of_halves, step_name
from napari_cryorestore.methods import METHODS, Method, MethodConfig

if TYPE_CHECKING:
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
    mean, *rows = rows_of_halves(*pair)
    assert mean.kind == "mean"
    offered = [(row.kind, row.method, row.name) for row in rows]
    assert ("method", "wiener", "TS01 · Wiener filter") in offered
    assert ("method", "louder", "TS01 · Louder") in offered
    edges = {row.method: region_edge(row, 64) for row in rows}
    assert (edges["wiener"], edges["louder"]) == (FILTER_REGION, 64)


def test_a_step_is_called_by_its_methods_title(run: Path) -> None:
    assert step_name(run, 600) == "ICECREAM @ 600"
