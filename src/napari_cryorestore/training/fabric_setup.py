"""The device of a run and, where it has several, its processes."""

from __future__ import annotations

import gc
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from napari_cryorestore.hardware import (
    FABRIC_PRECISION,
    Precision,
    choose_device,
    choose_precision,
    use_threads,
)
from napari_cryorestore.host_memory import keep_freed_memory
from napari_cryorestore.training.rank import by_srun, own_place, ranks_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

    from napari_cryorestore.run_config import HardwareConfig


def has_several(hardware: HardwareConfig) -> bool:
    """Tell whether a run is made of more than one process."""
    return hardware.devices * hardware.nodes > 1


def is_first(hardware: HardwareConfig) -> bool:
    """Tell, before they have found one another, whether this is the first of a run's processes."""
    return not has_several(hardware) or ranks_first()


def launch_fabric(
    hardware: HardwareConfig, *, precision: str, say: Callable[[str], None]
) -> tuple[Fabric, Precision]:
    """Launch the Fabric of a run, and return it with its arithmetic.

    Parameters
    ----------
    hardware : HardwareConfig
        One device in this process, or one process a device.
    precision : str
        The requested arithmetic; if another one is used, `say` is told.
    say : callable
        Takes sentences that the user should read.

    Raises
    ------
    ValueError
        If there is no such device here, or a launcher started another number of processes.
    """
    _require_as_many(hardware)
    device = choose_device(hardware.device)
    if device.type == "cpu":
        use_threads(hardware.threads)
        if threading.current_thread() is threading.main_thread():  # elsewhere it would change nothing
            keep_freed_memory()
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
        plugins=[_environment(hardware)],
    )
    torch.backends.cudnn.benchmark = True
    fabric.launch()
    return fabric, chosen


def _require_as_many(hardware: HardwareConfig) -> None:
    planned, started = hardware.devices * hardware.nodes, own_place().count
    if has_several(hardware) and started not in (1, planned):
        raise ValueError(
            f"{started} processes were started, but the run is for {hardware.devices} device(s) on "
            f"{hardware.nodes} computer(s): start {planned}, or make the run with other hardware.devices and "
            "hardware.nodes."
        )


def _environment(hardware: HardwareConfig) -> ClusterEnvironment:
    """Return how processes find one another; Fabric's own guess takes any Slurm job for several of them."""
    if not has_several(hardware):
        return LightningEnvironment()
    if {"RANK", "WORLD_SIZE"} <= set(os.environ):
        return TorchElasticEnvironment()
    if by_srun():
        os.environ.setdefault("SLURM_NTASKS_PER_NODE", str(hardware.devices))  # 'srun -n 2' leaves it out
        return SLURMEnvironment(auto_requeue=False)
    return LightningEnvironment()


def leave_process_group() -> None:
    """Leave the group of processes, if there is one, when all have come to this point."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        gc.collect()  # what still holds on to the group would hang when its turn comes
        nccl = torch.distributed.get_backend() == "nccl"
        torch.distributed.barrier(device_ids=[torch.cuda.current_device()] if nccl else None)
        torch.distributed.destroy_process_group()
