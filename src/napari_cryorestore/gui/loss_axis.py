"""The axis of losses: plain numbers, 1-2-5 on a logarithmic scale, never so many that they touch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyqtgraph as pg

_PIXELS_PER_TICK = 24
_FEW_DECADES = 0.8


class LossAxis(pg.AxisItem):
    """A left axis whose logarithmic ticks stay readable within one decade, where most losses are."""

    def __init__(self) -> None:
        super().__init__("left")
        self.enableAutoSIPrefix(False)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[Any, Any]]:  # noqa: N802
        """Return the values that are labelled; logarithms where the scale is logarithmic."""
        if not self.logMode:
            return list(super().tickValues(low, high, size))
        low, high = sorted((low, high))
        ticks = log_ticks(low, high, most=max(2, int(size / _PIXELS_PER_TICK)))
        return [(None, ticks)]

    def logTickStrings(self, values: Any, scale: float, spacing: Any) -> list[str]:  # noqa: N802
        """Write logarithms as the numbers that they stand for."""
        return [f"{10**value:.3g}" for value in values]


def log_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Return the decimal logarithms of round numbers within a range given by its logarithms.

    Parameters
    ----------
    low, high : float
        Logarithms of the ends.
    most : int
        How many ticks there is room for.
    """
    if high - low < _FEW_DECADES:
        return [math.log10(value) for value in _linear_ticks(10**low, 10**high, most)]
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [decade + math.log10(factor) for decade in decades for factor in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= most:
            return inside
    return inside[:: -(-len(inside) // most)]


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    rough = max((high - low) / most, 1e-300)
    power = 10.0 ** math.floor(math.log10(rough))
    spacing = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    values = np.arange(math.ceil(low / spacing), math.floor(high / spacing) + 1) * spacing
    return [float(value) for value in values if value > 0]


__all__ = ["LossAxis", "log_ticks"]
