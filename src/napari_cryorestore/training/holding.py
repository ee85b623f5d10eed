"""Where maps lie while training: on the device, in the computer's memory, or in their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_cryorestore.data.imaging import standardised
from napari_cryorestore.data.stored import StoredHalf
from napari_cryorestore.hardware import free_memory

if TYPE_CHECKING:
    from napari_cryorestore.physics.normalize import Standardisation
    from napari_cryorestore.run_config import HardwareConfig

SINGLE_PRECISION_BELOW = 2**28
"""Voxels from which on maps are held in 16 bits."""
SHARE = 0.25
"""Share of the memory left that one map may take."""


def held(
    voxels: Any, scale: Standardisation, hardware: HardwareConfig, device: torch.device
) -> torch.Tensor | StoredHalf:
    """Return a map in standard deviations about its mean, where `hardware.hold` says it should lie.

    By default it goes to the device if it takes at most a quarter of the memory left there, else into the
    computer's memory under the same condition, and else it stays in its file.

    Parameters
    ----------
    voxels : array, shape (z, y, x)
        Memory-mapped, or anything that can be sliced like it.
    scale : Standardisation
        Mean and deviation.
    hardware : HardwareConfig
        Says where maps shall lie, and how many processes share the computer's memory.
    device : torch.device
        Where the network is.
    """
    if hardware.hold == "disk":
        return StoredHalf(voxels, scale)
    dtype = torch.float32 if voxels.size < SINGLE_PRECISION_BELOW else torch.float16
    size = voxels.size * dtype.itemsize
    if device.type != "cpu" and size <= SHARE * free_memory(device):
        return standardised(voxels, scale, dtype=dtype).to(device)
    if hardware.hold == "memory" or size <= SHARE * free_memory(torch.device("cpu")) / hardware.devices:
        return standardised(voxels, scale, dtype=dtype)
    return StoredHalf(voxels, scale)


__all__ = ["SHARE", "SINGLE_PRECISION_BELOW", "held"]
