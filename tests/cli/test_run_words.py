"""A run's state in words."""

from __future__ import annotations

import re

import pytest

from napari_cryorestore.cli.run_words import duration, header, headline, legend, row, table_steps, verdict
from napari_cryorestore.runs.events import Evaluated, Noted, Snapshotted, Started, Stepped
from napari_cryorestore.runs.state import RunState


def state_of(*n2n: float) -> RunState:
    """Return a run that was previewed every 10 steps."""
    state = RunState()
    state.apply([Started(time=1, steps=100, process=1, host="here")])
    for index, value in enumerate(n2n):
        step = 10 * (index + 1)
        stepped = Stepped(time=2, step=step, loss=0.5, parts={"data": 0.25}, rate=2.0, memory=1.25)
        evaluated = Evaluated(step=step, metrics={"n2n": value, "half_correlation": 0.5})
        state.apply([stepped, evaluated, Snapshotted(step=step, file="x")])
    return state


@pytest.mark.parametrize(
    ("seconds", "words"), [(9.4, "0:09"), (59.6, "1:00"), (750, "12:30"), (11100, "3:05:00")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_headline_before_anything_is_known() -> None:
    assert headline(RunState()) == "waiting"


def test_headline_names_the_phase() -> None:
    state = RunState()
    state.apply([Started(steps=9, process=1, host="here"), Noted(level="phase", message="Preparing")])
    assert headline(state) == "preparing · 0/9"


def test_headline_of_training() -> None:
    told = headline(state_of(0.3, 0.4))
    assert told.endswith("20/100 · 2 steps/s · 0:40 left · loss 0.5 · held-out agreement 0.400 · 1.2 GB")


def test_a_table_has_a_line_for_every_preview() -> None:
    state = state_of(0.1, 0.3, 0.2)
    lines = [header(state), *(row(state, step) for step in table_steps(state))]
    assert re.split(r"  +", lines[0].strip()) == [
        "step", "loss", "held-out agreement", "data", "half-map correlation",
    ]  # fmt: skip
    assert [line.split() for line in lines[1:]] == [
        ["10", "0.5", "0.1", "0.25", "0.5"],
        ["→", "20", "0.5", "0.3", "0.25", "0.5"],
        ["30", "0.5", "0.2", "0.25", "0.5"],
    ]
    assert len({len(line) for line in lines}) == 1


def test_the_numbers_that_advise_are_explained() -> None:
    assert legend(RunState()) == ""
    told = "held-out agreement: measured where nothing was trained on; higher is better"
    assert legend(state_of(0.1)) == told
    assert legend(state_of(0.1, 0.2, 0.3)) == f"{told} (→ suggested step)"


def test_what_was_not_measured_is_a_dash() -> None:
    state = state_of(0.1)
    state.apply([Snapshotted(step=20, file="y")])
    assert row(state, 20).split() == ["20", "–", "–", "–", "–"]


def test_without_previews_the_latest_step_is_shown() -> None:
    state = RunState()
    assert table_steps(state) == []
    state.apply([Stepped(step=3, loss=1.0), Stepped(step=7, loss=1.0)])
    assert table_steps(state) == [7]


def test_verdict() -> None:
    assert verdict(state_of(0.1)) == ""
    assert verdict(state_of(0.1, 0.2, 0.3)).startswith("suggested step: 30. Still improving")
    assert verdict(state_of(0.1, 0.5, 0.5, 0.5, 0.4)) == (
        "suggested step: 30. Over-fitting: held-out agreement is 20 % below its best (step 20). "
        "Stop, and use step 30: averaged over neighbouring previews, agreement is highest there."
    )
    assert verdict(state_of(0.5, 0.4)).startswith("best step, not suggested: 10. Held-out agreement is 20 %")


def test_the_time_left_is_a_bound_where_a_run_may_end_earlier() -> None:
    state = RunState()
    state.apply([Started(steps=100, process=1, host="here", may_end=True, time=1)])
    state.apply([Stepped(step=20, loss=0.5, rate=2.0, time=2)])
    assert " · at most 0:40 left · " in headline(state)
