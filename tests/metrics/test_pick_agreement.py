from __future__ import annotations

import math

import numpy as np
import pytest

from napari_cryorestore.metrics.pick_agreement import match_picks

REFERENCE = np.array([[0, 0, 0], [0, 0, 100], [0, 100, 0], [100, 0, 0]], float)


def test_precision_recall_and_areas_are_those_of_equation_7():
    # score 5: hit, 4: miss, 3: hit, 2: hit, 1: miss; four particles
    picks = np.array([[0, 0, 3], [50, 50, 50], [0, 0, 96], [0, 105, 0], [60, 60, 60]], float)
    result = match_picks(picks, [5, 4, 3, 2, 1], REFERENCE, 10)
    assert result.thresholds.tolist() == [5, 4, 3, 2, 1]
    assert result.precision == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4, 3 / 5])
    assert result.recall == pytest.approx([1 / 4, 1 / 4, 2 / 4, 3 / 4, 3 / 4])
    assert result.f1 == pytest.approx([2 / 5, 1 / 3, 4 / 7, 3 / 4, 2 / 3])
    assert result.f1[result.best] == 0.75
    # trapezoids: 1/4·1 + 0 + 1/4·(1/2 + 2/3)/2 + 1/4·(2/3 + 3/4)/2 + 0
    assert result.pr_auc == pytest.approx(0.25 + 0.25 * 7 / 12 + 0.25 * 17 / 24)
    assert result.average_precision == pytest.approx(0.25 * (1 + 2 / 3 + 3 / 4))
    assert result.mean_distance == pytest.approx((3 + 4 + 5) / 3)
    assert (result.found, result.picks, result.reference) == (3, 5, 4)
    assert result.partner.tolist() == [0, -1, 1, 2, -1]


def test_the_order_of_the_list_does_not_matter():
    picks = np.array([[0, 0, 96], [60, 60, 60], [0, 0, 3]], float)
    result = match_picks(picks, [3, 1, 5], REFERENCE, 10)
    assert result.precision == pytest.approx([1, 1, 2 / 3])
    assert result.partner.tolist() == [1, -1, 0]


def test_a_particle_is_found_once_by_the_highest_score():
    picks = np.array([[0, 0, 1], [0, 0, 5]], float)
    result = match_picks(picks, [1, 2], REFERENCE[:1], 10)
    assert result.partner.tolist() == [-1, 0]
    assert result.mean_distance == 5
    assert result.precision == pytest.approx([1, 1 / 2])


def test_a_pick_takes_the_next_nearest_if_the_nearest_is_taken():
    reference = np.array([[0, 0, 0], [0, 0, 8]], float)
    result = match_picks([[0, 0, 1], [0, 0, 2]], [2, 1], reference, 10)
    assert result.partner.tolist() == [0, 1]
    assert result.mean_distance == pytest.approx((1 + 6) / 2)


def test_equal_scores_are_one_threshold_and_the_limit_belongs_to_the_tolerance():
    result = match_picks([[0, 0, 10], [0, 0, 111]], [7, 7], REFERENCE, 10)
    assert result.thresholds.tolist() == [7]
    assert result.precision == pytest.approx([1 / 2])
    assert result.pr_auc == result.average_precision == pytest.approx(1 / 8)


def test_without_scores_there_is_one_threshold_and_no_area():
    result = match_picks(REFERENCE, None, REFERENCE, 1)
    assert result.precision.tolist() == result.recall.tolist() == result.f1.tolist() == [1]
    assert math.isnan(result.thresholds[0])
    assert math.isnan(result.pr_auc)
    assert math.isnan(result.average_precision)


def test_a_perfect_list_has_an_area_of_one_and_a_wrong_one_of_zero():
    perfect = match_picks(REFERENCE, [4, 3, 2, 1], REFERENCE, 1)
    assert (perfect.pr_auc, perfect.average_precision, perfect.mean_distance) == (1, 1, 0)
    wrong = match_picks(REFERENCE + 50, [4, 3, 2, 1], REFERENCE, 1)
    assert (wrong.pr_auc, wrong.average_precision, wrong.found) == (0, 0, 0)
    assert wrong.f1.tolist() == [0, 0, 0, 0]
    assert math.isnan(wrong.mean_distance)


@pytest.mark.parametrize(
    ("picks", "scores", "reference", "tolerance", "words"),
    [
        (np.zeros((0, 3)), None, REFERENCE, 1, "list of picks is empty"),
        (REFERENCE, None, np.zeros((0, 3)), 1, "reference list is empty"),
        (np.zeros((2, 2)), None, REFERENCE, 1, r"positions \(z, y, x\), not .* \(2, 2\)"),
        (REFERENCE, [1, 2], REFERENCE, 1, r"4 picks need as many finite scores, not .*\(2,\)"),
        (REFERENCE, [1, 2, 3, math.nan], REFERENCE, 1, "NaN or infinite values"),
        (REFERENCE * math.nan, None, REFERENCE, 1, "NaN or infinite positions"),
        (REFERENCE, None, REFERENCE, 0, "tolerance must be a positive number of Å, not 0"),
    ],
)
def test_what_cannot_be_matched_is_refused(picks, scores, reference, tolerance, words):
    with pytest.raises(ValueError, match=words), np.errstate(invalid="ignore"):
        match_picks(picks, scores, reference, tolerance)
