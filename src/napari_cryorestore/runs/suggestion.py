"""Which step to use, and whether training has gone on for too long, from held-out numbers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

FALL = 0.05
_WINDOW = 3


def suggest_step(
    steps: np.ndarray,
    n2n: np.ndarray,
    fill: np.ndarray | None = None,
    *,
    among: Collection[int] | None = None,
) -> int | None:
    """Return the step with the best held-out score.

    The score is ``n2n + fill`` (``n2n`` alone for methods that fill nothing), averaged over three
    neighbouring snapshots.

    Parameters
    ----------
    steps : array, shape (n,)
        Steps, ascending.
    n2n, fill : array, shape (n,)
        The two held-out numbers at these steps; NaN where unknown.
    among
        Steps to choose from, e.g. those whose weights still exist; all if ``None``.

    Returns
    -------
    int or None
        ``None`` before three snapshots are known, or where no step may be chosen.
    """
    score = np.asarray(n2n, dtype=np.float64) + (0.0 if fill is None else np.asarray(fill, dtype=np.float64))
    known = np.isfinite(score)
    steps, score = np.asarray(steps)[known], score[known]
    if len(score) < _WINDOW:
        return None
    allowed = np.ones(len(steps), dtype=bool) if among is None else np.isin(steps, list(among))
    if not allowed.any():
        return None
    smooth = np.where(allowed, _moving_mean(score), -np.inf)
    return int(steps[np.argmax(smooth)])


def over_fitting(n2n: np.ndarray) -> bool:
    """Tell whether the held-out ``n2n``, shape (n,), has fallen more than 5 % below its maximum."""
    known = np.asarray(n2n, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return False
    best = float(known.max())
    return best > 0 and float(known[-1]) < (1 - FALL) * best


def _moving_mean(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, _WINDOW // 2, mode="edge")
    return np.convolve(padded, np.full(_WINDOW, 1 / _WINDOW), mode="valid")


__all__ = ["FALL", "over_fitting", "suggest_step"]
