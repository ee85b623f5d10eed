"""Tests of the step to take, and of what is said of a run."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.runs.advice import HeldOut, advise, has_fallen, paired_fall

RISE_AND_FALL = (0.1, 0.3, 0.4, 0.45, 0.44, 0.40, 0.3)
HARD_AND_EASY = np.array([-0.3, -0.2, -0.1, 0.0, 0.0, 0.1, 0.2, 0.3])
"""By which share the octants of a block differ, at every step alike."""


def octants(value, *, spread=0.0, seed=0):
    """Return a value in eight octants that differ greatly, and change by chance as much as is said."""
    chance = np.random.default_rng(seed).normal(size=8)
    return (value * (1 + HARD_AND_EASY) + spread * (chance - chance.mean())).tolist()


def history(n2n, fill=None, *, start=None, spread=None, every=100):
    """Return what a run scored, every 100 steps; ``start`` is step 0."""
    fill = [np.nan] * len(n2n) if fill is None else fill
    items = [
        HeldOut(
            every * (index + 1),
            agreement,
            filling,
            {} if spread is None else {"n2n": octants(agreement, spread=spread, seed=index)},
        )
        for index, (agreement, filling) in enumerate(zip(n2n, fill, strict=True))
    ]
    return items if start is None else [HeldOut(0, *start), *items]


def advice_on(n2n, fill=None, *, start=None, spread=None, kept=None, ended=False):
    return advise(history(n2n, fill, start=start, spread=spread), kept=kept, ended=ended)


# Which step ------------------------------------------------------------------------------------------


def test_the_top_of_the_smoothed_sum():
    later = (0.0, 0.0, 0.0, 0.05, 0.12, 0.2, 0.1)
    flat = (0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4)
    assert advice_on(RISE_AND_FALL).suggested == 400
    assert advice_on(flat, later).suggested == 600


def test_a_single_spike_does_not_win():
    assert advice_on((0.1, 0.52, 0.1, 0.5, 0.51, 0.51, 0.5)).suggested in (500, 600)


def test_a_rising_score_suggests_the_newest():
    assert advice_on(np.linspace(0.1, 1, 7)).suggested == 700


def test_unknown_numbers_are_left_out():
    values = np.array(RISE_AND_FALL)
    values[3] = np.nan
    assert advice_on(values).suggested == 500
    assert advice_on(np.full(7, np.nan)).kind == "none"


def test_a_flat_beginning_that_fills_nothing_still_has_to_be_surpassed():
    rising = (0.2, 0.24, 0.28)
    assert advice_on(rising, (0.0, 0.0, 0.0), start=(0.3, np.nan)).kind == "best"
    assert advice_on(rising, (0.1, 0.1, 0.1), start=(0.3, np.nan)).suggested == 300
    assert advice_on(rising, (np.nan, 0.1, 0.1), start=(0.1, np.nan), kept=[100]).step == 100


def test_only_among_the_kept_steps():
    assert advice_on(RISE_AND_FALL, kept=[100, 300, 700]).step == 300
    advice = advice_on(RISE_AND_FALL, kept=[650])
    assert (advice.step, advice.kind, advice.light) == (650, "newest", "unknown")


def test_two_previews_suggest_nothing():
    advice = advice_on((0.1, 0.2))
    assert (advice.step, advice.kind, advice.light) == (200, "best", "unknown")
    assert "three previews" in advice.sentence
    assert advice_on((0.2, 0.19)).step == 100


def test_step_zero_is_no_preview():
    assert advice_on((0.2, 0.3), start=(0.1,)).kind == "best"
    assert advice_on((0.2, 0.3, 0.4), start=(0.1,)).suggested == 300


def test_what_does_not_surpass_the_untrained_network_is_not_suggested():
    advice = advice_on((0.2, 0.24, 0.28), start=(0.3,))
    assert (advice.step, advice.kind, advice.light) == (300, "best", "slow")
    assert "No step scores above step 0" in advice.sentence
    assert advice_on((0.2, 0.24, 0.28), (0.1, 0.1, 0.1), start=(0.3, -0.1)).suggested == 300
    assert advice_on((0.2, 0.24, 0.28)).suggested == 300  # a run of old, which did not look


def test_of_steps_that_chance_may_part_the_earliest_is_taken():
    flat = (0.3, 0.4, 0.41, 0.412, 0.414, 0.416, 0.41)
    assert advice_on(flat, spread=0.005).suggested == 300
    assert advice_on(flat, spread=1e-5).suggested == 500
    assert advice_on(flat).suggested == 500


def test_octants_that_differ_in_the_same_way_at_every_step_are_no_reason_to_take_an_early_one():
    assert np.std(HARD_AND_EASY) > 0.1
    assert advice_on((0.3, 0.35, 0.40, 0.45, 0.5), spread=1e-4).suggested == 500


BEGINNINGS = {
    6: (0.1541, 0.1562, 0.1557, 0.1496, 0.1326, 0.1105),
    25: (0.0703, 0.0713, 0.0762, 0.0662, 0.0501, 0.0386),
}
"""Agreement of two runs at steps 6, 12, 25, 50, 100 and 150, by the step that was truly the best."""


@pytest.mark.parametrize("best", BEGINNINGS)
def test_the_early_previews_of_a_run_are_not_averaged_with_one_another(best):
    """In the second run, step 12 restored a volume that correlated by .40 with the truth, step 25 by .56."""
    steps = (6, 12, 25, 50, 100, 150)
    items = [
        HeldOut(step, value, left_out={"n2n": octants(value, spread=0.002, seed=step)})
        for step, value in zip(steps, BEGINNINGS[best], strict=True)
    ]
    assert advise(items, kept=None, ended=False).suggested == best


def test_no_step_that_scores_two_percent_less_is_taken_however_little_parts_them():
    rising = (0.40, 0.41, 0.412, 0.414, 0.416, 0.42, 0.42, 0.42)
    assert advice_on(rising, spread=0.05).suggested == 300
    assert advice_on(rising, spread=1e-5).suggested == 700


def test_it_is_said_why_an_earlier_step_than_the_best_is_to_be_used():
    fallen = (0.3, 0.4, 0.41, 0.412, 0.414, 0.416, 0.41, 0.2, 0.1)
    advice = advice_on(fallen, spread=0.005)
    assert (advice.step, advice.light) == (300, "bad")
    assert (
        "below its best (step 600). Stop, and use step 300: within the noise of agreement it is"
        in advice.sentence
    )
    assert advice.sentence.endswith("as good as step 500, and fewer steps learn less noise.")
    assert advice_on(OVER_FITTED).why == ""


OVER_FITTED = (0.1, 0.3, 0.4, 0.38, 0.3)


def test_without_a_suggestion_it_is_said_why_another_step_than_that_of_the_best_agreement_is_taken():
    fallen = (0.40, 0.39, 0.2), (0.0, 0.1, 0.1)
    advice = advice_on(*fallen, start=(0.9, 0.9))
    assert (advice.step, advice.kind, advice.light) == (200, "best", "slow")
    assert advice.why == "of those with about the best agreement, it scores best"
    assert advice.sentence.endswith(f"below its best (step 100). Stop, and use step 200: {advice.why}.")
    by_agreement = advice_on(fallen[0], start=(0.9, np.nan))
    assert (by_agreement.step, by_agreement.kind, by_agreement.why) == (100, "best", "")
    assert by_agreement.sentence.endswith("below its best (step 100). Stop, and use step 100.")


# Agreement and filling that pull apart ---------------------------------------------------------------


BRIGHT = {"n2n": (0.86, 0.90, 0.93, 0.95, 0.96, 0.97), "fill": (0.55, 0.40, 0.20, 0.0, -0.15, -0.25)}
"""As seen on a tilt series of a material, bright on dark."""


def test_where_agreement_and_filling_pull_apart_agreement_decides_and_that_is_said():
    advice = advice_on(BRIGHT["n2n"], BRIGHT["fill"], start=(0.5, 0.0))
    assert (advice.suggested, advice.light) == (600, "slow")
    assert advice.apart in advice.sentence
    assert "0.86 → 0.97 and 0.55 → −0.25" in advice.sentence
    assert "agreement decides" in advice.sentence
    assert "improving" not in advice.sentence


def test_it_is_not_said_where_they_go_together():
    advice = advice_on((0.2, 0.3, 0.4), (0.1, 0.2, 0.3))
    assert (advice.apart, "apart" in advice.sentence) == ("", False)


def test_filling_that_jitters_is_no_pulling_apart():
    """Where the octants say that filling fell by chance, both decide."""
    items = [
        HeldOut(step, n2n, fill, {"n2n": octants(n2n), "fill": octants(fill, spread=0.1, seed=step)})
        for step, n2n, fill in ((100, 0.33, 0.25), (200, 0.36, 0.12), (300, 0.37, 0.11), (400, 0.38, 0.1))
    ]
    advice = advise(items, kept=None, ended=False)
    assert (advice.apart, "apart" in advice.sentence) == ("", False)
    assert advice.suggested == 200


def test_filling_that_rises_does_not_lead_into_over_fitting():
    advice = advice_on((0.4, 0.5, 0.5, 0.46, 0.4, 0.35), (0.0, 0.1, 0.2, 0.4, 0.6, 0.8))
    assert (advice.suggested, advice.apart, advice.light) == (400, "", "bad")
    assert "30 % below its best (step 200). Stop, and use step 400: averaged over" in advice.sentence
    assert "apart" not in advice.sentence


SMALL_AND_NOISY = {
    "lost at once": (12, (0.0837, 0.0844, 0.0837, 0.0805, 0.0683), (0.009, 0.031, 0.023, 0.029, 0.064)),
    "made up for": (100, (0.0756, 0.0792, 0.0738, 0.0731, 0.0715), (0.010, 0.041, 0.052, 0.060, 0.066)),
}
"""Agreement and filling of two runs at steps 6, 12, 25, 50 and 100, by the step that was truly the best."""


@pytest.mark.parametrize("case", SMALL_AND_NOISY)
def test_filling_makes_up_for_a_little_agreement_only(case):
    """From step 12 to 100, agreement falls by 19 and by 10 %; the truth falls by .11, and rises by .06."""
    best, n2n, fill = SMALL_AND_NOISY[case]
    values = zip((6, 12, 25, 50, 100), n2n, fill, strict=True)
    items = [HeldOut(step, a, f, {"n2n": octants(a, spread=0.01, seed=step)}) for step, a, f in values]
    assert advise(items, kept=None, ended=False).suggested == best


def test_where_filling_makes_up_for_what_agreement_lost_that_is_said_and_the_light_is_yellow():
    """Truth rose to the last of them, by .06 since the best agreement."""
    advice = advice_on((0.076, 0.080, 0.076, 0.0745, 0.0745), (0.02, 0.03, 0.05, 0.066, 0.068), spread=1e-5)
    assert (advice.suggested, advice.light) == (500, "slow")
    assert advice.sentence == (
        "Held-out agreement is 7 % below its best (step 200), but filling of the wedge has gained more: "
        "step 500 scores best."
    )


# What is not there -----------------------------------------------------------------------------------


def test_filling_counts_only_where_every_preview_has_it():
    advice = advice_on((0.70, 0.79, 0.80, 0.30), (0.1, 0.1, 0.12, np.nan))
    assert (advice.suggested, advice.light) == (200, "bad")
    advice = advice_on((0.70, 0.79, 0.60, 0.40), (np.nan, np.nan, np.nan, 0.1))
    assert (advice.suggested, advice.light) == (200, "bad")


@pytest.mark.parametrize(
    ("kept", "step", "kind", "light"),
    [([300], 300, "best", "slow"), ([100, 200], 200, "suggested", "bad"), ([300, 400], 300, "best", "slow")],
)
def test_steps_whose_weights_are_gone_still_tell_how_training_went(kept, step, kind, light):
    advice = advice_on((0.70, 0.79, 0.60, 0.40), start=(0.3,), kept=kept, ended=True)
    assert (advice.step, advice.kind, advice.light) == (step, kind, light)
    assert "49 % below its best (step 200)" in advice.sentence


def test_agreement_that_is_never_above_zero_suggests_nothing():
    advice = advice_on((-0.3, -0.2, -0.1), start=(-0.5,))
    assert (advice.kind, advice.light) == ("best", "slow")
    assert "never above 0" in advice.sentence


def test_no_more_than_all_of_the_agreement_is_lost():
    assert "100 % below its best" in advice_on((0.1, 0.3, 0.4, 0.38, -0.9)).sentence


# What is said ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "ended", "light", "kind", "words"),
    [
        ([], False, "unknown", "none", "once there are three previews"),
        ([0.1, 0.2], False, "unknown", "best", "once there are three previews"),
        ([0.1, 0.2], True, "unknown", "best", "Too few held-out numbers"),
        ([0.1, 0.2, 0.3], False, "good", "suggested", "Still improving"),
        ([0.1, 0.2, 0.3], True, "good", "suggested", "still improving when it ended"),
        (
            [0.1, 0.3, 0.4, 0.4, 0.39, 0.39, 0.39],
            False,
            "slow",
            "suggested",
            "No step since 400 is clearly better",
        ),
        ([0.1, 0.3, 0.4, 0.38, 0.3], False, "bad", "suggested", "best (step 300). Stop, and use step 300"),
        ([0.1, 0.3, 0.4, 0.38, 0.3], True, "bad", "suggested", "25 % below its best (step 300). Use step"),
        ([0.4, 0.3], False, "slow", "best", "25 % below its best (step 100). Stop, and use step 100"),
    ],
)
def test_light_and_sentence(values, ended, light, kind, words):
    advice = advice_on(values, ended=ended)
    assert (advice.light, advice.kind) == (light, kind)
    assert words in advice.sentence
    assert advice.sentence[0].isupper()


def test_a_green_light_never_stands_beside_the_button_of_another_step():
    """Light, sentence and step of 1 000 runs of all kinds."""
    random, seen = np.random.default_rng(3), set()
    for _ in range(1000):
        count, start = int(random.integers(1, 9)), (0.2, 0.0) if random.random() < 0.5 else None
        n2n = 0.3 + np.cumsum(random.normal(0.01, 0.03, count))
        fill = np.cumsum(random.normal(0, 0.1, count)) if random.random() < 0.5 else None
        steps = [100 * (index + 1) for index in range(count)]
        kept = [step for step in steps if random.random() < 0.8] or None
        spread = float(random.choice([0.001, 0.05]))
        advice = advice_on(n2n, fill, start=start, spread=spread, kept=kept, ended=random.random() < 0.5)
        seen.add((advice.kind, advice.light))
        assert advice.step in (kept or steps)
        newest = advice.step == max(steps)
        assert newest or advice.light != "good"
        assert advice.kind == "suggested" or advice.light in ("unknown", "slow")
        if advice.light == "bad":
            assert not newest
        for light, words in (("good", "improving"), ("bad", "Over-fitting"), ("slow", "o longer training")):
            assert light == advice.light or words not in advice.sentence or "apart" in advice.sentence
    assert {("suggested", light) for light in ("good", "slow", "bad")} <= seen
    assert {("best", "slow"), ("best", "unknown")} <= seen


# Falls -----------------------------------------------------------------------------------------------


def test_a_paired_fall_knows_what_octants_have_in_common():
    rich = np.array([0.16, 0.16, 0.16, 0.16, 0.16, 0.16, 0.06, 0.16])
    fall, error = paired_fall(rich.tolist(), (0.9 * rich).tolist())
    assert (fall, error) == (pytest.approx(0.1), pytest.approx(0, abs=1e-12))
    values = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.8])
    fall, error = paired_fall([1.0] * 8, (1 - values).tolist())
    assert fall == pytest.approx(0.1)
    assert error == pytest.approx(np.sqrt(7 / 8 * np.sum((values - 0.1) ** 2)))


def test_a_paired_fall_is_measured_by_the_mean_where_an_octant_agrees_by_less_than_chance():
    fall, _ = paired_fall([0.2, 0.2, 0.2, -0.02], [0.1, 0.1, 0.1, -0.02])
    assert fall == pytest.approx(0.075 / 0.145)


def test_one_rich_octant_does_not_hide_that_all_agree_less():
    """A run of a network that learned the noise; without its richest octant the block agrees half as well."""
    best = HeldOut(25, 0.155, left_out={"n2n": (0.165, 0.164, 0.163, 0.162, 0.164, 0.164, 0.103, 0.147)})
    now = HeldOut(300, 0.038, left_out={"n2n": (0.041, 0.036, 0.039, 0.043, 0.042, 0.040, 0.024, 0.033)})
    assert has_fallen(best, now)


def test_a_paired_fall_needs_the_same_parts():
    with pytest.raises(ValueError, match="same parts twice, not 8 and 7"):
        paired_fall([0.1] * 8, [0.1] * 7)
    with pytest.raises(ValueError, match="not 0 and 0"):
        paired_fall([], [])


@pytest.mark.parametrize(
    ("before", "after", "spread", "expected"),
    [
        (0.5, 0.48, None, False),
        (0.5, 0.47, None, True),
        (0.5, 0.47, 1e-4, True),
        (0.5, 0.47, 0.01, False),
        (0.5, 0.1, 0.01, True),
        (-0.1, -0.5, None, False),
    ],
)
def test_a_fall_counts_beyond_five_percent_and_three_standard_errors(before, after, spread, expected):
    best, now = history((before, after), spread=spread)
    assert has_fallen(best, now) is expected
