"""Tests of the numbers of a run as they are shown."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_cryorestore.gui.monitor.run_numbers import (
    StepNumber,
    decimated,
    numbers_at,
    smoothed,
    smoothing_span,
    write_csv,
)
from napari_cryorestore.runs.events import Evaluated, Started, Stepped
from napari_cryorestore.runs.metric_words import METRIC_WORDS
from napari_cryorestore.runs.state import RunState


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


def state_of(values):
    state = RunState()
    state.apply([Started(steps=1000, process=1, host="a", time=1e12)])
    state.apply(
        Evaluated(step=100 * (index + 1), metrics={"n2n": value}, time=1e12)
        for index, value in enumerate(values)
    )
    return state


def test_numbers_of_a_step():
    state = state_of([0.1, 0.5, 0.4])
    state.apply(Stepped(step=step, loss=float(step), parts={"data": 1.0}) for step in range(100, 201))
    loss, data, n2n = numbers_at(state, 200)
    assert (loss.title, data.title, n2n.title) == ("Loss", "Data", METRIC_WORDS["n2n"].title)
    assert 190 < loss.value < 200
    assert (n2n.value, n2n.best, n2n.is_quality) == (0.5, 200, True)
    assert n2n.sentence == METRIC_WORDS["n2n"].sentence
    assert not loss.is_quality


def test_a_step_without_numbers_has_dashes():
    state = state_of([0.1, 0.2, np.nan])
    state.apply([Stepped(step=50, loss=1.0)])
    loss, n2n = numbers_at(state, -1)
    assert (loss.text, n2n.text, n2n.best) == ("–", "–", 200)
    assert numbers_at(state, 300)[1].text == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.456, "0.4560"), (1234.0, "1234"), (0.00012345, "0.0001234"), (np.nan, "–"), (-3.5, "-3.500")],
)
def test_numbers_have_four_digits(value, text):
    assert StepNumber("a", "A", "", value).text == text


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_one_row_a_step_and_empty_cells_where_nothing_is_known(tmp_path):
    state = RunState()
    state.apply(
        [
            Stepped(step=10, loss=0.5, parts={"data": 0.25}),
            Evaluated(step=15, metrics={"n2n": 0.125}),
            Stepped(step=20, loss=0.5, parts={"data": 0.25}),
        ]
    )
    write_csv(state, tmp_path / "run.csv")
    assert rows(tmp_path / "run.csv") == [
        ["step", "loss", "data", "n2n"],
        ["10", "0.5", "0.25", ""],
        ["15", "", "", "0.125"],
        ["20", "0.5", "0.25", ""],
    ]


def test_a_run_without_numbers_gives_a_heading(tmp_path):
    write_csv(RunState(), tmp_path / "run.csv")
    assert rows(tmp_path / "run.csv") == [["step"]]


def test_what_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_csv(RunState(), tmp_path / "file" / "run.csv")
