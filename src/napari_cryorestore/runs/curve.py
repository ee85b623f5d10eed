"""A curve that grows: values by step, in arrays with room to spare."""

from __future__ import annotations

import numpy as np

_FIRST_ROOM = 256


class Curve:
    """Values by step, ascending; appending costs constant time on average."""

    def __init__(self) -> None:
        self._steps = np.empty(_FIRST_ROOM, dtype=np.int64)
        self._values = np.empty(_FIRST_ROOM, dtype=np.float64)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def steps(self) -> np.ndarray:
        """Steps, int64, shape (n,); a read-only view that the next append may outgrow."""
        return _read_only(self._steps[: self._length])

    @property
    def values(self) -> np.ndarray:
        """Values, float64, shape (n,), NaN where a number was not finite to begin with; a read-only view."""
        return _read_only(self._values[: self._length])

    def append(self, step: int, value: float) -> None:
        """Add a value; what was known of this step and later ones is forgotten first."""
        length = self._length
        if length and self._steps[length - 1] >= step:
            self.rewind(step - 1)
            length = self._length
        if length == len(self._steps):
            self._steps = np.concatenate([self._steps, np.empty_like(self._steps)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._steps[length] = step
        self._values[length] = value
        self._length = length + 1

    def rewind(self, step: int) -> None:
        """Forget everything after a step."""
        self._length = int(np.searchsorted(self._steps[: self._length], step, side="right"))

    def at(self, step: int) -> float | None:
        """Return the value of exactly this step, or ``None``."""
        index = int(np.searchsorted(self._steps[: self._length], step))
        found = index < self._length and self._steps[index] == step
        return float(self._values[index]) if found else None


def _read_only(view: np.ndarray) -> np.ndarray:
    view.flags.writeable = False
    return view


__all__ = ["Curve"]
