"""Whether a run is so far past its best that it may end, from held-out numbers alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_cryorestore.runs.held_out import AGREEMENT, has_fallen, lost_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.runs.held_out import HeldOut

PLATEAU = 0.01
"""Spread of the output, as a share of the input's, below which a network has not yet begun to learn."""
IN_A_ROW = 3
"""Previews in a row that must have fallen."""
LEAST_STEPS = 200
"""Steps after the best before which no run ends."""


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


__all__ = ["IN_A_ROW", "LEAST_STEPS", "PLATEAU", "Ending", "ending"]
