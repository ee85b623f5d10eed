"""Tests of the numbers of a step."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.gui.monitor.step_numbers import Number, numbers_at
from napari_cryorestore.runs.events import Evaluated, Started, Stepped
from napari_cryorestore.runs.metric_words import METRIC_WORDS
from napari_cryorestore.runs.state import RunState


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
    assert Number("a", "A", "", value).text == text
