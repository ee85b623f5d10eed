"""Tests of where a preview lies."""

from __future__ import annotations

import pytest

from napari_cryorestore.gui.history import Placement
from napari_cryorestore.gui.monitor.placement import placement_of
from napari_cryorestore.runs.run_dir import RunDir


def test_name_voxel_size_and_first_voxel(run):
    expected = Placement("TS01_icecream · training", str(run.path), 8.0, (8, 17, 26))
    assert placement_of(run) == expected


@pytest.mark.parametrize(
    "config",
    [
        "", "= no TOML", "[[tomograms]]\n", "[snapshots]\nposition = [1, 2, 3]\n", "a = " + "[" * 9999,
        "tomograms = 3", "tomograms = [3]", "[[tomograms]]\nvoxel_size = 'x'\n", "snapshots = 5",
        "[[tomograms]]\nvoxel_size = nan\n", "[snapshots]\nposition = [1, 2]\nsize = [1, 2, 3]\n",
        "[snapshots]\nposition = 5\nsize = 'xyz'\n",
        "[snapshots]\nposition = ['a', 1, 2]\nsize = [1, 2, 3]\n",
    ],
)  # fmt: skip
def test_what_is_not_said_stays_open(tmp_path, config):
    run = RunDir.create(tmp_path / "run", config=config, environment={})
    place = placement_of(run)
    assert (place.voxel_size, place.start) == (0.0, (0, 0, 0))


def test_a_run_without_configuration(tmp_path):
    assert placement_of(RunDir(tmp_path)).voxel_size == 0.0
