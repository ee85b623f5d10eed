"""The numbers of one step of a run, and what each of them means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.gui.traces import smoothing_span
from napari_cryorestore.runs.metric_words import words_for

if TYPE_CHECKING:
    from napari_cryorestore.runs.curve import Curve
    from napari_cryorestore.runs.state import RunState

LOSS_SENTENCE = (
    "What training makes small, averaged over the latest steps: it says that training goes on, "
    "not that the result is good."
)
PART_SENTENCE = "A part of the loss, averaged over the latest steps."


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


def _latest_mean(curve: Curve, step: int) -> float:
    """Return the mean of the values just before a step, over the span in which curves are smoothed."""
    stop = int(np.searchsorted(curve.steps, step, side="right"))
    values = curve.values[max(0, stop - smoothing_span(len(curve))) : stop]
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _best(curve: Curve) -> int | None:
    values = curve.values
    return int(curve.steps[np.nanargmax(values)]) if np.isfinite(values).any() else None


__all__ = ["Number", "numbers_at"]
