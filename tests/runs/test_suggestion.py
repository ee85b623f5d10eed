"""Tests of the suggested step."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.runs.suggestion import over_fitting, suggest_step

STEPS = np.arange(0, 700, 100)
RISE_AND_FALL = np.array([0.0, 0.3, 0.4, 0.45, 0.44, 0.40, 0.3])


def test_the_top_of_the_smoothed_sum():
    assert suggest_step(STEPS, RISE_AND_FALL, 0 * RISE_AND_FALL) == 300
    later = np.array([0.0, 0.0, 0.0, 0.1, 0.2, 0.5, 0.3])
    assert suggest_step(STEPS, RISE_AND_FALL, later) == 500


def test_without_wedge_filling():
    assert suggest_step(STEPS, RISE_AND_FALL) == 300


def test_a_single_spike_does_not_win():
    values = np.array([0.0, 0.8, 0.0, 0.5, 0.55, 0.55, 0.5])
    assert suggest_step(STEPS, values) in (400, 500)


def test_a_rising_score_suggests_the_newest():
    assert suggest_step(STEPS, np.linspace(0, 1, 7)) == 600


def test_too_early_to_say():
    assert suggest_step(STEPS[:2], RISE_AND_FALL[:2]) is None


def test_unknown_numbers_are_left_out():
    values = RISE_AND_FALL.copy()
    values[3] = np.nan
    assert suggest_step(STEPS, values) == 400
    assert suggest_step(STEPS, np.full(7, np.nan)) is None


def test_only_among_the_kept_steps():
    assert suggest_step(STEPS, RISE_AND_FALL, among=[0, 200, 600]) == 200
    assert suggest_step(STEPS, RISE_AND_FALL, among=[650]) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 0.5, 0.48], False),
        ([0.1, 0.5, 0.47], True),
        ([0.1, 0.5, np.nan], False),
        ([-0.1, -0.5], False),
        ([], False),
    ],
)
def test_over_fitting_is_a_fall_of_five_percent(values, expected):
    assert over_fitting(np.array(values)) is expected
