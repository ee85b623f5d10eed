"""The numbers of a run as they are shown: smoothed, thinned curves, the values of one step, a table."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.runs.metric_words import words_for
from napari_cryorestore.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.runs.state import Curve, RunState

_SHORTEST_SPAN, _LONGEST_SPAN = 5, 500
_SHARE = 0.1
_SMALLEST = 1e-9
_STABLE = 20  # spans in a block; beyond, its oldest values weigh less than rounding errors

LOSS_SENTENCE = (
    "What training makes small, averaged over the latest steps: it says that training goes on, "
    "not that the result is good."
)
PART_SENTENCE = "A part of the loss, averaged over the latest steps."


def smoothing_span(count: int) -> int:
    """Return over how many values a curve of that many values is averaged."""
    return int(min(max(count // 80, _SHORTEST_SPAN), _LONGEST_SPAN))


def smoothed(values: np.ndarray, *, span: int) -> np.ndarray:
    """Return the exponential moving average of values that arrive one after another.

    Near the start, where a loss falls fast, the memory is a tenth of what has arrived, so that the
    average follows.

    Parameters
    ----------
    values : array, shape (n,)
        NaN where there is none; such gaps stay gaps and weigh nothing.
    span : int
        Values over which the memory fades later on, at least 1.

    Returns
    -------
    array, shape (n,)
        Not pulled towards zero at the start: the first value is itself.
    """
    gain = np.maximum(1 / (1 + _SHARE * np.arange(len(values))), 1 / max(span, 1))
    known = np.isfinite(values)
    total = _faded_sums(np.where(known, values, 0.0) * gain, 1 - gain, block=_STABLE * max(span, 1))
    weight = _faded_sums(known * gain, 1 - gain, block=_STABLE * max(span, 1))
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)


def decimated(steps: np.ndarray, values: np.ndarray, *, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve that looks the same with at most ``limit`` points.

    Each stretch of the curve is represented by its lowest and highest value, in their order.

    Parameters
    ----------
    steps, values : array, shape (n,)
        The curve; values may be NaN.
    limit : int
        At least 4.

    Returns
    -------
    steps, values : array
        The curve itself where it is short enough.
    """
    if len(steps) <= limit:
        return steps, values
    width = -(-len(steps) // (limit // 2))
    whole = len(steps) // width * width
    blocks = values[:whole].reshape(-1, width)
    lowest = np.where(np.isfinite(blocks), blocks, np.inf).argmin(axis=1)
    highest = np.where(np.isfinite(blocks), blocks, -np.inf).argmax(axis=1)
    first = np.arange(len(blocks)) * width
    chosen = np.sort(np.stack([lowest, highest], axis=1), axis=1) + first[:, None]
    picked = np.append(chosen.ravel(), len(steps) - 1)
    return steps[picked], values[picked]


def _faded_sums(values: np.ndarray, fading: np.ndarray, *, block: int) -> np.ndarray:
    """Return s with s[i] = values[i] + fading[i] s[i - 1], in blocks that stay within range."""
    fading = np.maximum(fading, _SMALLEST)  # at a gain of 1 nothing earlier counts
    sums = np.empty(len(values))
    carried = 0.0
    for start in range(0, len(values), block):
        part = slice(start, start + block)
        fade = np.cumprod(fading[part])
        sums[part] = fade * (carried + np.cumsum(values[part] / fade))
        carried = sums[part][-1]
    return sums


@dataclass(frozen=True)
class StepNumber:
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


def numbers_at(state: RunState, step: int) -> list[StepNumber]:
    """Return losses and quality numbers of a step, in the order in which they are drawn."""
    losses = [
        StepNumber(
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
        qualities.append(
            StepNumber(name, words.title, words.sentence, known, is_quality=True, best=_best(curve))
        )
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


def write_csv(state: RunState, path: Path) -> None:
    """Write losses and quality numbers, one row a step; a cell stays empty where there is no number.

    Raises
    ------
    OSError
        If the file cannot be written; an older one is kept.
    """
    curves: dict[str, Curve] = {**state.curves, **state.metrics}
    columns = [
        dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True)) for curve in curves.values()
    ]
    steps = sorted(set().union(*columns)) if columns else []
    with whole_file(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *curves])
        writer.writerows([step, *(column.get(step, "") for column in columns)] for step in steps)


__all__ = ["StepNumber", "decimated", "numbers_at", "smoothed", "smoothing_span", "write_csv"]
