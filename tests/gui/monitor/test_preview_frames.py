"""Tests of the previews of a run: frames that read like one growing array."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.gui.monitor.preview_frames import INPUT, GrowingFrames, Placement, placement_of
from napari_cryorestore.runs.run_dir import RunDir


def frame(value):
    return np.full((2, 3, 4), value) + np.arange(24).reshape(2, 3, 4) / 32


@pytest.fixture
def frames():
    filled = GrowingFrames()
    for step in (INPUT, 100, 200):
        filled.put(step, frame(step / 100))
    return filled


def test_looks_like_an_array(frames):
    assert frames.shape == (3, 2, 3, 4)
    assert (frames.ndim, frames.size, frames.dtype, len(frames)) == (4, 72, np.float16, 3)
    assert frames.steps == (INPUT, 100, 200)


def test_empty_frames_have_a_shape():
    assert GrowingFrames().shape == (0, 0, 0, 0)
    assert GrowingFrames().size == 0
    assert GrowingFrames().nearest(3) is None


@pytest.mark.parametrize(
    "key",
    [
        1,
        np.int64(2),
        -1,
        (1, 0),
        (2, slice(None), 1, slice(0, 2)),
        slice(None),
        (slice(0, 2), 1),
        (slice(None, None, 2), slice(None), 0, 0),
        ([0, 2], 1),
        (slice(3, 3), 0),
        ...,
        (..., 0),
        (1, ..., 0),
        (),
    ],
)
def test_indexing_is_that_of_an_array(frames, key):
    whole = np.stack([frames.frame(step) for step in frames.steps])
    np.testing.assert_array_equal(frames[key], whole[key])
    assert np.asarray(frames[key]).dtype == np.float16


def test_can_become_an_array(frames):
    assert np.asarray(frames).shape == (3, 2, 3, 4)
    assert np.asarray(frames, dtype=np.float32).dtype == np.float32


def test_frames_are_kept_in_order_of_step(frames):
    frames.put(150, frame(9))
    assert frames.steps == (INPUT, 100, 150, 200)
    np.testing.assert_allclose(frames[2], frame(9), rtol=1e-3)


def test_a_frame_replaces_the_one_of_its_step(frames):
    frames.put(100, frame(7))
    assert len(frames) == 3
    np.testing.assert_allclose(frames.frame(100), frame(7), rtol=1e-3)


def test_frames_cannot_change(frames):
    with pytest.raises(ValueError, match="read-only"):
        frames.frame(100)[0, 0, 0] = 1


def test_growing_copies_no_frame(frames):
    before = frames.frame(100)
    frames.put(300, frame(3))
    assert frames.frame(100) is before
    assert np.shares_memory(frames[1], before)


def test_a_frame_of_another_shape_is_refused(frames):
    with pytest.raises(ValueError, match=r"step 300 has shape \(1, 1, 1\)"):
        frames.put(300, np.zeros((1, 1, 1)))
    assert len(frames) == 3


def test_dropping(frames):
    frames.drop(100)
    frames.drop(100)
    assert frames.steps == (INPUT, 200)
    with pytest.raises(KeyError):
        frames.frame(100)
    frames.clear()
    assert len(frames) == 0


@pytest.mark.parametrize(("step", "nearest"), [(0, INPUT), (60, 100), (150, 100), (151, 200), (1e9, 200)])
def test_nearest(frames, step, nearest):
    assert frames.nearest(step) == nearest


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
