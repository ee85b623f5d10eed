"""A tile adds what lies inside, where it belongs, and owns each voxel once."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.data.corners import Box
from napari_cryorestore.data.tile_plan import PlacedTile, TilePlan


def flat(start: tuple[int, int, int], size: int = 4) -> PlacedTile:
    weight = np.ones(size, np.float32)
    return PlacedTile(start, (weight, 2 * weight, weight))


def test_what_lies_outside_is_left_out() -> None:
    out, values = np.zeros((5, 5, 5), np.float32), np.arange(64, dtype=np.float32).reshape(4, 4, 4)
    flat((-1, 0, 3)).add_to(out, values)
    np.testing.assert_array_equal(out[:3, :4, 3:], 2 * values[1:, :, :2])
    assert out.sum() == 2 * values[1:, :, :2].sum()


def test_a_box_is_counted_from_its_corner() -> None:
    out, values = np.zeros((2, 2, 2), np.float32), np.arange(64, dtype=np.float32).reshape(4, 4, 4)
    flat((10, 10, 10)).add_to(out, values, corner=(12, 9, 13))
    np.testing.assert_array_equal(out[:, 1:, :1], 2 * values[2:4, :1, 3:4])
    assert flat((10, 10, 10)).within(Box((14, 0, 0), (20, 20, 20))) is None
    flat((10, 10, 10)).add_to(out, values, corner=(30, 30, 30))  # nothing happens


@pytest.mark.parametrize("margin", [0, 2, 3])
def test_windows_sum_to_one_at_every_voxel(margin: int) -> None:
    shape, total = (9, 14, 30), np.zeros((9, 14, 30))
    for tile in TilePlan((8, 12, 13), margin).tiles(shape):
        box = tile.within(Box((0, 0, 0), shape))
        assert box is not None
        here, window = tile.window(box)
        assert tuple(part.stop - part.start for part in here) == window.shape == box.shape
        total[box.slices] += window
    np.testing.assert_allclose(total, 1, atol=1e-6)
