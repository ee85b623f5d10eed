"""The frames of a preview history, one per kept snapshot, read by napari like one array."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

INPUT = -1
"""The step of the untouched crop, which stands before all others."""


class GrowingFrames:
    """Immutable float16 frames (z, y, x) in order of step, that read like one array (t, z, y, x).

    napari is given the same object again after every change, so nothing is copied.
    """

    dtype = np.dtype(np.float16)
    ndim = 4

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._frames: list[np.ndarray] = []

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of the frames, ascending; `INPUT` for the untouched crop."""
        return tuple(self._steps)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Frames, z, y, x."""
        z, y, x = self._frames[0].shape if self._frames else (0, 0, 0)
        return len(self._frames), z, y, x

    @property
    def size(self) -> int:
        """Voxels of all frames."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self._frames)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, rest = _split(key if isinstance(key, tuple) else (key,))
        if isinstance(first, slice):
            return self._stack(range(*first.indices(len(self))), rest)
        if np.ndim(first):
            return self._stack(np.arange(len(self))[np.asarray(first)], rest)
        return self._frames[int(first)][rest]

    def put(self, step: int, frame: np.ndarray) -> None:
        """Add a frame (z, y, x), or replace the one of the same step.

        Raises
        ------
        ValueError
            If its shape is not that of the others.
        """
        if self._frames and frame.shape != self.shape[1:]:
            raise ValueError(
                f"The preview of step {step} has shape {frame.shape}, the others have {self.shape[1:]}: "
                "it is left out."
            )
        kept = np.array(frame, dtype=np.float16)
        kept.flags.writeable = False
        index = bisect_left(self._steps, step)
        if step in self._steps:
            self._frames[index] = kept
        else:
            self._steps.insert(index, step)
            self._frames.insert(index, kept)

    def drop(self, step: int) -> None:
        """Remove a frame; nothing if there is none."""
        if step in self._steps:
            index = self._steps.index(step)
            del self._steps[index], self._frames[index]

    def clear(self) -> None:
        """Remove all frames."""
        self._steps.clear()
        self._frames.clear()

    def frame(self, step: int) -> np.ndarray:
        """Return the frame of exactly this step, or raise ``KeyError``."""
        if step not in self._steps:
            raise KeyError(step)
        return self._frames[self._steps.index(step)]

    def nearest(self, step: float) -> int | None:
        """Return the kept step that is nearest, the earlier of two equally near ones; ``None`` if empty."""
        return min(self._steps, key=lambda kept: abs(kept - step), default=None)

    def _stack(self, indices: Any, rest: tuple[Any, ...]) -> np.ndarray:
        chosen = [self._frames[index][rest] for index in indices]
        return (
            np.stack(chosen)
            if chosen
            else np.empty((0, *np.empty(self.shape[1:], bool)[rest].shape), self.dtype)
        )


def _split(key: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Separate the index along training time from the others."""
    if key and key[0] is Ellipsis:
        missing = 4 - (len(key) - 1)
        key = (slice(None),) * missing + key[1:]
    return (key[0], key[1:]) if key else (slice(None), ())


__all__ = ["INPUT", "GrowingFrames"]
