"""The device of a run and, where it has several, its processes."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric

from napari_cryorestore.hardware import (
    FABRIC_PRECISION,
    Precision,
    choose_device,
    choose_precision,
    use_threads,
)
from napari_cryorestore.training.rank import ranks_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.run_config import HardwareConfig


def has_several(hardware: HardwareConfig) -> bool:
    """Tell whether a run is made of more than one process."""
    return hardware.devices * hardware.nodes > 1


def is_first(hardware: HardwareConfig) -> bool:
    """Tell, before they have found one another, whether this is the first of a run's processes."""
    return not has_several(hardware) or ranks_first()


def launched(
    hardware: HardwareConfig, *, precision: str, say: Callable[[str], None]
) -> tuple[Fabric, Precision]:
    """Return the launched Fabric of a run, and its arithmetic.

    Parameters
    ----------
    hardware : HardwareConfig
        One device in this process, or one process a device.
    precision : str
        The arithmetic wanted; what is used may differ, which is said.
    say : callable
        Takes sentences that the user should read.

    Raises
    ------
    ValueError
        If there is no such device here.
    """
    device = choose_device(hardware.device)
    if device.type == "cpu":
        use_threads(hardware.threads)
    chosen, warning = choose_precision(precision, device)
    if warning:
        say(warning)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it prints what is said here better
    several = has_several(hardware)
    devices: Any = hardware.devices if several or device.type != "cuda" else [device.index or 0]
    fabric = Fabric(
        accelerator=device.type,
        devices=devices,
        num_nodes=hardware.nodes,
        strategy="ddp" if several else "auto",
        precision=FABRIC_PRECISION[chosen],
    )
    torch.backends.cudnn.benchmark = True
    fabric.launch()
    return fabric, chosen


def part() -> None:
    """Leave the group of processes, if there is one, when all have come to this point."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        gc.collect()  # what still holds on to the group would hang when its turn comes
        nccl = torch.distributed.get_backend() == "nccl"
        torch.distributed.barrier(device_ids=[torch.cuda.current_device()] if nccl else None)
        torch.distributed.destroy_process_group()
