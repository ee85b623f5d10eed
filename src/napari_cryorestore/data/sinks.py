"""Where the planes of restored halves go: they are added up, and held against raw ones where need be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class AddingSink:
    """Adds a share of the planes it is given to an output.

    Parameters
    ----------
    out : array, shape (z, y, x), float32
        Zero at first; may be a memory map.
    share : float
        What planes are multiplied by, e.g. 1/2 for the mean of two halves.
    """

    def __init__(self, out: NDArray[np.float32], *, share: float) -> None:
        self.out, self.share = out, np.float32(share)
        self.shape = out.shape

    def __setitem__(self, planes: slice, values: NDArray[np.float32]) -> None:
        """Add a slab, plane by plane, which bounds the memory."""
        for z, plane in zip(range(planes.start, planes.stop), values, strict=True):
            self.add(z, plane)

    def add(self, z: int, plane: NDArray[np.float32]) -> None:
        """Add one plane (y, x)."""
        self.out[z] += self.share * plane


class FittingSink(AddingSink):
    """Fits, besides, a line from the planes to those of another volume.

    Parameters
    ----------
    out, share
        As of `AddingSink`.
    target : array, shape (z, y, x)
        The raw other half, whose noise has no part in the first one's and leaves the slope as it should be.
    """

    def __init__(self, out: NDArray[np.float32], *, share: float, target: Any) -> None:
        super().__init__(out, share=share)
        self._target = target
        self._sums = np.zeros(5)

    def add(self, z: int, plane: NDArray[np.float32]) -> None:
        """Add one plane (y, x) and what it says of the line."""
        super().add(z, plane)
        x = plane.astype(np.float64)
        y = np.asarray(self._target[z], dtype=np.float64)
        self._sums += (x.size, x.sum(), y.sum(), (x * x).sum(), (x * y).sum())

    def line(self) -> tuple[float, float]:
        """Return slope a and offset b of the least-squares line y ≈ a x + b; 1 and the shift if x is flat."""
        n, x, y, xx, xy = self._sums
        variance = xx / n - (x / n) ** 2
        slope = (xy / n - x * y / n**2) / variance if variance > 0 else 1.0
        return slope, y / n - slope * x / n


__all__ = ["AddingSink", "FittingSink"]
