"""All that a trainer knows of the outside: where it records, and what is requested of it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from napari_cryorestore.runs.events import Event


class Request(Enum):
    """What is requested of the training loop."""

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"
    DISCARD = "discard"


class Recorder(Protocol):
    """What a training loop calls; `napari_cryorestore.runs.run_dir.RunDir` writes a folder."""

    def record(self, event: Event) -> None:
        """Append the event, with the time set."""
        ...

    def write_input(self, array: np.ndarray) -> str:
        """Save the untouched preview crop (z, y, x) and return its name relative to the run."""
        ...

    def write_snapshot(self, step: int, array: np.ndarray) -> str:
        """Save the restored preview crop (z, y, x) and return its name relative to the run."""
        ...

    def write_checkpoint(self, step: int, write: Callable[[Path], None]) -> str:
        """Let ``write`` fill a folder, show it when whole, and return its name relative to the run."""
        ...

    def remove_step(self, step: int) -> None:
        """Delete the snapshot and the checkpoint of a step; nothing if there are none."""
        ...

    def pins(self) -> set[int]:
        """Return the steps that the user keeps."""
        ...

    def request(self) -> Request:
        """Return what is requested of the loop at this moment."""
        ...

    def snapshot_requested(self) -> bool:
        """Tell whether a preview was requested since the last call."""
        ...
