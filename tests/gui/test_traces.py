"""Tests of what is drawn of a curve."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.gui.traces import decimated, smoothed, smoothing_span


def recursion(values, span):
    """The definition, one value after another."""
    total = weight = 0.0
    result = []
    for index, value in enumerate(values):
        gain = max(1 / (1 + 0.1 * index), 1 / span)
        known = bool(np.isfinite(value))
        total = (1 - gain) * total + gain * (value if known else 0)
        weight = (1 - gain) * weight + gain * known
        result.append(total / weight if known else np.nan)
    return np.array(result)


@pytest.mark.parametrize(("count", "span"), [(1, 5), (2, 1), (300, 5), (5000, 60)])
def test_the_average_is_the_recursion(count, span):
    values = np.random.default_rng(0).normal(3, 1, count)
    values[10:14] = np.nan
    np.testing.assert_allclose(smoothed(values, span=span), recursion(values, span), rtol=1e-7)


def test_gaps_stay_gaps_and_spread_nothing():
    values = np.array([np.nan, 2.0, np.nan, np.inf, 2.0])
    np.testing.assert_array_equal(smoothed(values, span=3), [np.nan, 2.0, np.nan, np.nan, 2.0])


def test_the_average_follows_a_fast_start():
    values = np.exp(-np.arange(2000) / 10.0)
    assert smoothed(values, span=200)[100] < 0.05


def test_the_span_grows_with_the_curve():
    assert smoothing_span(10) < smoothing_span(10_000) < smoothing_span(10**7) <= 1000


def test_short_curves_are_drawn_as_they_are():
    steps, values = np.arange(100), np.random.default_rng(0).normal(size=100)
    assert decimated(steps, values, limit=100)[1] is values


@pytest.mark.parametrize("count", [10_001, 12_345, 100_000])
def test_long_curves_keep_their_extremes_and_ends(count):
    steps = np.arange(count) * 3
    values = np.random.default_rng(0).normal(size=count)
    values[777], values[count // 2] = 50, -50
    drawn_steps, drawn = decimated(steps, values, limit=4000)
    assert len(drawn) <= 4001
    assert (np.diff(drawn_steps) >= 0).all()
    assert (drawn.max(), drawn.min()) == (50, -50)
    assert drawn_steps[-1] == steps[-1]
    assert drawn_steps[0] < 3 * count / 1000


def test_decimation_keeps_gaps():
    values = np.ones(20_000)
    values[5000:9000] = np.nan
    steps, drawn = decimated(np.arange(20_000), values, limit=1000)
    inside = (steps > 5100) & (steps < 8900)
    assert np.isnan(drawn[inside]).all()
    assert np.isfinite(drawn[~inside & (steps < 4900)]).all()
