"""A binned tomogram: voxels, mask, recording and what holds no data, all of one size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.data.binning import binned, binned_for
from napari_cryorestore.data.imaging import recorded
from napari_cryorestore.io.tomogram import Tomogram, open_tomogram
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.physics.fourier_crop import fourier_cropped
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.trained_on import TrainedOn, misfits

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (26, 32, 37)


@pytest.fixture
def opened(tmp_path: Path) -> Tomogram:
    """Two halves whose last rows hold no data, and a mask."""
    random = np.random.default_rng(0)
    for name in ("even", "odd"):
        half = random.standard_normal(SHAPE) + 7
        half[:, 22:] = 0
        write_volume(
            tmp_path / f"ts_{name}.mrc",
            half,
            voxel_size=5.0,
            origin=(1, 2, 3),
            start=(-4, 6, 9),
            label="test",
        )
    mask = np.zeros(SHAPE)
    mask[6:20, :, 10:] = 1
    write_volume(tmp_path / "mask.mrc", mask, voxel_size=5.0, label="test")
    halves = [tmp_path / "ts_even.mrc", tmp_path / "ts_odd.mrc"]
    return open_tomogram(halves, mask=tmp_path / "mask.mrc", recording=Recording(tilt_range=(-50, 60)))


def test_everything_follows_but_the_tilts(opened: Tomogram) -> None:
    small = binned(opened, 2)
    assert (small.shape, small.voxel_size) == ((13, 16, 19), 10.0)
    assert (small.recording.tilt_range, small.origin, small.start) == ((-50, 60), (1, 2, 3), (-2, 3, 4))
    assert (small.in_files, small.binning, opened.in_files) == (opened, 2, opened)
    assert small.mask is not None
    expected = np.zeros((13, 16, 19), dtype=bool)
    expected[3:10, :, 5:] = True
    np.testing.assert_array_equal(np.asarray(small.mask), expected)
    np.testing.assert_array_equal(small.mask[4], expected[4])
    np.testing.assert_array_equal(small.mask[2:5, 3:6], expected[2:5, 3:6])
    assert binned(opened, 1) is opened


def test_maps_are_cropped_with_local_means_where_there_are_no_data(opened: Tomogram) -> None:
    small, no_data = binned(opened, 3), opened.no_data()
    assert no_data is not None
    filled = no_data.filled(opened.even, 0)
    np.testing.assert_array_equal(small.even[2:5], fourier_cropped(filled, 3)[2:5])
    assert float(np.abs(small.even[:] - 7).max()) < 3  # without the means, the edge would ring
    empty = small.no_data()
    assert empty is not None
    assert empty.shape == small.shape == (9, 11, 13)
    assert empty[:][:, 8:].all()
    assert not empty[:][:, :7].any()
    assert empty.filled(small.even, 0)[4].shape == small.shape[1:]
    assert empty.soft_mask().shape == small.shape


def test_nothing_is_read_before_voxels_are(opened: Tomogram, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    original = fourier_cropped
    monkeypatch.setattr(
        "napari_cryorestore.data.binning.fourier_cropped",
        lambda *args: (calls.append(args), original(*args))[1],
    )
    small = binned(opened, 2)
    assert small.odd is not None
    assert (small.odd.shape, small.odd.dtype, len(calls)) == ((13, 16, 19), np.float32, 0)
    np.testing.assert_array_equal(np.asarray(small.odd)[3], small.odd[3])
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("learned", "factor"),
    [
        (None, 1),
        (TrainedOn(Recording(voxel_size=20)), 1),
        (TrainedOn(Recording(voxel_size=20), binning=2), 4),
        (TrainedOn(Recording(voxel_size=5), binning=2), 1),
        (TrainedOn(Recording(voxel_size=2), binning=2), 1),
        (TrainedOn(binning=2), 1),
    ],
)
def test_a_tomogram_is_binned_to_what_a_model_learned_from(
    opened: Tomogram, learned: TrainedOn | None, factor: int
) -> None:
    assert binned_for(opened, learned).binning == factor


def test_what_was_learned_is_noted_and_a_full_tomogram_is_no_misfit(opened: Tomogram) -> None:
    learned = recorded(binned(opened, 2))
    again = TrainedOn.from_json(learned.to_json())
    assert (again.recording.voxel_size, again.binning) == (10.0, 2)
    assert TrainedOn.from_json('{"binning": "many"}').binning == 1
    other = TrainedOn(Recording(voxel_size=13.0))
    for tomogram, said in ((recorded(opened), []), (other, ["voxel size"])):
        found = misfits(again, tomogram, lacks_half=False, wedge=False)
        assert [finding.topic for finding in found] == said
