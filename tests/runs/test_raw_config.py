"""Tests of a configuration that is read without its model."""

from __future__ import annotations

import pytest

from napari_cryorestore.runs.raw_config import device_counts, raw_config, table, tables
from napari_cryorestore.runs.run_dir import RunDir


def run_with(tmp_path, config):
    return RunDir.create(tmp_path / "run", config=config, environment={})


def test_what_is_said_is_returned(tmp_path):
    run = run_with(tmp_path, "[hardware]\ndevices = 2\nnodes = 3\n[[tomograms]]\neven = 'a'\n")
    assert device_counts(run) == (2, 3)
    assert tables(raw_config(run), "tomograms") == [{"even": "a"}]
    assert table(raw_config(run), "hardware") == {"devices": 2, "nodes": 3}


@pytest.mark.parametrize(
    "config",
    ["", "= no TOML", "hardware = 5", "[hardware]\ndevices = 'x'\nnodes = -1", "a = " + "[" * 9999,
     "[hardware]\ndevices = true\nnodes = 1.5"],
)  # fmt: skip
def test_what_is_damaged_is_not_said(tmp_path, config):
    assert device_counts(run_with(tmp_path, config)) == (1, 1)


def test_a_run_without_one_says_nothing(tmp_path):
    assert raw_config(RunDir(tmp_path)) == {}
    assert tables({"a": 5}, "a") == tables({}, "a") == tables({"a": [5]}, "a") == []
