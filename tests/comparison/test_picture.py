"""Black and white."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_cryorestore.comparison.picture import Picture, levels_of

EDGES = (0.0, 1.0, 0.0, 1.0)


def picture(values: Any) -> Picture:
    return Picture(np.asarray(values, dtype=np.float32), EDGES)


def test_levels_are_the_percentiles_of_all_pictures_together() -> None:
    first, second = np.arange(100).reshape(10, 10), np.arange(100, 200).reshape(10, 10)
    assert levels_of([picture(first), picture(second)], (10, 90)) == pytest.approx((19.9, 179.1))


def test_holes_have_no_say() -> None:
    values = np.arange(101.0).reshape(1, 101)
    holed = np.concatenate([values, np.full((1, 101), np.nan), np.full((1, 101), np.inf)])
    assert levels_of([picture(holed)], (0, 100)) == (0, 100)


@pytest.mark.parametrize("value", [0.0, -5.0, 1e6])
def test_flat_pictures_have_levels_that_rise(value: float) -> None:
    low, high = levels_of([picture(np.full((3, 3), value))])
    assert low < value < high


def test_nothing_finite_has_levels_too() -> None:
    assert levels_of([picture(np.full((3, 3), np.nan))]) == (0, 1)
    assert levels_of([]) == (0, 1)


def test_large_pictures_are_sampled_well() -> None:
    image = np.random.default_rng(0).normal(size=(700, 900))
    assert levels_of([picture(image)]) == pytest.approx(tuple(np.percentile(image, (0.5, 99.5))), rel=0.05)
