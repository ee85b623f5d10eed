"""Ranges of frequencies, by the sizes of the detail in them; needs no PyTorch to be listed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Band:
    """A range of frequencies, by the sizes of the detail in it.

    Attributes
    ----------
    coarse, fine : float
        In Å; the coarse end may be infinite, and itself belongs to the band, the fine end does not.

    Raises
    ------
    ValueError
        If the ends are exchanged or not positive.
    """

    coarse: float
    fine: float

    def __post_init__(self) -> None:
        if not self.coarse > self.fine > 0:
            raise ValueError(
                f"A band of frequencies goes from coarse to fine detail in Å, such as 80 to 40, "
                f"not from {self.coarse:g} to {self.fine:g}."
            )

    def __str__(self) -> str:
        """Return e.g. ``80-40 Å``."""
        if math.isinf(self.coarse):
            return f"coarser than {self.fine:.3g} Å"
        return f"{self.coarse:.3g}-{self.fine:.3g} Å"

    def holds(self, frequencies: Tensor) -> Tensor:
        """Return which of some frequencies, in 1/Å, belong to the band."""
        return (frequencies >= 1 / self.coarse) & (frequencies < 1 / self.fine)


def octaves(voxel_size: float, *, number: int = 4) -> tuple[Band, ...]:
    """Return bands that halve the detail from one to the next, the last one ending at Nyquist.

    Parameters
    ----------
    voxel_size : float
        In Å.
    number : int
        How many; the first takes everything coarser than its fine end.
    """
    edges = [2 * voxel_size * 2**power for power in range(number)][::-1]
    return tuple(Band(coarse, fine) for coarse, fine in zip([math.inf, *edges], edges, strict=False))


__all__ = ["Band", "octaves"]
