"""Means of losses, kept on the device so that no step waits for the host."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


class RunningMean:
    """Adds up named scalars on a device and gives their means when asked.

    Parameters
    ----------
    device : torch.device
        Where the scalars are.
    total : callable, optional
        Adds up a tensor over all processes of a run, which must then all ask for the means at the same steps,
        so that they agree on them.
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
