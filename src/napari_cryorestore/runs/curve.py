"""A curve that grows: values by step, kept in arrays that are extended in batches."""

from __future__ import annotations

import math

import numpy as np


class Curve:
    """Values by step, ascending; appending costs constant time on average.

    New values wait in lists until somebody looks, so a fold of many events copies next to nothing.
    """

    def __init__(self) -> None:
        self._steps = np.empty(256, dtype=np.int64)
        self._values = np.empty(256, dtype=np.float64)
        self._length = 0
        self._last: float = -math.inf
        self._new_steps: list[int] = []
        self._new_values: list[float] = []

    def __len__(self) -> int:
        return self._length + len(self._new_steps)

    @property
    def steps(self) -> np.ndarray:
        """Steps, int64, shape (n,); a read-only view of the present state."""
        self._settle()
        return _read_only(self._steps[: self._length])

    @property
    def values(self) -> np.ndarray:
        """Values, float64, shape (n,), NaN where a loss was not finite; a read-only view."""
        self._settle()
        return _read_only(self._values[: self._length])

    def append(self, step: int, value: float) -> None:
        """Add a value; what was known of this step and later ones is forgotten first."""
        if step <= self._last:
            self.rewind(step - 1)
        self._last = step
        self._new_steps.append(step)
        self._new_values.append(value)

    def rewind(self, step: int) -> None:
        """Forget everything after a step."""
        self._settle()
        self._length = int(np.searchsorted(self._steps[: self._length], step, side="right"))
        self._last = int(self._steps[self._length - 1]) if self._length else -math.inf

    def at(self, step: int) -> float | None:
        """Return the value of exactly this step, or ``None``."""
        steps = self.steps
        index = int(np.searchsorted(steps, step))
        return float(self._values[index]) if index < len(steps) and steps[index] == step else None

    def _settle(self) -> None:
        """Move what waits into the arrays, which at least double when they are too short."""
        if not self._new_steps:
            return
        length = len(self)
        if length > len(self._steps):
            room = max(length, 2 * len(self._steps))
            self._steps = np.resize(self._steps, room)
            self._values = np.resize(self._values, room)
        self._steps[self._length : length] = self._new_steps
        self._values[self._length : length] = self._new_values
        self._length = length
        self._new_steps.clear()
        self._new_values.clear()


def _read_only(view: np.ndarray) -> np.ndarray:
    view.flags.writeable = False
    return view


__all__ = ["Curve"]
