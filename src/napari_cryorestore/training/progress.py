"""How the loss goes down and how fast: recorded now and then, with what became of steps that gave none."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_cryorestore.hardware import peak_memory
from napari_cryorestore.runs.events import Stepped
from napari_cryorestore.training.running_mean import RunningMean

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

    from napari_cryorestore.training.journal import Journal
    from napari_cryorestore.training.learner import Learner

RECORD_EVERY = 0.2
"""Seconds between two records of the loss."""
SHARE = 0.1
"""Largest share of the time that recording may take; on a slow file system it is done less often."""
LONGEST = 5.0
"""Seconds after which the loss is recorded and requests are looked at all the same."""
HOPELESS = 100
"""Steps in a row without a finite loss after which training gives up."""
_ADVICE = "lower the learning rate or choose 32-bit precision"


class Progress:
    """Gathers losses on the device and records their means.

    Parameters
    ----------
    journal : Journal
        Where to.
    learner : Learner
        Keeps the weights while all goes well, and is rolled back where nothing goes any more.
    device : torch.device
        Where the losses are.

    Attributes
    ----------
    rate : float
        Steps a second between the last two records that had steps between them; 0 at first.
    """

    def __init__(self, journal: Journal, learner: Learner, device: torch.device) -> None:
        self._journal, self._learner, self._device = journal, learner, device
        fabric = learner.fabric
        several = fabric.world_size > 1
        add_up: Any = partial(fabric.all_reduce, reduce_op="sum")
        self._losses = RunningMean(device, total=add_up if several else None)
        self._fruitless = 0
        self._cost = self.rate = 0.0
        self.start(0)

    def start(self, step: int) -> None:
        """Measure the rate from this step and moment on."""
        self._since, self._from_step = time.perf_counter(), step

    @property
    def pause(self) -> float:
        """Seconds to wait between records so that they take no more than their share."""
        return max(RECORD_EVERY, min(LONGEST, self._cost / SHARE))

    @property
    def due(self) -> bool:
        """Whether it is time to record again."""
        return time.perf_counter() - self._since >= self.pause

    def add(self, losses: Mapping[str, Tensor], *, skipped: Tensor) -> None:
        """Take in what one step gave; see `RunningMean.add`."""
        self._learner.with_room(lambda: self._losses.add(losses, skipped=skipped))

    def record(self, step: int) -> None:
        """Record the means since the last call, wait for the device, and start the clock anew.

        Of several processes all call this at the same steps: the loss is the mean over the crops of all.

        Raises
        ------
        FloatingPointError
            If there has been no finite loss for a long time.
        """
        means, skipped = self._learner.with_room(self._losses.take)
        now = time.perf_counter()
        if step > self._from_step:
            self.rate = (step - self._from_step) / max(now - self._since, 1e-9)
        if skipped:
            self._tell_skipped(skipped, step=step, others=bool(means))
        elif means:
            self._fruitless = 0
            self._learner.keep()
        if means:
            loss = means.pop("loss")
            memory = peak_memory(self._device)
            self._journal.record(Stepped(step=step, loss=loss, parts=means, rate=self.rate, memory=memory))
        self._cost = time.perf_counter() - now
        self.start(step)

    def _tell_skipped(self, skipped: int, *, step: int, others: bool) -> None:
        """Report steps without a finite loss; where there are no others, go back to the last good weights."""
        self._fruitless = 0 if others else self._fruitless + skipped
        if self._fruitless >= HOPELESS:
            raise FloatingPointError(f"The last {self._fruitless} steps gave no finite loss: {_ADVICE}.")
        done = "skipped"
        if not others:
            self._learner.roll_back()
            done = "skipped, and the last good weights were taken up again"
        self._journal.note(
            f"{skipped} step(s) gave no finite loss: {done}. If it goes on, {_ADVICE}.", step=step
        )
