"""Which device and arithmetic a run can use here, found out by a self-test rather than by belief."""

from __future__ import annotations

import gc
import os
import time
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

from napari_cryorestore.host_memory import available_memory, give_back_memory

Precision = Literal["32", "bf16", "fp16"]
FABRIC_PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}
DTYPES = {"32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_FAR_SLOWER = 3.0  # beyond what a busy computer makes of a measured second


def available_devices() -> tuple[str, ...]:
    """Return the devices that this computer offers, the fastest first."""
    cuda = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    return (*cuda, *mps, "cpu")


def choose_device(device: str) -> torch.device:
    """Return the device of this name; the fastest one for ``auto``.

    Raises
    ------
    ValueError
        If there is no such device here.
    """
    devices = available_devices()
    if device == "auto":
        return torch.device(devices[0])
    name = "cuda:0" if device == "cuda" else device
    if name not in devices:
        raise ValueError(f"there is no device {device!r} here; available: {', '.join(devices)} (or auto)")
    return torch.device(name)


def free_memory(device: torch.device) -> int:
    """Return the free memory of a device in bytes; a cautious guess where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return available_memory()


def peak_memory(device: torch.device) -> float:
    """Return the peak memory that tensors took on a CUDA device in GB; 0 elsewhere."""
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0


def use_threads(count: int) -> None:
    """Let PyTorch use so many CPU threads; 0 for all that it may use but two."""
    torch.set_num_threads(training_threads(count))


def training_threads(count: int = 0) -> int:
    """Return how many CPU threads `use_threads` sets."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return count or max(1, mine - 2)


def choose_precision(precision: str, device: torch.device) -> tuple[Precision, str]:
    """Return the arithmetic to use, and a sentence if it is not the requested one or far slower than 32 bits.

    ``auto`` takes bf16 where it is right and not slower, then (CUDA only) fp16, then 32. What is measured for
    that is measured once in a program.

    Raises
    ------
    ValueError
        If there is no such arithmetic.
    """
    if precision not in ("auto", *DTYPES):
        raise ValueError(f"there is no precision {precision!r}; known: auto, {', '.join(DTYPES)}")
    if precision == "auto":
        for candidate in _candidates(device):
            if _slowness(candidate, device) < 1 and conv_error(candidate, device) < 1e-2:
                return candidate, ""
        return "32", ""
    chosen: Precision = "bf16" if precision == "bf16" else "fp16" if precision == "fp16" else "32"
    if chosen == "32":
        return chosen, ""
    if chosen == "fp16" and device.type != "cuda":
        return "32", f"fp16 is for CUDA devices only: computing in 32 bits on {device} instead."
    if conv_error(chosen, device) >= 1e-2:
        words = (
            f"{chosen} convolutions are wrong on {device} with this PyTorch: computing in 32 bits instead."
        )
        return "32", words
    slowness = _slowness(chosen, device)
    if slowness < _FAR_SLOWER:
        return chosen, ""
    return chosen, (
        f"{chosen} takes about {slowness:.0f} times as long as 32 bits here, as this CPU has no instructions "
        "for it: choose the precision 32 or auto."
    )


@cache
def conv_error(precision: Precision, device: torch.device) -> float:
    """Return the relative error of a 3D convolution (32 channels, 24³) against float32; inf if it fails.

    cuDNN 9.8-9.10 computed wrong half-precision 3D convolutions.
    """
    conv, crop = _trial(device, 24)
    with torch.no_grad():
        try:
            exact, rough = conv(crop), _run(conv, crop, precision).float()
        except RuntimeError:
            return float("inf")
    error = float((rough - exact).norm() / exact.norm())
    return error if error == error else float("inf")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out; MPS, CPU and cuDNN raise a plain `RuntimeError`."""
    words = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def release_memory() -> None:
    """Give memory that is no longer used back to the device and the computer, where no traceback holds it."""
    gc.collect()
    give_back_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _candidates(device: torch.device) -> tuple[Precision, ...]:
    if device.type == "cuda":
        return ("bf16", "fp16") if torch.cuda.is_bf16_supported() else ("fp16",)
    return ("bf16",) if device.type == "cpu" else ()


@cache
def _slowness(precision: Precision, device: torch.device) -> float:
    """Return how many times as long as in 32 bits a CPU takes; 0 for GPUs, which are made for fewer bits."""
    if device.type != "cpu":
        return 0.0
    conv, crop = _trial(device, 16, channels=16)  # small: without hardware support bf16 is 40 times slower
    return _seconds(conv, crop, precision) / _seconds(conv, crop, "32")


def _trial(device: torch.device, size: int, *, channels: int = 32) -> tuple[nn.Conv3d, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        conv = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        crop = torch.randn(1, channels, size, size, size)
    layout = torch.channels_last_3d
    conv = conv.to(device).to(memory_format=layout)  # type: ignore[call-overload]
    return conv, crop.to(device, memory_format=layout)


def _run(conv: nn.Conv3d, crop: Tensor, precision: Precision) -> Tensor:
    enabled = precision != "32"
    with torch.autocast(crop.device.type, dtype=DTYPES[precision] if enabled else None, enabled=enabled):
        result: Tensor = conv(crop)
    return result


def _seconds(conv: nn.Conv3d, crop: Tensor, precision: Precision) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        _run(conv, crop, precision).float().square().mean().backward()  # type: ignore[no-untyped-call]
        best = min(best, time.perf_counter() - start)
    return best
