"""Tests of a configuration that is read without its model."""

from __future__ import annotations

import pytest

from napari_cryorestore.runs.plain_recipe import PlainRecipe
from napari_cryorestore.runs.run_dir import RunDir


def run_with(tmp_path, config):
    return RunDir.create(tmp_path / "run", config=config, environment={})


def test_what_is_said_is_returned(tmp_path):
    run = run_with(tmp_path, "[hardware]\ndevices = 2\nnodes = 3\n[[tomograms]]\neven = 'a'\n")
    assert run.recipe().device_counts == (2, 3)
    assert run.recipe().tables("tomograms") == [{"even": "a"}]
    assert run.recipe().table("hardware") == {"devices": 2, "nodes": 3}


@pytest.mark.parametrize(
    "config",
    ["", "= no TOML", "hardware = 5", "[hardware]\ndevices = 'x'\nnodes = -1", "a = " + "[" * 9999,
     "[hardware]\ndevices = true\nnodes = 1.5"],
)  # fmt: skip
def test_what_is_damaged_is_not_said(tmp_path, config):
    assert run_with(tmp_path, config).recipe().device_counts == (1, 1)


def test_a_run_without_one_says_nothing(tmp_path):
    assert RunDir(tmp_path).recipe().values == {}
    assert all(PlainRecipe(values).tables("a") == [] for values in ({"a": 5}, {}, {"a": [5]}))
