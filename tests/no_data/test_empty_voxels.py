"""What is done with no data: it is cut, left out, replaced by local means and faded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_cryorestore.no_data import NoData, faded, find_no_data

Volume = np.ndarray[Any, Any]


@pytest.fixture
def blank(halves: list[Volume]) -> NoData:
    for half in halves:
        half[:, :19] = 0
    result = find_no_data(*halves)
    assert result is not None
    return result


@pytest.mark.parametrize(
    "place",
    [3, slice(2, 9), (slice(1, 4), slice(10, 30)), (slice(None), slice(18, 20), slice(5, 70, 3)), (4, 18)],
)
def test_it_is_sliced_like_an_array(blank: NoData, place: Any) -> None:
    whole = np.zeros(blank.shape, bool)
    whole[:, :19] = True
    np.testing.assert_array_equal(blank[place], whole[place])
    np.testing.assert_array_equal(blank.usable[place], blank.usable[:][place])


def test_its_surroundings_are_left_out_too(blank: NoData) -> None:
    assert not blank.usable[:, :22].any()
    assert blank.usable[:, 28:].all()
    assert blank.data_bounds == (slice(0, 40), slice(24, 64), slice(0, 72))


def test_the_local_mean_stands_in_its_place(halves: list[Volume], blank: NoData) -> None:
    ramp = np.linspace(-3, 3, 72, dtype=np.float32)
    for half in halves:
        half[:, 19:] += ramp
    again = find_no_data(*halves)
    assert again is not None
    view = again.filled(halves[0], 0)
    assert (view.shape, view.ndim, view.size) == (halves[0].shape, 3, halves[0].size)
    whole = np.asarray(view)
    np.testing.assert_array_equal(whole[:, 19:], halves[0][:, 19:])
    beside = whole[:, 12:19].mean(axis=(0, 1)) - halves[0][:, 28:36].mean(axis=(0, 1))
    assert abs(beside[8:-8]).max() < 1  # the fill was 6 away, and the ramp goes over 6
    np.testing.assert_array_equal(view[3:5, 10:30, 7], whole[3:5, 10:30, 7])


def test_a_soft_mask_is_one_everywhere(blank: NoData) -> None:
    mask = blank.soft_mask()
    assert mask.shape == blank.shape
    assert (mask[:, :23] == 0).all()
    assert (mask[:, 36:] == 1).all()
    assert np.abs(np.diff(mask, axis=1)).max() <= 0.21
    box = (slice(3, 20), slice(20, 40), slice(1, 70))
    np.testing.assert_allclose(blank.soft_mask(box), mask[box], atol=1e-6)


def test_a_faded_volume_has_the_masks_mean(halves: list[Volume], blank: NoData) -> None:
    mask = blank.soft_mask()
    result = faded(halves[0], mask)
    mean = np.average(halves[0], weights=mask)
    assert result.mean(dtype=np.float64) == pytest.approx(mean, abs=1e-4)
    np.testing.assert_allclose(result - mean, mask * (halves[0] - mean), atol=1e-4)
    np.testing.assert_array_equal(faded(halves[0], np.zeros_like(mask)), halves[0])
