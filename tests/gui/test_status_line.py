from __future__ import annotations

import time

import pytest

from napari_cryorestore.gui.status_line import about_words, duration_words, rate_words, state_words
from napari_cryorestore.runs.events import Failed, Finished, Noted, Paused, Started, Stepped
from napari_cryorestore.runs.state import RunState

START = Started(time=1000.0, steps=5000, process=1, host="here")


def words(*events, now: float = 1002.0) -> str:
    state = RunState()
    state.apply(events)
    return state_words(state, now)


def stepped(**values) -> Stepped:
    return Stepped(time=1001.0, step=412, loss=1.0, **values)


def test_a_run_is_described_from_its_first_second_to_its_last():
    assert words() == "Starting…"
    assert words(START, Noted(time=1000.0, level="phase", message="Loading PyTorch")) == "Loading PyTorch…"
    assert words(START, stepped(rate=11.0, memory=7.13)) == "412/5000 · 11 steps/s · 6:57 left · GPU 7.1 GB"
    assert words(START, stepped()) == "412/5000"
    assert words(START, stepped(rate=1.0), Paused(time=1001.5, step=412)) == "Paused at 412/5000"
    assert words(START, Finished(time=1001.0, step=5000, reason="completed")) == "Finished · 5000/5000"
    assert words(START, Finished(time=1001.0, step=412, reason="stopped")) == "Stopped at 412/5000"
    why = "Ended at step 412: held-out agreement fell 8 % below its best at step 100."
    assert words(START, Finished(time=1001.0, step=412, reason="completed", why=why)) == why
    assert words(START, Failed(time=1001.0, error="The disk is full.")) == "Failed: The disk is full."


def test_of_a_run_that_may_end_earlier_the_time_left_is_a_bound():
    start = Started(time=1000.0, steps=5000, process=1, host="here", may_end=True)
    assert words(start, stepped(rate=11.0)) == "412/5000 · 11 steps/s · at most 6:57 left"


def test_a_killed_run_is_said_to_be_quiet():
    since = time.strftime("%H:%M", time.localtime(1001.0))
    assert words(START, stepped(rate=5.0), now=5000.0) == f"Quiet since {since}, at 412/5000"


@pytest.mark.parametrize(
    ("rate", "expected"), [(0, ""), (11.4, "11 steps/s"), (1.44, "1.4 steps/s"), (0.4, "2.5 s per step")]
)
def test_rates_are_easy_to_grasp(rate, expected):
    assert rate_words(rate) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(42, "0:42"), (400.2, "6:40"), (7510, "2:05:10")])
def test_durations(seconds, expected):
    assert duration_words(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (20, "less than a minute"),
        (240, "about 4 min"),
        (5000, "about 83 min"),
        (7510, "about 2 h"),
        (2e5, "about 2 days"),
        (1e10, "years"),
    ],
)
def test_estimates_are_as_rough_as_they_are_known(seconds, expected):
    assert about_words(seconds) == expected
