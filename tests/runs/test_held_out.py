"""Tests of when a run is so far past its best that it need not go on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryorestore.runs.held_out import PLATEAU, Ending, HeldOut, ending

EVERY = 50
UP = (0.10, 0.15, 0.18, 0.20)
"""How agreement rises to its best, at step 200 with a preview every 50 steps."""


def curve(*values: float, noise: float = 0.0, every: int = EVERY, **more) -> list[HeldOut]:
    """Return previews with these agreements, and the same with a part left out, all alike but for noise."""
    jitter = noise * np.random.default_rng(0).standard_normal((len(values), 8))
    return [
        HeldOut(every * (1 + number), value, left_out={"n2n": (value * (1 + parts)).tolist()}, **more)
        for number, (value, parts) in enumerate(zip(values, jitter, strict=True))
    ]


def before(history: list[HeldOut], step: int) -> list[HeldOut]:
    return [item for item in history if item.step <= step]


def test_a_run_that_over_fits_ends_after_three_fallen_previews():
    history = curve(*UP, 0.195, 0.192, 0.189, 0.188, 0.186)
    assert ending(history) == Ending(450, 200, pytest.approx(0.07))
    assert ending(history[:-1]) is None  # two fallen ones
    assert ending(history).words == (
        "Ended at step 450: held-out agreement fell 7 % below its best at step 200."
    )


def test_a_flat_or_rising_run_goes_on():
    assert ending(curve(*UP, *[0.2] * 40)) is None
    assert ending(curve(*np.linspace(0.1, 0.2, 40))) is None
    assert ending(curve(*UP, *[0.191] * 40)) is None  # 4.5 % below


@pytest.mark.parametrize(("step", "ends"), [(300, True), (250, False)])
def test_an_early_best_leaves_200_steps(step, ends):
    history = curve(0.10, 0.20, *[0.15] * 8)
    assert (ending(before(history, step)) is not None) is ends


@pytest.mark.parametrize(("step", "ends"), [(1000, True), (950, False)])
def test_a_late_best_leaves_as_many_steps_as_it_took(step, ends):
    history = curve(*np.linspace(0.1, 0.2, 10), *[0.15] * 15)
    assert max(history, key=lambda item: item.n2n).step == 500
    assert (ending(before(history, step)) is not None) is ends


@pytest.mark.parametrize("where", [-1, -2, -3])
def test_one_good_preview_among_the_latest_three_lets_a_run_go_on(where):
    history = curve(*UP, *[0.15] * 12)
    assert ending(history) is not None
    history[where] = replace(history[where], n2n=0.195, left_out={"n2n": [0.195] * 8})
    assert ending(history) is None


def test_one_bad_preview_ends_nothing():
    assert ending(curve(*UP, *[0.2] * 10, 0.01)) is None
    assert ending(curve(*UP, *[0.2] * 10, 0.01, 0.2, 0.2)) is None


def test_wedge_filling_alone_ends_nothing():
    falling = [replace(item, fill=0.5 - item.step / 1000) for item in curve(*UP, *[0.2] * 20)]
    assert falling[-1].fill < -0.5
    assert ending(falling) is None


def test_a_fall_that_may_be_chance_ends_nothing():
    quiet, loud = (curve(*UP, *[0.18] * 12, noise=noise) for noise in (0.002, 0.05))
    assert ending(quiet) is not None
    assert ending(loud) is None


def test_what_all_parts_share_is_no_chance():
    """Parts may differ widely from one another: only how differently they fall counts."""
    history = [
        replace(item, left_out={"n2n": (item.n2n * np.linspace(0.5, 1.2, 8)).tolist()})
        for item in curve(*UP, *[0.18] * 12)
    ]
    assert ending(history) is not None


def test_nothing_ends_before_learning_begins():
    """A hardly trained network copies its input faintly, which may agree better than what it learns first."""
    faint, real = curve(*[0.3] * 4, spread=PLATEAU / 2), curve(*[0.1] * 8, spread=0.5)
    late = [replace(item, step=item.step + 200) for item in real]
    assert ending([*faint, *late]) is None  # the best is no best
    assert ending([*(replace(item, spread=0.5) for item in faint), *late]) is not None
    assert ending(curve(*UP, *[0.1] * 12, spread=PLATEAU / 2)) is None  # not begun
    history = curve(*UP, *[0.1] * 12, spread=0.5)
    assert ending(history) is not None
    assert ending([*history[:-1], replace(history[-1], spread=PLATEAU / 2)]) is None  # back there


def test_previews_without_numbers_decide_nothing():
    history = curve(*UP, *[0.15] * 12)
    history[-2] = replace(history[-2], n2n=float("nan"))
    assert ending(history) == Ending(800, 200, pytest.approx(0.25))


@pytest.mark.parametrize("count", range(4))
def test_few_previews_decide_nothing(count):
    assert ending(curve(*[0.2, 0.1, 0.1, 0.1][:count], every=1000)) is None


def test_four_previews_far_apart_are_enough():
    assert ending(curve(0.2, 0.1, 0.1, 0.1, every=1000)) == Ending(4000, 1000, pytest.approx(0.5))


def test_what_was_there_before_the_first_step_is_no_best():
    start = HeldOut(0, 0.3, left_out={"n2n": [0.3] * 8}, spread=0.5)  # as of weights that others trained
    assert ending([start, *curve(*np.linspace(0.2, 0.28, 40), spread=0.5)]) is None
    fallen = [start, *curve(0.28, 0.27, *[0.2] * 4, spread=0.5)]
    assert ending(fallen) == Ending(300, 50, pytest.approx(2 / 7))


def test_agreement_that_never_was_cannot_fall():
    assert ending(curve(*np.linspace(-0.1, -0.5, 20))) is None
