"""Wedges are looked for in raw rows only, and drawn about the axis that their spectrum shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_cryorestore.comparison.config import ComparisonConfig
from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.gui.compare.layer_rows import compared
from napari_cryorestore.gui.compare.spectrum_jobs import Tilts, tilts_of, wanted_jobs
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wedge_detection import DetectedWedge
from napari_cryorestore.recording import Recording

VOLUME = ComparedVolume(
    "a", np.zeros((8, 8, 8)), (10.0,) * 3, corner_of((10.0,) * 3), recording=Recording(tilt_range=(-60, 60))
)
SEEN = DetectedWedge(Wedge(-61, 59, "x"), 0.9, reliable=True)


def wedges(volumes, config):
    return [job.key[1] for job in wanted_jobs(volumes, config) if job.key[0] == "wedge"]


def test_no_wedge_is_looked_for_in_a_restored_row():
    rows = [replace(VOLUME, key="restored"), replace(VOLUME, key="raw", raw=True)]
    config = ComparisonConfig()
    assert wedges(rows, config) == ["raw"]
    without = config.model_copy(update={"fourier": config.fourier.model_copy(update={"wedge": False})})
    assert wedges(rows, without) == []


def test_a_known_range_is_drawn_about_the_axis_of_a_raw_spectrum():
    config = ComparisonConfig()
    raw = replace(VOLUME, raw=True)
    assert tilts_of(raw, config, SEEN) == Tilts(-60, 60, "x")
    assert tilts_of(raw, config, replace(SEEN, reliable=False)) == Tilts(-60, 60, "y")
    assert tilts_of(VOLUME, config, SEEN) == Tilts(-60, 60, "y")
    assert tilts_of(replace(VOLUME, recording=Recording()), config, SEEN) is None
    typed = config.model_copy(update={"tilt_range": (-50, 40)})
    assert tilts_of(raw, typed, SEEN) == Tilts(-50, 40, "y")


def test_a_layer_is_as_raw_as_its_file(tmp_path):
    from napari.layers import Image

    data = np.zeros((8, 8, 8), np.float32) + np.arange(8, dtype=np.float32)
    (tmp_path / "TS.tlt").write_text("-60\n60\n", encoding="utf-8")
    done = "cryorestore: N2N\ntilts: -50 to 40 degrees about x"
    for name, label, known in (
        ("TS.mrc", "raw", (True, (-60, 60), "y")), ("done.mrc", done, (False, (-50, 40), "x"))
    ):  # fmt: skip
        write_volume(tmp_path / name, data, voxel_size=10.0, label=label)
        layer = Image(data)
        layer._source = layer.source.model_copy(update={"path": str(tmp_path / name)})
        shown = compared(layer)
        assert (shown.raw, shown.recording.tilt_range, shown.recording.axis) == known
    assert not compared(Image(data)).raw
