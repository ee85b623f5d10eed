"""What is drawn of a curve: smoothed values, and no more points than the eye can tell apart."""

from __future__ import annotations

import numpy as np

_SHORTEST_SPAN, _LONGEST_SPAN = 5, 500
_SHARE = 0.1
_SMALLEST = 1e-9
_STABLE = 20  # spans in a block; beyond, its oldest values weigh less than rounding errors


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


__all__ = ["decimated", "smoothed", "smoothing_span"]
