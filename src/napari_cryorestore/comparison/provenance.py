"""Splits whole volumes into what was measured and what was supplied, tile by tile where they are large."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.data.tiles import TilePlan, process_tiles
from napari_cryorestore.metrics.trust import provenance

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_cryorestore.physics.wedge import Wedge

    Volume = NDArray[np.float32]

MOST_VOXELS = 256**3
"""Larger volumes are split tile by tile."""

TILE, MARGIN = 192, 32


def split_volume(
    volume: Any,
    wedge: Wedge,
    *,
    out: tuple[Volume, Volume] | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Volume, Volume]:
    """Split a restored volume v into its measured part A v and the part v - A v that was supplied.

    Up to `MOST_VOXELS` A is one transform of the whole. Larger volumes are cut into overlapping tiles, A is
    applied to each, and they are blended. Then detail much coarser than a tile goes to the measured part, as
    the slice of the spectrum through the tilt axis does. The second part is always the volume less the first,
    so that their sum is the volume.

    Parameters
    ----------
    volume : array-like, shape (z, y, x)
        Memory-mapped or not; it must be finite.
    wedge : Wedge
    out : two arrays, shape (z, y, x), float32, optional
        Where the parts go, e.g. memory maps.
    progress : callable, optional
        Is told the share done.
    cancelled : callable, optional
        Is asked before every tile.

    Returns
    -------
    measured, supplied : array, shape (z, y, x), float32

    Raises
    ------
    Cancelled
        If `cancelled` says so.
    ValueError
        If the shapes do not match.
    """
    shape = tuple(int(size) for size in volume.shape)
    measured, supplied = out or (np.zeros(shape, np.float32), np.zeros(shape, np.float32))
    if np.prod(shape) <= MOST_VOXELS:
        whole = torch.from_numpy(np.array(volume[:], dtype=np.float32))
        measured[:] = provenance(whole, wedge).measured.numpy()
    else:
        plan = TilePlan(TILE, MARGIN)
        process_tiles(
            volume,
            measured,
            partial(_measured, wedge=wedge),
            plan=plan,
            progress=progress,
            cancelled=cancelled,
        )
    for z in range(shape[0]):
        supplied[z] = np.asarray(volume[z], dtype=np.float32) - measured[z]
    if progress is not None:
        progress(1.0)
    return measured, supplied


def _measured(tiles: Tensor, *, wedge: Wedge) -> Tensor:
    return provenance(tiles, wedge).measured


__all__ = ["MARGIN", "MOST_VOXELS", "TILE", "split_volume"]
