"""The steps of rows that show a run: of one that names none, it is chosen once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_cryorestore.restoration.weights import chosen_weights

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.comparison.config import RowConfig
    from napari_cryorestore.runs.chosen_step import WhichStep


class RowSteps:
    """Remembers which step stands for each run, even if the run trains on and suggests another one."""

    def __init__(self) -> None:
        self._chosen: dict[Path, WhichStep] = {}
        self._lock = threading.Lock()

    def of(self, row: RowConfig) -> WhichStep:
        """Return the step of a row; errors as of `chosen_weights`."""
        if row.step is not None or row.kind != "run" or row.path is None:
            return row.step or "suggested"
        with self._lock:
            if row.path not in self._chosen:
                _, chosen = chosen_weights(row.path)
                self._chosen[row.path] = "suggested" if chosen is None else chosen.step
            return self._chosen[row.path]


__all__ = ["RowSteps"]
