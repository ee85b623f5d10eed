"""Tests of small images."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.gui.monitor.run_body import thumbnail


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 20, 30), (5, 200, 90), (2, 64, 64), (3, 500, 7)])
def test_the_longer_side_fits_and_the_shape_is_kept(shape):
    image = thumbnail(np.zeros(shape, np.float16), (-1, 1), edge=64)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert max(image.shape) <= 64
    assert image.shape[0] >= 1
    assert (image == 127).all()


def test_it_is_the_middle_plane_between_the_limits():
    frame = np.zeros((3, 2, 3), np.float16)
    frame[1] = [[-9, -1, 0], [1, 9, np.nan]]
    np.testing.assert_array_equal(thumbnail(frame, (-1, 1), edge=64), [[0, 0, 127], [255, 255, 127]])


def test_neighbours_are_averaged():
    frame = np.zeros((1, 128, 128), np.float16)
    frame[0, ::2, ::2] = 4
    assert (thumbnail(frame, (0, 2), edge=64) == 127).all()
