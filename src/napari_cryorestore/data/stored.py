"""A half that stays in its file: crops are read and standardised as they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_cryorestore.physics.normalize import Standardisation


@dataclass(frozen=True, eq=False)
class StoredHalf:
    """A half on disk that can be cropped like a tensor on the CPU.

    Attributes
    ----------
    voxels : ndarray, shape (z, y, x)
        Memory-mapped, of any real type and byte order. The system keeps in memory what it has room for.
    scale : Standardisation
        From the file's grey values to standard deviations about the mean.
    """

    voxels: NDArray[Any]
    scale: Standardisation

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (z, y, x) in voxels."""
        return self.voxels.shape

    @property
    def device(self) -> torch.device:
        """Where crops are cut: the CPU."""
        return torch.device("cpu")

    def take(self, z: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Return the crops of these voxels.

        Parameters
        ----------
        z, y, x : Tensor, shape (b, n) each, int
            For every crop, which planes, rows and columns; any order, all of them inside the volume.

        Returns
        -------
        Tensor, shape (b, n of z, n of y, n of x), float32
        """
        result = torch.empty(len(z), z.shape[1], y.shape[1], x.shape[1])
        for crop, *places in zip(result.numpy(), z.numpy(), y.numpy(), x.numpy(), strict=True):
            first = [int(place.min()) for place in places]
            box = tuple(slice(low, int(place.max()) + 1) for low, place in zip(first, places, strict=True))
            block = self.scale.apply(np.asarray(self.voxels[box], dtype=np.float32))
            crop[:] = block[np.ix_(*(place - low for low, place in zip(first, places, strict=True)))]
        return result


__all__ = ["StoredHalf"]
