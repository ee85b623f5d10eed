"""Which step of a run to take, and how training is doing: one advice, from held-out numbers alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from napari_cryorestore.runs.held_out import (
    AGREEMENT,
    ERRORS,
    FALL,
    OCTANTS,
    HeldOut,
    has_fallen,
    lost_share,
    paired_fall,
    standard_error,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Kind = Literal["suggested", "best", "newest", "none"]
Light = Literal["unknown", "good", "slow", "bad"]
ONE_MAP = "One map has no held-out agreement: wedge filling alone decides."
_WINDOW = 3
_UNEVEN = 1.5
"""How many times farther one neighbour may be than the other where a row is averaged with both."""
_SOUND = 0.9
"""Share of the best agreement that a step needs to be suggested: filling may make up for a little less."""
_AS_GOOD = 0.02
"""Share of the best score that an earlier step may lack besides being within its standard error."""


@dataclass(frozen=True)
class StepAdvice:
    """Everything that a run's numbers advise; lights, sentences and buttons are made from it alone.

    Attributes
    ----------
    step : int or None
        The step to take; ``None`` where there is none.
    kind : str
        Why that one: ``"suggested"`` by three previews and more; ``"best"``, the highest score where nothing
        can be suggested; ``"newest"`` where nothing was scored; ``"none"`` where nothing was saved.
    light : str
        ``"good"`` where the step is the newest that was scored, ``"slow"`` where an earlier one is better or
        the numbers are doubtful, ``"bad"`` where the run over-fits, ``"unknown"`` before three previews.
    sentence : str
        How training is doing, and where an earlier step is the better one, which.
    apart : str
        How agreement and wedge filling pull apart, if they do: then agreement alone decides.
    newest : int or None
        The newest step that could be taken.
    why : str
        Why the step is not the one of the best agreement; empty where it is.
    """

    step: int | None
    kind: Kind
    light: Light
    sentence: str
    apart: str = ""
    newest: int | None = None
    why: str = ""

    @property
    def suggested(self) -> int | None:
        """The step, if it is a suggestion."""
        return self.step if self.kind == "suggested" else None


def advise(
    history: Sequence[HeldOut], *, kept: Collection[int] | None, ended: bool, unscored: bool = False
) -> StepAdvice:
    """Return which step to take, and how training is doing.

    Parameters
    ----------
    history : sequence of HeldOut
        By step, ascending; step 0 is the network before training, where that is known.
    kept : collection of int or None
        The steps whose weights are there; ``None`` for all that were scored.
    ended : bool
        Whether the run is over.
    unscored : bool
        Whether previews were judged that gave no score: of one map, by a method that fills no wedge.
    """
    scores = _Scores(history, kept)
    if not scores.allowed.any():
        return _unscored(kept, ended=ended, without=unscored)
    chosen = scores.suggestion()
    advice = _second_best(scores, ended=ended) if chosen is None else _suggestion(scores, chosen, ended=ended)
    return advice if scores.last.by == AGREEMENT else replace(advice, sentence=f"{advice.sentence} {ONE_MAP}")


class _Chosen(NamedTuple):
    """The step that is suggested, the one of the highest score, and what the score is made of."""

    step: int
    top: int
    decides: Literal["score", "n2n"]


class _Scores:
    """The scored steps after step 0 as arrays, shape (n,) and for octants left out (n, 8)."""

    def __init__(self, history: Sequence[HeldOut], kept: Collection[int] | None) -> None:
        known = [item for item in history if np.isfinite(item.n2n)]
        self.rows = [item for item in known if item.step > 0]
        self.fills = bool(self.rows) and all(np.isfinite(item.fill) for item in self.rows)
        self.start = next((item for item in known if item.step == 0), None)
        self.steps = np.array([item.step for item in self.rows], dtype=np.int64)
        self.allowed = np.ones(len(self.rows), bool) if kept is None else np.isin(self.steps, list(kept))
        self.newest = max(kept or self.steps.tolist(), default=None)
        self.best = max(self.rows, key=lambda item: item.n2n, default=None)

    @property
    def last(self) -> HeldOut:
        """The newest scored step, whether its weights are there or not."""
        return self.rows[-1]

    @cached_property
    def sound(self) -> np.ndarray:
        """Which steps can be taken and do not lie far below the best agreement."""
        return np.asarray(self.allowed & np.array([self.is_sound(item) for item in self.rows]))

    def is_sound(self, item: HeldOut) -> bool:
        """Tell whether a step does not lie far below the best agreement."""
        assert self.best is not None
        return item.n2n >= min(_SOUND * self.best.n2n, self.best.n2n)

    def row(self, step: int) -> HeldOut:
        """Return the numbers of a step."""
        return self.rows[int(np.flatnonzero(self.steps == step)[0])]

    def values(self, decides: str) -> tuple[np.ndarray, np.ndarray]:
        """Return what decides, (n,), and the same with each octant left out, (n, 8) or NaN."""
        both = ("n2n", "fill") if self.fills else ("n2n",)
        names = both if decides == "score" else (decides,)
        whole = np.sum([[getattr(item, name) for item in self.rows] for name in names], axis=0)
        parts = np.sum([[_octants(item, name) for item in self.rows] for name in names], axis=0)
        return whole, parts

    def suggestion(self) -> _Chosen | None:
        """Return the step that is suggested, if any, and what decides."""
        decides: Literal["score", "n2n"] = "n2n" if self.apart else "score"
        if len(self.rows) < _WINDOW or self.best is None or self.best.n2n <= 0:
            return None
        whole, parts = (_smoothed(values, self.steps) for values in self.values(decides))
        allowed = self.sound & (whole > self._beginning(decides))
        if not allowed.any():
            return None
        top = int(np.argmax(np.where(allowed, whole, -np.inf)))
        row = _earliest(whole, parts, allowed, top)
        return _Chosen(int(self.steps[row]), int(self.steps[top]), decides)

    def why(self, step: int, top: int, decides: str) -> str:
        """Return why a step is taken that is not the one of the best agreement."""
        assert self.best is not None
        if not self.allowed[self.rows.index(self.best)]:
            return f"the weights of step {self.best.step} are gone"
        both = self.fills and decides == "score"
        words = "the sum of agreement and wedge filling" if both else self.best.by.removeprefix("held-out ")
        return why_words(step, top=top, peak=self.best.step, decides=words)

    @cached_property
    def apart(self) -> tuple[HeldOut, HeldOut] | None:
        """Return the steps of the best score and agreement, where filling falls as agreement rises.

        Each clearly lacks what the other has. Where agreement falls as filling rises, over-fitting begins,
        which is another matter.
        """
        if not self.fills or len(self.rows) < _WINDOW:
            return None
        whole, _ = self.values("score")
        n2n, fill = (
            [_smoothed(values, self.steps) for values in self.values(name)] for name in ("n2n", "fill")
        )
        first, second = (int(np.argmax(values)) for values in (_smoothed(whole, self.steps), n2n[0]))
        lack = _falls_clearly(n2n, second, first) and _falls_clearly(fill, first, second)
        return (self.rows[first], self.rows[second]) if first < second and lack else None

    def _beginning(self, decides: str) -> float:
        """Return what step 0 scored; below everything where that is not known."""
        if self.start is None:
            return -np.inf
        filled = self.start.fill if decides == "score" and self.fills else 0.0
        return self.start.n2n + (filled if np.isfinite(filled) else 0.0)  # a flat block fills nothing


def _suggestion(scores: _Scores, chosen: _Chosen, *, ended: bool) -> StepAdvice:
    step, best, last = chosen.step, scores.best, scores.last
    assert best is not None
    why = scores.why(*chosen)
    light: Light
    fallen = has_fallen(best, last)
    if has_fallen(scores.row(step), last) or (fallen and not scores.is_sound(last)):
        light, words = "bad", f"Over-fitting: {fallen_words(best, last)}. {use_words(step, why, ended=ended)}"
    elif step != last.step:
        light, words = "slow", f"No step since {step} is clearly better: longer training may not help."
    elif fallen:
        gained = "but filling of the wedge has gained more"
        light, words = "slow", f"{fallen_words(best, last).capitalize()}, {gained}: step {step} scores best."
    elif ended:
        light, words = "good", "It was still improving when it ended: more steps may help."
    else:
        light, words = "good", "Still improving: the newest preview is the best so far."
    apart = "" if scores.apart is None else apart_words(*scores.apart)
    if apart:
        words = apart if light == "good" else f"{words} {apart}"
        light = "slow" if light == "good" else light
    return StepAdvice(step, "suggested", light, words, apart, scores.newest, why)


def _second_best(scores: _Scores, *, ended: bool) -> StepAdvice:
    """Advise where nothing can be suggested, though something was scored."""
    best, last = scores.best, scores.last
    assert best is not None
    whole, _ = scores.values("score")
    among = scores.sound if scores.sound.any() else scores.allowed
    step = int(scores.steps[np.argmax(np.where(among, whole, -np.inf))])
    light: Light = "slow"
    why = ""
    if has_fallen(best, last):
        among_these = "with about the best agreement" if scores.sound.any() else "whose weights are there"
        why = "" if step == best.step else f"of those {among_these}, it scores best"
        words = f"{fallen_words(best, last).capitalize()}. {use_words(step, why, ended=ended)}"
    elif len(scores.rows) < _WINDOW:
        light, words = "unknown", too_early_words(ended=ended)
    elif not scores.sound.any():
        words = f"The weights of all better steps are gone. Of those left, step {step} scores best."
    elif best.n2n <= 0:
        learned = "nothing that both halves hold was learned" if best.by == AGREEMENT else "nothing is filled"
        words = f"{best.by.capitalize()} is never above 0: {learned}."
    else:
        more = "this run has not learned enough to be used" if ended else "training has not helped so far"
        words = f"No step scores above step 0, before training: {more}. Of all, step {step} scores best."
    return StepAdvice(step, "best", light, words, newest=scores.newest, why=why)


def _unscored(kept: Collection[int] | None, *, ended: bool, without: bool) -> StepAdvice:
    newest = max(kept or (), default=None)
    words = no_number_words() if without else too_early_words(ended=ended)
    if kept is not None and not kept:
        words = "No step can be taken: the weights of all were deleted."
    return StepAdvice(newest, "none" if newest is None else "newest", "unknown", words, newest=newest)


def _earliest(whole: np.ndarray, parts: np.ndarray, allowed: np.ndarray, best: int) -> int:
    """Return the first row whose value is as good as the best one.

    It lies no more than a paired standard error and 2 % below: in its first steps a network changes by more
    than one small block shows.
    """
    errors = np.nan_to_num(standard_error(parts[best] - parts))
    good = whole[best] - whole <= np.minimum(errors, _AS_GOOD * abs(whole[best]))
    return int(np.flatnonzero(allowed & good)[0])


def _falls_clearly(number: list[np.ndarray], high: int, low: int) -> bool:
    """Tell whether a number lies clearly lower in one row than in another, as `has_fallen` does."""
    whole, parts = number
    error = np.nan_to_num(standard_error(parts[high] - parts[low]))
    return bool(whole[high] - whole[low] > max(FALL * abs(whole[high]), ERRORS * error))


def _octants(item: HeldOut, name: str) -> Sequence[float]:
    values = item.left_out.get(name, ())
    return values if len(values) == OCTANTS else [np.nan] * OCTANTS


def _smoothed(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the mean over three neighbouring rows where these are about equally far apart.

    Where they are not, as the first previews of a run, a row stays as it is: before it the network learned
    more than after it, and the mean of such steps says nothing of the one between.
    """
    if len(steps) < _WINDOW:
        return values
    gaps = np.diff(steps)
    before, after = np.append(gaps[:1], gaps), np.append(gaps, gaps[-1:])
    alike = np.maximum(before, after) <= _UNEVEN * np.minimum(before, after)
    padded = np.concatenate([values[:1], values, values[-1:]])
    means = (padded[:-2] + values + padded[2:]) / _WINDOW
    return np.where(alike.reshape(-1, *[1] * (values.ndim - 1)), means, values)


def no_number_words() -> str:
    """Return what is said where previews give no number that tells one step from another."""
    return (
        "No number tells which step is best: one map has no held-out agreement, and this method fills no "
        "wedge. Look at the previews."
    )


def too_early_words(*, ended: bool) -> str:
    """Return what is said before three previews."""
    if ended:
        return "Too few held-out numbers to tell whether this run over-fitted."
    return "Quality is judged once there are three previews."


def fallen_words(best: HeldOut, last: HeldOut) -> str:
    """Return by how much agreement lies below its best."""
    return f"{last.by} is {100 * lost_share(best, last):.0f} % below its best (step {best.step})"


def use_words(step: int, why: str, *, ended: bool) -> str:
    """Return what to do where an earlier step is the better one, and why that one."""
    use = f"Use step {step}" if ended else f"Stop, and use step {step}"
    return f"{use}: {why}." if why else f"{use}."


def why_words(step: int, *, top: int, peak: int, decides: str) -> str:
    """Return why a step is taken that is not the one of the best agreement; nothing where it is.

    Parameters
    ----------
    step : int
        That is taken.
    top : int
        Of the highest score.
    peak : int
        Of the best agreement.
    decides : str
        What the score is, in words.
    """
    if step == peak:
        return ""
    if step != top:
        return f"within the noise of {decides} it is as good as step {top}, and fewer steps learn less noise"
    return f"averaged over neighbouring previews, {decides} is highest there"


def apart_words(by_score: HeldOut, by_agreement: HeldOut) -> str:
    """Return how agreement and filling differ between two steps, and which of them decides why."""
    (first, second) = sorted((by_score, by_agreement), key=lambda item: item.step)
    return (
        f"Agreement and wedge filling pull apart between steps {first.step} and {second.step} "
        f"({_signed(first.n2n)} → {_signed(second.n2n)} and {_signed(first.fill)} → {_signed(second.fill)}): "
        "agreement decides, as it compares with measured voxels what was restored from them, while filling "
        "judges a second pass over a restored block. Do not trust what fills the wedge here."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


__all__ = [
    "ONE_MAP",
    "HeldOut",
    "Kind",
    "Light",
    "StepAdvice",
    "advise",
    "apart_words",
    "fallen_words",
    "has_fallen",
    "no_number_words",
    "paired_fall",
    "too_early_words",
    "use_words",
    "why_words",
]
