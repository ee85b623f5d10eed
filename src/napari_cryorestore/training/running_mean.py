"""Means of losses, kept on the device so that no step waits for the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class RunningMean:
    """Adds up named scalars on a device and gives their means when asked."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
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
        for name, value in values.items():
            clean = torch.where(skipped, 0.0, value.detach().float())
            self._sums[name] = self._sums[name] + clean if name in self._sums else clean
        self._skipped = self._skipped + skipped
        self._count += 1

    def take(self) -> tuple[dict[str, float], int]:
        """Return the means since the last call and the number of skipped steps; waits for the device once."""
        if not self._count:
            return {}, 0
        names = list(self._sums)
        numbers = torch.stack([*(self._sums[name] for name in names), self._skipped]).tolist()
        skipped = int(numbers.pop())
        counted = self._count - skipped
        self._clear()
        return {
            name: number / counted for name, number in zip(names, numbers, strict=True) if counted
        }, skipped
