"""When the processes of a run look at what is asked of it, and how they come to know the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.runs.recorder import Request

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from napari_cryorestore.training.journal import Journal
    from napari_cryorestore.training.progress import Progress

LOOK_EVERY = 1.0
"""Seconds between two looks where several processes must agree, for which they wait for each other."""


class Looks:
    """After which steps requests are looked at, and what they are: the same in every process.

    A process by itself looks whenever its clock says so. The clocks of several differ, so the first of them,
    which measures how long steps take, tells the others at every look how many steps remain to the next.

    Parameters
    ----------
    fabric : Fabric
        Launched; knows the number of processes.
    journal : Journal
        Hears requests, in the first process.
    progress : Progress
        Measures the rate.
    """

    def __init__(self, fabric: Fabric, journal: Journal, progress: Progress) -> None:
        self._fabric, self._journal, self._progress = fabric, journal, progress
        self._next = 0

    def due(self, step: int) -> bool:
        """Tell whether it is time to look after this step."""
        return step >= self._next if self._fabric.world_size > 1 else self._progress.due

    def request(self, step: int) -> Request:
        """Return what is asked of all processes, which all call this after the same step."""
        seconds = max(LOOK_EVERY, self._progress.pause)
        steps = max(1, int(seconds * self._progress.rate))
        asked, steps = self._fabric.broadcast((self._journal.request().value, steps))
        self._next = step + steps
        return Request(asked)

    def snapshot_requested(self) -> bool:
        """Tell whether a preview was asked for since the last call; as `request`."""
        return bool(self._fabric.broadcast(self._journal.snapshot_requested()))


__all__ = ["LOOK_EVERY", "Looks"]
