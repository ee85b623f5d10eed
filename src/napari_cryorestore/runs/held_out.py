"""What a step scored on the held-out block, by how much two steps differ, and whether a run may end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FALL = 0.05
"""Share of its best value by which held-out agreement falls before that means something."""
ERRORS = 3.0
"""Standard errors that such a fall must exceed besides."""
AGREEMENT, FILLING = "held-out agreement", "wedge filling"
"""What a step is judged by: filling only where one map was given, which has nothing to agree with."""
OCTANTS = 8
"""Parts of the held-out block of which each is left out once."""
PLATEAU = 0.01
"""Spread of the output, as a share of the input's, below which a network has not yet begun to learn."""
IN_A_ROW = 3
"""Previews in a row that must have fallen."""
LEAST_STEPS = 200
"""Steps after the best before which no run ends."""


@dataclass(frozen=True)
class HeldOut:
    """What one preview, or the network before its first step, scored on the held-out block.

    Attributes
    ----------
    step : int
        Optimiser steps done; 0 before training.
    n2n, fill : float
        Held-out agreement, and wedge filling; NaN where unknown. Of one map, filling stands as the first.
    left_out : mapping of str to sequence of 8 float
        Both again, each without one octant of the block; empty for old runs.
    spread : float or None
        Standard deviation of the restored block relative to the input's; ``None`` for old runs.
    by : str
        What `n2n` is, in words.
    """

    step: int
    n2n: float
    fill: float = np.nan
    left_out: Mapping[str, Sequence[float]] = field(default_factory=dict)
    spread: float | None = None
    by: str = AGREEMENT


def paired_fall(at_best: Sequence[float], now: Sequence[float]) -> tuple[float, float]:
    """Return by which share a number fell between two steps, and the standard error of that.

    Both steps are judged on the same octants of one block, each by its own share, so that what makes one
    hard, easy or rich in structure cancels. Where gold lies in one corner, a block agrees half as well
    without it, and falls half as far; the share stays.

    Parameters
    ----------
    at_best, now : sequence of n float
        The number at either step, each with one part of the block left out (a jackknife).

    Returns
    -------
    fall, standard_error : float
        As a share of the number at its best; the fall is positive where it was higher then.

    Raises
    ------
    ValueError
        If the two do not have the same parts, or none.
    """
    if not len(at_best) or len(at_best) != len(now):
        raise ValueError(f"A paired fall needs the same parts twice, not {len(at_best)} and {len(now)}.")
    best, last = (np.asarray(parts, dtype=np.float64) for parts in (at_best, now))
    whole = best if best.min() > 0 else max(abs(best.mean()), np.finfo(np.float64).tiny)
    falls = (best - last) / whole
    return float(falls.mean()), float(standard_error(falls))


def lost_share(best: HeldOut, now: HeldOut) -> float:
    """Return which share of its best agreement is lost, 1 at most; 0 where the best is not above 0."""
    return min(1.0, 1 - now.n2n / best.n2n) if best.n2n > 0 else 0.0


def agreement_fall(best: HeldOut, now: HeldOut) -> tuple[float, float]:
    """Return by which share held-out agreement fell, and the standard error of that, 0 where unknown."""
    parts = [item.left_out.get("n2n", ()) for item in (best, now)]
    if len(parts[0]) == len(parts[1]) > 1:
        return paired_fall(*parts)
    return lost_share(best, now), 0.0


def has_fallen(best: HeldOut, now: HeldOut) -> bool:
    """Tell whether agreement lies clearly below its best: by more than 5 % and three standard errors."""
    fall, error = agreement_fall(best, now)
    return best.n2n > 0 and fall > max(FALL, ERRORS * error)


def standard_error(parts: np.ndarray) -> np.ndarray:
    """Return the jackknife's standard error over the last axis."""
    count = parts.shape[-1]
    squares = np.square(parts - parts.mean(axis=-1, keepdims=True)).sum(axis=-1)
    return np.asarray(np.sqrt((count - 1) / count * squares))


@dataclass(frozen=True)
class Ending:
    """Why a run may end.

    Attributes
    ----------
    step : int
        The latest preview.
    best : int
        The step with the highest held-out agreement.
    fall : float
        How far below it the latest agreement is, as a share of it.
    """

    step: int
    best: int
    fall: float

    @property
    def words(self) -> str:
        """One sentence for the user."""
        return (
            f"Ended at step {self.step}: held-out agreement fell {100 * self.fall:.0f} % below its best "
            f"at step {self.best}."
        )


def ending(history: Sequence[HeldOut]) -> Ending | None:
    """Tell whether held-out agreement has fallen so far and for so long that training need not go on.

    It must lie below its best by more than 5 % and three standard errors of that very difference in each of
    the latest three previews, the last of which must come at least 200 steps, and once the steps to the best,
    after the best. How well the wedge is filled does not count, so a run of one map takes all its steps. A
    network that has not begun to learn is neither at its best nor past it, nor is one before its first step,
    with which nobody restores.

    Parameters
    ----------
    history : sequence of HeldOut
        By step, ascending.

    Returns
    -------
    Ending or None
        ``None`` while training should go on.
    """
    known = [item for item in history if math.isfinite(item.n2n) and item.by == AGREEMENT]
    learned = [item for item in known if item.step and (item.spread is None or item.spread >= PLATEAU)]
    latest = known[-IN_A_ROW:]
    if len(latest) < IN_A_ROW or learned[-IN_A_ROW:] != latest:
        return None
    best, now = max(learned, key=lambda item: item.n2n), latest[-1]
    long_past = now.step - best.step >= max(LEAST_STEPS, best.step)
    if not long_past or not all(has_fallen(best, item) for item in latest):
        return None
    return Ending(now.step, best.step, lost_share(best, now))


__all__ = [
    "AGREEMENT",
    "ERRORS",
    "FALL",
    "FILLING",
    "IN_A_ROW",
    "LEAST_STEPS",
    "OCTANTS",
    "PLATEAU",
    "Ending",
    "HeldOut",
    "agreement_fall",
    "ending",
    "has_fallen",
    "lost_share",
    "paired_fall",
    "standard_error",
]
