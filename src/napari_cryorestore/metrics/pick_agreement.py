"""How well a list of particles agrees with a reference: Jones et al. 2026, Eq. 7."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Detection:
    """What was found of a reference, at every threshold of the score, from the highest to the lowest.

    Attributes
    ----------
    thresholds : array, shape (t,)
        The different scores, falling: picks with at least this score count. One NaN if there are no scores.
    precision, recall, f1 : array, shape (t,)
        tp / (tp + fp), tp / (tp + fn), and their harmonic mean; 0 where nothing is found.
    pr_auc : float
        Area under precision over recall by trapezoids, the first precision holding down to recall 0; never
        extended beyond the recall that was reached. NaN without scores.
    average_precision : float
        The same area by steps, Σ (R_k - R_(k-1)) P_k, which does not flatter. NaN without scores.
    mean_distance : float
        Between the true positives and their partners, in Å; NaN without any.
    found, picks, reference : int
        True positives of the whole list, its length, and that of the reference.
    partner : array of int, shape (picks,)
        Which reference particle each pick was matched to, in the order given; -1 for none.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    pr_auc: float
    average_precision: float
    mean_distance: float
    found: int
    picks: int
    reference: int
    partner: NDArray[np.int64]

    @property
    def best(self) -> int:
        """Index of the threshold with the highest F1, the highest one of equals."""
        return int(np.argmax(self.f1))


def match_picks(
    picks: ArrayLike, scores: ArrayLike | None, reference: ArrayLike, tolerance: float
) -> Detection:
    """Match picks to reference particles one to one, the highest score first.

    Each pick takes the nearest reference particle that is still free and no farther than the tolerance; of
    equal scores the pick that stands first in the list chooses first.

    Parameters
    ----------
    picks : array-like, shape (n, 3)
        Positions (z, y, x) in Å.
    scores : array-like, shape (n,), or None
        Higher is better; without scores there is one threshold, and no area.
    reference : array-like, shape (m, 3)
        Positions (z, y, x) in Å, in the same frame.
    tolerance : float
        In Å; half a particle's diameter is usual.

    Returns
    -------
    Detection

    Raises
    ------
    ValueError
        If a list is empty or not (n, 3), a number is not finite, the scores do not match the picks, or the
        tolerance is not positive.
    """
    ours, theirs = _positions(picks, "list of picks"), _positions(reference, "reference list")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"The tolerance must be a positive number of Å, not {tolerance:g}.")
    values = np.zeros(len(ours)) if scores is None else np.asarray(scores, dtype=np.float64)
    if values.shape != (len(ours),) or not np.isfinite(values).all():
        raise ValueError(
            f"{len(ours)} picks need as many finite scores, not an array of shape {values.shape}"
            f"{'' if np.isfinite(values).all() else ' with NaN or infinite values'}."
        )
    order = np.argsort(-values, kind="stable")
    partner, distance = _matched(ours, theirs, order, tolerance)
    thresholds, last = _thresholds(values[order])
    true = np.cumsum(partner[order] >= 0)[last].astype(np.float64)
    precision, recall = true / (last + 1), true / len(theirs)
    both = precision + recall
    areas = _areas(precision, recall) if scores is not None else (math.nan, math.nan)
    hits = partner >= 0
    return Detection(
        thresholds=thresholds if scores is not None else np.array([math.nan]),
        precision=precision,
        recall=recall,
        f1=np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0),
        pr_auc=areas[0],
        average_precision=areas[1],
        mean_distance=float(distance[hits].mean()) if hits.any() else math.nan,
        found=int(hits.sum()),
        picks=len(ours),
        reference=len(theirs),
        partner=partner,
    )


def _matched(
    picks: Floats, reference: Floats, order: NDArray[np.int64], tolerance: float
) -> tuple[NDArray[np.int64], Floats]:
    near = KDTree(reference).query_ball_point(picks, tolerance)
    free = np.ones(len(reference), dtype=bool)
    partner, distance = np.full(len(picks), -1, dtype=np.int64), np.full(len(picks), np.nan)
    for i in order:
        candidates = [j for j in sorted(near[i]) if free[j]]
        if candidates:
            away = np.linalg.norm(reference[candidates] - picks[i], axis=1)
            nearest = int(away.argmin())
            partner[i], distance[i] = candidates[nearest], away[nearest]
            free[candidates[nearest]] = False
    return partner, distance


def _thresholds(falling: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the different scores, and where the last pick of each stands."""
    last = np.flatnonzero(np.append(np.diff(falling) != 0, True))
    return falling[last], last


def _areas(precision: Floats, recall: Floats) -> tuple[float, float]:
    from_zero = np.concatenate([[0.0], recall])
    heights = np.concatenate([precision[:1], precision])
    return float(np.trapezoid(heights, from_zero)), float((np.diff(from_zero) * precision).sum())


def _positions(values: ArrayLike, what: str) -> Floats:
    positions = np.asarray(values, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"The {what} needs positions (z, y, x), not an array of shape {positions.shape}.")
    if not len(positions):
        raise ValueError(f"The {what} is empty: choose one with at least one particle.")
    if not np.isfinite(positions).all():
        raise ValueError(f"The {what} holds NaN or infinite positions: repair or remove those lines.")
    return positions


__all__ = ["Detection", "match_picks"]
