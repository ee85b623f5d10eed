"""Tests of what the numbers say in words."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.gui.monitor.verdict import Number, numbers_at, verdict_on
from napari_cryorestore.runs.events import Evaluated, Finished, Started, Stepped
from napari_cryorestore.runs.metric_words import METRIC_WORDS
from napari_cryorestore.runs.state import RunState


def state_of(values, *, end=None):
    state = RunState()
    state.apply([Started(steps=1000, process=1, host="a", time=1e12)])
    state.apply(
        Evaluated(step=100 * (index + 1), metrics={"n2n": value}, time=1e12)
        for index, value in enumerate(values)
    )
    if end:
        state.apply([Finished(step=900, reason=end)])
    return state


@pytest.mark.parametrize(
    ("values", "end", "level", "words"),
    [
        ([], None, "unknown", "once there are three previews"),
        ([0.1, 0.2], None, "unknown", "once there are three previews"),
        ([0.1, 0.2], "stopped", "unknown", "Too few held-out numbers"),
        ([0.1, 0.2, 0.3], None, "good", "Still improving"),
        ([0.1, 0.2, 0.3], "completed", "good", "still improving when it ended"),
        ([0.1, 0.3, 0.4, 0.4, 0.39, 0.39, 0.39], None, "slow", "No better since step 400"),
        ([0.1, 0.3, 0.4, 0.39, 0.3], None, "bad", "25 % below its best (step 300). Stop, and use"),
        ([0.1, 0.3, 0.4, 0.39, 0.3], "stopped", "bad", "(step 300). Use an earlier step"),
    ],
)
def test_verdict(values, end, level, words):
    verdict = verdict_on(state_of(values, end=end))
    assert verdict.level == level
    assert words in verdict.words


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
    assert Number("a", "A", "", value).text == text
