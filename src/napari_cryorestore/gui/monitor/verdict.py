"""What a run's numbers say, in words: of one step, and of training as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_cryorestore.gui.traces import smoothing_span
from napari_cryorestore.runs.metric_words import words_for

if TYPE_CHECKING:
    from napari_cryorestore.runs.curve import Curve
    from napari_cryorestore.runs.state import RunState

_RECENT = 3
_ENDED = ("completed", "stopped", "failed")
LOSS_SENTENCE = (
    "What training makes small, averaged over the latest steps: it says that training goes on, "
    "not that the result is good."
)
PART_SENTENCE = "A part of the loss, averaged over the latest steps."


@dataclass(frozen=True)
class Verdict:
    """How training is doing.

    Attributes
    ----------
    level : str
        The colour of the light: ``"unknown"``, ``"good"``, ``"slow"`` or ``"bad"``.
    words : str
        One sentence.
    """

    level: Literal["unknown", "good", "slow", "bad"]
    words: str


@dataclass(frozen=True)
class Number:
    """One number of one step.

    Attributes
    ----------
    name, title : str
        As recorded, and as shown.
    sentence : str
        What it means.
    value : float
        NaN where this step has none.
    is_quality : bool
        Whether it judges the result; otherwise it is a loss.
    best : int or None
        The step with the highest value, for quality numbers.
    """

    name: str
    title: str
    sentence: str
    value: float
    is_quality: bool = False
    best: int | None = None

    @property
    def text(self) -> str:
        """The value as shown, four digits."""
        return f"{self.value:#.4g}".rstrip(".") if np.isfinite(self.value) else "–"


def verdict_on(state: RunState) -> Verdict:
    """Tell whether to go on, from the held-out numbers."""
    n2n = state.metrics.get("n2n")
    suggested = state.suggested_step
    ended = state.status() in _ENDED
    if n2n is None or suggested is None:
        return Verdict("unknown", _unknown_words(ended))
    if state.over_fitting:
        fall = 100 * (1 - n2n.values[np.isfinite(n2n.values)][-1] / np.nanmax(n2n.values))
        return Verdict(
            "bad",
            f"Over-fitting: held-out agreement is {fall:.0f} % below its best (step {_best(n2n)}). "
            f"{'Use an earlier step.' if ended else 'Stop, and use an earlier step.'}",
        )
    if suggested >= n2n.steps[-min(_RECENT, len(n2n))]:
        if ended:
            return Verdict("good", "It was still improving when it ended: more steps may help.")
        return Verdict("good", "Still improving: the newest steps are the best so far.")
    return Verdict("slow", f"No better since step {suggested}: longer training may not help.")


def numbers_at(state: RunState, step: int) -> list[Number]:
    """Return losses and quality numbers of a step, in the order in which they are drawn."""
    losses = [
        Number(
            name,
            "Loss" if name == "loss" else name.replace("_", " ").capitalize(),
            LOSS_SENTENCE if name == "loss" else PART_SENTENCE,
            _latest_mean(curve, step),
        )
        for name, curve in state.curves.items()
    ]
    qualities = []
    for name, curve in state.metrics.items():
        words, value = words_for(name), curve.at(step)
        known = np.nan if value is None else value
        qualities.append(Number(name, words.title, words.sentence, known, is_quality=True, best=_best(curve)))
    return losses + qualities


def _unknown_words(ended: bool) -> str:
    if ended:
        return "Too few held-out numbers to tell whether this run over-fitted."
    return "Quality is judged once there are three previews."


def _latest_mean(curve: Curve, step: int) -> float:
    """Return the mean of the values just before a step, over the span in which curves are smoothed."""
    stop = int(np.searchsorted(curve.steps, step, side="right"))
    values = curve.values[max(0, stop - smoothing_span(len(curve))) : stop]
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _best(curve: Curve) -> int | None:
    values = curve.values
    return int(curve.steps[np.nanargmax(values)]) if np.isfinite(values).any() else None


__all__ = ["Number", "Verdict", "numbers_at", "verdict_on"]
