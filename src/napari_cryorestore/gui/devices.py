"""The devices that a run can use, with their free memory; listing them loads PyTorch."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """One line of the device list.

    Attributes
    ----------
    name : str
        As in a configuration: ``auto``, ``cuda:0``, ``mps`` or ``cpu``.
    title : str
        What the user reads.
    free : int
        Bytes of free memory; 0 where unknown.
    half_precision : bool
        Whether the network is expected to compute in 16 bits there.
    """

    name: str
    title: str
    free: int = 0
    half_precision: bool = False


AUTOMATIC_DEVICE = Device("auto", "automatic")


def list_devices() -> tuple[Device, ...]:
    """Return "automatic" and every device here, the fastest first."""
    from napari_cryorestore.hardware import available_devices

    devices = [_described(name) for name in available_devices()]
    best = devices[0]
    automatic = Device("auto", f"automatic ({best.title})", best.free, best.half_precision)
    return (automatic, *devices)


def _described(name: str) -> Device:
    import torch

    from napari_cryorestore.hardware import free_memory

    device = torch.device(name)
    free = free_memory(device)
    if device.type == "cuda":
        model = torch.cuda.get_device_name(device).removeprefix("NVIDIA ")
        return Device(name, f"{name} · {model} · {_gigabytes(free)} free", free, half_precision=True)
    if device.type == "mps":
        return Device(name, f"Apple GPU · {_gigabytes(free)} free", free)
    return Device(name, f"CPU · {os.cpu_count()} cores · {_gigabytes(free)} free", free)


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.0f} GB" if count >= 1e10 else f"{count / 1e9:.1f} GB"


__all__ = ["AUTOMATIC_DEVICE", "Device", "list_devices"]
