"""What is done between steps: losses are averaged and recorded, and requests to the run are looked at."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from napari_cryorestore.hardware import peak_memory
from napari_cryorestore.runs.events import Stepped
from napari_cryorestore.runs.recorder import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lightning_fabric import Fabric
    from torch import Tensor

    from napari_cryorestore.training.learner import Learner
    from napari_cryorestore.training.rank_recorder import RankRecorder

RECORD_EVERY = 0.2
"""Seconds between two records of the loss."""
SHARE = 0.1
"""Largest share of the time that recording may take; on a slow file system it is done less often."""
LONGEST = 5.0
"""Seconds after which the loss is recorded and requests are looked at all the same."""
HOPELESS = 100
"""Steps in a row without a finite loss after which training gives up."""
_ADVICE = "lower the learning rate or choose 32-bit precision"
LOOK_EVERY = 1.0
"""Seconds between two looks where several processes must agree, for which they wait for each other."""


class TrainingProgress:
    """Gathers losses on the device and records their means.

    Parameters
    ----------
    recorder : RankRecorder
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

    def __init__(self, recorder: RankRecorder, learner: Learner, device: torch.device) -> None:
        self._recorder, self._learner, self._device = recorder, learner, device
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
            self._recorder.record(Stepped(step=step, loss=loss, parts=means, rate=self.rate, memory=memory))
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
        self._recorder.note(
            f"{skipped} step(s) gave no finite loss: {done}. If it goes on, {_ADVICE}.", step=step
        )


class RunningMean:
    """Sums named scalars on a device, and returns their means on demand.

    Parameters
    ----------
    device : torch.device
        Where the scalars are.
    total : callable, optional
        Sums a tensor over all processes of a run, which must then all take the means at the same steps, so
        that they agree on them.
    """

    def __init__(self, device: torch.device, *, total: Callable[[Tensor], Tensor] | None = None) -> None:
        self._device, self._total = device, total or (lambda numbers: numbers)
        self._clear()

    def _clear(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._skipped = torch.zeros((), device=self._device)
        self._count = 0

    def add(self, values: Mapping[str, Tensor], *, skipped: Tensor) -> None:
        """Add one step's values; those of a skipped step count for nothing.

        Parameters
        ----------
        values : dict of str to scalar Tensor
            The same names every time.
        skipped : scalar bool Tensor
            Whether the step was not finite.
        """
        clean = {name: torch.where(skipped, 0.0, value.detach().float()) for name, value in values.items()}
        sums = {name: self._sums[name] + value for name, value in clean.items() if name in self._sums}
        # nothing changes before all memory was found
        self._skipped, self._sums = self._skipped + skipped, {**clean, **sums}
        self._count += 1

    def take(self) -> tuple[dict[str, float], int]:
        """Return the means since the last call and the number of skipped steps; waits for the device once.

        A step that was skipped by some processes only counts as skipped, and its other losses count.
        """
        if not self._count:
            return {}, 0
        names = list(self._sums)
        processes = torch.ones((), device=self._device)
        sums = torch.stack([*(self._sums[name] for name in names), self._skipped, processes])
        *numbers, skipped, processes_added = self._total(sums).tolist()
        counted = self._count * processes_added - skipped
        self._clear()
        means = {name: number / counted for name, number in zip(names, numbers, strict=True) if counted}
        return means, math.ceil(skipped / processes_added)


class RequestPolling:
    """After which steps requests are looked at, and what they are: the same in every process.

    A process by itself looks whenever its clock says so. The clocks of several differ, so the first of them,
    which measures how long steps take, tells the others at every look how many steps remain to the next.

    Parameters
    ----------
    fabric : Fabric
        Launched; knows the number of processes.
    recorder : RankRecorder
        Hears requests, in the first process.
    progress : TrainingProgress
        Measures the rate.
    """

    def __init__(self, fabric: Fabric, recorder: RankRecorder, progress: TrainingProgress) -> None:
        self._fabric, self._recorder, self._progress = fabric, recorder, progress
        self._next = 0

    def due(self, step: int) -> bool:
        """Tell whether it is time to look after this step."""
        return step >= self._next if self._fabric.world_size > 1 else self._progress.due

    def request(self, step: int) -> Request:
        """Return what is requested of all processes, which all call this after the same step."""
        seconds = max(LOOK_EVERY, self._progress.pause)
        steps = max(1, int(seconds * self._progress.rate))
        request, steps = self._fabric.broadcast((self._recorder.request().value, steps))
        self._next = step + steps
        return Request(request)

    def snapshot_requested(self) -> bool:
        """Tell whether a preview was requested since the last call; called as `request` is."""
        return bool(self._fabric.broadcast(self._recorder.snapshot_requested()))


__all__ = [
    "HOPELESS",
    "LONGEST",
    "LOOK_EVERY",
    "RECORD_EVERY",
    "SHARE",
    "RequestPolling",
    "RunningMean",
    "TrainingProgress",
]
