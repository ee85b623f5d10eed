"""Splits whole volumes into what was measured and what was supplied, tile by tile where they are large."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.data.tiles import Cancelled, TilePlan, process_tiles
from napari_cryorestore.metrics.trust import REACH, WINDOW, energy_share, provenance

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_cryorestore.physics.wedge import Wedge

    Volume = NDArray[np.float32]

MOST_VOXELS = 256**3
"""Larger volumes are split tile by tile."""

TILE, MARGIN = 192, 32
SLAB = 32


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
        Called with the share done.
    cancelled : callable, optional
        Called before every tile; true to stop.

    Returns
    -------
    measured, supplied : array, shape (z, y, x), float32

    Raises
    ------
    Cancelled
        If `cancelled` says so.
    ValueError
        If the shapes do not match, or voxels are NaN or infinite.
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
        if not np.isfinite(supplied[z]).all():
            raise ValueError(
                "The volume holds NaN or infinite voxels, so it cannot be split: replace them, "
                "e.g. by the mean."
            )
    if progress is not None:
        progress(1.0)
    return measured, supplied


def share_volume(
    measured: Volume,
    supplied: Volume,
    *,
    window: float = WINDOW,
    out: Volume | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Volume:
    """Return the network's share of the energy around every voxel, slab by slab.

    As `metrics.trust.supplied_share` of the whole, with a few planes in memory.

    Parameters
    ----------
    measured, supplied : array, shape (z, y, x)
        What `split_volume` returns.
    window : float
        Standard deviation of the window in voxels.
    out : array, shape (z, y, x), float32, optional
        Where the share goes, e.g. a memory map.
    cancelled : callable
        Called before every slab; true to stop.

    Returns
    -------
    array, shape (z, y, x), float32
        0 (measured by the microscope) to 1 (supplied by the network).

    Raises
    ------
    Cancelled
        If `cancelled` says so.
    """
    share = np.zeros(measured.shape, np.float32) if out is None else out
    means = [
        float(np.mean([plane.mean(dtype=np.float64) for plane in part])) for part in (supplied, measured)
    ]
    depth, halo = measured.shape[0], math.ceil(REACH * window)
    for first in range(0, depth, SLAB):
        if cancelled():
            raise Cancelled("The share was cancelled.")
        last, low = min(depth, first + SLAB), max(0, first - halo)
        planes = slice(low, min(depth, last + halo))
        own, other = (
            torch.from_numpy(part[planes] - np.float32(mean))
            for part, mean in zip((supplied, measured), means, strict=True)
        )
        share[first:last] = energy_share(own, other, window=window)[first - low : last - low].numpy()
    return share


def _measured(tiles: Tensor, *, wedge: Wedge) -> Tensor:
    return provenance(tiles, wedge).measured


__all__ = ["MARGIN", "MOST_VOXELS", "SLAB", "TILE", "share_volume", "split_volume"]
