"""Where halves lie while training: on the device, in the computer's memory, or in their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_cryorestore.data.imaging import standardised
from napari_cryorestore.data.stored import StoredHalf
from napari_cryorestore.hardware import free_memory
from napari_cryorestore.physics.normalize import measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cryorestore.no_data import NoData
    from napari_cryorestore.run_config import HardwareConfig

SINGLE_PRECISION_BELOW = 2**28
"""Voxels from which on halves are held in 16 bits."""
SHARE = 0.25
"""Share of the memory left that one half may take."""


def held(
    half: NDArray[np.generic],
    hardware: HardwareConfig,
    device: torch.device,
    *,
    no_data: NoData | None = None,
    index: int = 0,
) -> torch.Tensor | StoredHalf:
    """Return a half in standard deviations about its mean, where `hardware.hold` wants it.

    By default it goes to the device if it takes at most a quarter of the memory left there, else into the
    computer's memory under the same condition, and else it stays in its file.

    Parameters
    ----------
    half : array, shape (z, y, x)
        Memory-mapped.
    hardware : HardwareConfig
        Says where halves shall lie, and how many processes share the computer's memory.
    device : torch.device
        Where the network is.
    no_data : NoData, optional
        What is left out of mean and deviation, and replaced by the local mean.
    index : int
        Which half it is, 0 or 1.

    Raises
    ------
    ValueError
        If the half is constant or not finite.
    """
    scale = measure(half, mask=None if no_data is None else no_data.usable)
    voxels: Any = half if no_data is None else no_data.filled(half, index)
    if hardware.hold == "disk":
        return StoredHalf(voxels, scale)
    dtype = torch.float32 if half.size < SINGLE_PRECISION_BELOW else torch.float16
    size = half.size * dtype.itemsize
    if device.type != "cpu" and size <= SHARE * free_memory(device):
        return standardised(voxels, scale, dtype=dtype).to(device)
    if hardware.hold == "memory" or size <= SHARE * free_memory(torch.device("cpu")) / hardware.devices:
        return standardised(voxels, scale, dtype=dtype)
    return StoredHalf(voxels, scale)


__all__ = ["SHARE", "SINGLE_PRECISION_BELOW", "held"]
