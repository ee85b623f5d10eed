"""The previews of a run: where they lie, and frames that load a few at a time and read like one array."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_cryorestore.runs.run_dir import RunDir

INPUT = -1
"""The step of the untouched crop, which stands before all others."""

PATIENCE = 50
"""Looks after which a preview that was announced, but cannot be found, is given up."""
_MOST = 1e9


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


class FrameLoader:
    """Loads the untouched crop first, then the newest preview, then back in time.

    Attributes
    ----------
    frames : GrowingFrames
        What is loaded; always the same object.
    problem : str
        Why a preview could not be shown, for the user; empty if none.
    """

    def __init__(self) -> None:
        self.frames = GrowingFrames()
        self.forget()

    def forget(self) -> None:
        """Start with nothing."""
        self.frames.clear()
        self.problem = ""
        self._tries: dict[int, int] = {}
        self._stale: set[int] = set()

    def expect(self, written: Collection[int]) -> None:
        """Load these steps again if they are there already: a run that goes on writes them anew."""
        self._stale |= set(written) & set(self.frames.steps)
        for step in written:
            self._tries.pop(step, None)

    def load(self, run: RunDir, steps: Collection[int], *, seconds: float) -> bool:
        """Drop the frames of other steps, load what is missing, and tell whether anything changed.

        Parameters
        ----------
        run
            Where the previews are.
        steps
            The steps to show.
        seconds
            After so long, the rest waits for the next call.
        """
        changed = self._drop_all_but({INPUT, *steps})
        deadline = time.monotonic() + seconds
        there = set(self.frames.steps) - self._stale
        for step in (INPUT, *sorted(steps, reverse=True)):
            if step in there or self._tries.get(step, 0) >= PATIENCE:
                continue
            changed |= self._load_one(run, step)
            if time.monotonic() > deadline:
                break
        return changed

    def _drop_all_but(self, steps: set[int]) -> bool:
        gone = [step for step in self.frames.steps if step not in steps]
        for step in gone:
            self.frames.drop(step)
        return bool(gone)

    def _load_one(self, run: RunDir, step: int) -> bool:
        try:
            self.frames.put(step, run.read_input() if step == INPUT else run.read_snapshot(step))
        except FileNotFoundError:  # the input comes without being announced; others may be on their way
            self._tries[step] = self._tries.get(step, 0) + (step != INPUT)
            return False
        except (OSError, ValueError) as error:
            self._tries[step] = PATIENCE
            self.problem = str(error)
            return False
        self._stale.discard(step)
        return True


@dataclass(frozen=True)
class Placement:
    """How a history is called and where it lies.

    Attributes
    ----------
    name : str
        The layer's name.
    run : str
        The run folder.
    voxel_size : float
        Å; 0 if unknown, which is shown as 1 Å.
    start : tuple of int
        The first voxel of the crop in its tomogram (z, y, x).
    """

    name: str = "training preview"
    run: str = ""
    voxel_size: float = 0.0
    start: tuple[int, int, int] = (0, 0, 0)


def placement_of(run: RunDir) -> Placement:
    """Return name, voxel size and place of a run's preview; what the folder does not say stays open.

    The configuration is read as plain values: its model would import PyTorch.
    """
    recipe = run.recipe()
    edge = next((tomogram.recording.voxel_size for tomogram in recipe.tomograms), None)
    return Placement(
        name=f"{run.path.name} · training",
        run=str(run.path),
        voxel_size=edge * recipe.binning if edge is not None and edge < _MOST else 0.0,
        start=_start(recipe.table("snapshots")),
    )


def _start(snapshots: dict[str, Any]) -> tuple[int, int, int]:
    """Turn the block's middle and size, as `create_run` fills them in, into its first voxel."""
    position, size = snapshots.get("position"), snapshots.get("size")
    if not _is_triple(position) or not _is_triple(size):
        return 0, 0, 0
    z, y, x = (middle - length // 2 for middle, length in zip(position, size, strict=True))
    return z, y, x


def _is_triple(value: Any) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list) and len(value) == 3 and all(type(n) is int and 0 <= n < _MOST for n in value)
    )


__all__ = ["INPUT", "PATIENCE", "FrameLoader", "GrowingFrames", "Placement", "placement_of"]
