"""Tests of curves that grow."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_cryorestore.runs.curve import Curve


def curve_of(*steps: int) -> Curve:
    curve = Curve()
    for step in steps:
        curve.append(step, step / 10)
    return curve


def test_keeps_values_in_order():
    curve = curve_of(0, 5, 7)
    assert curve.steps.tolist() == [0, 5, 7]
    assert curve.values.tolist() == [0.0, 0.5, 0.7]


def test_grows_beyond_its_first_room():
    curve = curve_of(*range(1000))
    np.testing.assert_array_equal(curve.steps, np.arange(1000))
    np.testing.assert_allclose(curve.values, np.arange(1000) / 10)


def test_a_lower_step_forgets_what_came_after():
    curve = curve_of(1, 2, 3, 4)
    curve.append(3, 9.0)
    assert curve.steps.tolist() == [1, 2, 3]
    assert curve.values.tolist() == [0.1, 0.2, 9.0]


def test_rewind_keeps_the_step_itself():
    curve = curve_of(1, 2, 3)
    curve.rewind(2)
    assert curve.steps.tolist() == [1, 2]


def test_value_at_a_step():
    curve = curve_of(1, 3)
    assert curve.at(3) == pytest.approx(0.3)
    assert curve.at(2) is None
    assert curve.at(4) is None


def test_views_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        curve_of(1).values[0] = 2.0


def test_appending_copies_the_curve_a_few_times_only():
    curve, views = Curve(), []
    for step in range(4000):
        curve.append(step, 0.0)
        views.append(curve.values)
        assert len(views[-1]) == step + 1
    moved = sum(not np.shares_memory(one, other) for one, other in itertools.pairwise(views))
    assert moved == 4  # from room for 256 to 512, 1024, 2048 and 4096
