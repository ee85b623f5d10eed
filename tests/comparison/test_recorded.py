"""Restored volumes say themselves how they were tilted; wedges are looked for in raw volumes only."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.cli import compare
from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.recorded import is_raw, tilts_recorded
from napari_cryorestore.comparison.sources import examined, open_row
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.recording import Recording
from napari_cryorestore.restoration import restore
from napari_cryorestore.samples import real_pair

from ..restoring import restoration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.comparison.volume import ComparedVolume


def write(path: Path, *, label: str = "test") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, np.random.default_rng(0).normal(size=(8, 8, 8)), voxel_size=10.0, label=label)
    return path


@pytest.fixture
def about_x(tmp_path: Path) -> tuple[Path, Path]:
    """Return the real pair turned so that the tilt axis is x."""
    made = []
    for source in real_pair():
        volume = np.ascontiguousarray(open_volume(source).data.transpose(0, 2, 1))
        made.append(tmp_path / source.name)
        write_volume(made[-1], volume, voxel_size=40.0, label="turned")
    shutil.copy(real_pair()[0].with_name("mpn40_A.tlt"), tmp_path)
    return made[0], made[1]


def test_what_was_restored_says_how_it_was_tilted(about_x: tuple[Path, Path], tmp_path: Path) -> None:
    made = restore(restoration("wiener", about_x[0], tmp_path / "elsewhere.mrc", about_x[1], device="cpu"))
    volume = open_volume(made)
    assert tilts_recorded(volume) == Recording(tilt_range=(-60, 60), tilt_axis="x")
    assert not is_raw(volume)
    row = open_row(RowConfig(name="r", path=made))
    assert (row.recording.tilt_range, row.recording.axis, row.raw) == ((-60, 60), "x", False)
    assert examined(RowConfig(name="r", path=made)) is None


def test_the_axis_of_a_raw_row_is_that_of_the_spectrum(about_x: tuple[Path, Path]) -> None:
    for row in (
        RowConfig(name="r", path=about_x[0]),
        RowConfig(name="m", kind="mean", even=about_x[0], odd=about_x[1]),
        RowConfig(name="w", kind="method", method="wiener", even=about_x[0], odd=about_x[1]),
    ):
        volume = open_row(row, region=32)
        found = volume.recording
        assert (found.tilt_range, found.axis, volume.raw) == ((-60, 60), "x", row.kind != "method")
    told = examined(RowConfig(name="m", kind="mean", even=about_x[0], odd=about_x[1], tilt_axis="y"))
    assert told is not None
    assert "--tilt-axis x" in told.findings[0].remedy


def test_a_file_of_a_run_without_a_label_takes_the_tilts_of_its_recipe(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    recipe = (copy / "config.toml").read_text(encoding="utf-8")
    known = recipe.replace('tilt_axis = "auto"', 'tilt_min = -50\ntilt_max = 60\ntilt_axis = "x"')
    (copy / "config.toml").write_text(known, encoding="utf-8")
    made = write(copy / "restored" / "TS_noise2noise_600.mrc")
    assert tilts_recorded(open_volume(made)) == Recording(tilt_range=(-50, 60), tilt_axis="x")
    assert tilts_recorded(open_volume(write(copy / "restored" / "other.mrc"))) == Recording()
    (copy / "config.toml").write_text("nothing = [", encoding="utf-8")
    assert tilts_recorded(open_volume(write(copy / "restored" / "TS_1.mrc"))) == Recording()


@pytest.mark.parametrize(
    ("name", "label", "raw"),
    [
        ("TS_01_even.mrc", "simulated tomogram, even", True),
        ("TS_01_rec.mrc", "", True),
        ("TS_01.mrc", "cryorestore: ICECREAM @ step 600", False),
        ("TS_01_corrected.mrc", "", False),
        ("TS_01_n2n.mrc", "", False),
        ("TS_01_denoised.mrc", "", False),
        ("TS_01.mrc", "deconv. by warp", False),
        ("uncorrectedness.mrc", "", True),
    ],
)
def test_restored_volumes_are_known_by_label_or_name(
    tmp_path: Path, name: str, label: str, raw: bool
) -> None:
    assert is_raw(open_volume(write(tmp_path / name, label=label))) == raw


def test_wedges_are_looked_for_in_raw_volumes_only(
    make_volume: Callable[..., ComparedVolume], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []

    def detect(data: Any) -> Any:
        looked.append(data)
        return None

    monkeypatch.setattr("napari_cryorestore.physics.wedge_detection.detect_wedge", detect)
    rows = [make_volume(name="a", raw=True), make_volume(name="b")]
    assert compare._detected(rows) == [None, None]
    assert [data is rows[0].data for data in looked] == [True]
