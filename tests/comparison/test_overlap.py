from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.comparison.volume import block_around, overlap, part_between


def test_a_region_is_laid_upon_its_tomogram(volume) -> None:
    whole = volume("whole", halves=(volume().data, volume().data + 1))
    data = whole.data[2:12, 4:14, 6:18]
    region = volume("region", data=data, low_edge=(20, 40, 60))
    first, second = overlap(whole, region)
    assert first.shape == second.shape == (10, 10, 12)
    assert np.array_equal(first.data, second.data)
    assert first.corner == pytest.approx(region.corner)
    assert np.array_equal(first.halves[1], data + 1)
    swapped = overlap(region, whole)
    assert np.array_equal(swapped[0].data, swapped[1].data)


def test_volumes_of_one_grid_are_left_as_they_are(volume) -> None:
    one, two = volume("one"), volume("two")
    assert overlap(one, two) == (one, two)


def test_what_does_not_fit_is_told(volume) -> None:
    with pytest.raises(ValueError, match="resample one of them"):
        overlap(volume("one"), volume("two", voxel=11.0))
    with pytest.raises(ValueError, match="hardly overlap"):
        overlap(volume("one"), volume("two", low_edge=(100, 0, 0)))


def test_a_block_lies_around_the_crosshair_and_within(volume) -> None:
    whole = volume()
    assert block_around(whole, None, 64) is whole
    block = block_around(whole, (1.0, 80.0, 199.0), 8)
    assert block.shape == (8, 8, 8)
    assert block.extent == ((0, 80), (40, 120), (120, 200))
    assert block.key != whole.key
    assert block_around(whole, (-500.0, 0.0, 0.0), 8).extent[0] == (20, 100)  # outside: the middle
    assert part_between(whole, (0, 0, 0), whole.shape) is whole
