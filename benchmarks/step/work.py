"""What a step consists of: its convolutions, their time when alone, and the shares of kinds of work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from napari_cryorestore.hardware import DTYPES

if TYPE_CHECKING:
    from benchmarks.step.programs import Setting, Step

_CONVOLUTIONS = ("aten.convolution.default", "aten.convolution_backward.default")
_WIDE = ((64, 64, 32), (128, 128, 16), (64, 64, 48))
"""Channels in, channels out and edge of the convolutions that should run at a device's full speed."""


class _Noting(TorchDispatchMode):
    """Notes every convolution, forward and backward, by its shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, tuple[int, Any, tuple[Any, ...]]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        if str(func) in _CONVOLUTIONS:
            key = str([(tuple(a.shape), a.stride(), a.dtype) if isinstance(a, Tensor) else a for a in args])
            count = self.calls[key][0] if key in self.calls else 0
            kept = tuple(_Shape(a) if isinstance(a, Tensor) else a for a in args)
            self.calls[key] = (count + 1, func, kept)
        return func(*args, **(kwargs or {}))


class _Shape:
    """Makes a random tensor like another one, without keeping that one."""

    def __init__(self, tensor: Tensor) -> None:
        self.shape, self.stride = tensor.shape, tensor.stride()
        self.dtype, self.device = tensor.dtype, tensor.device

    def make(self) -> Tensor:
        empty = torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=self.device)
        return empty.normal_()


def convolutions_alone(step: Step, device: torch.device, *, repeats: int = 3) -> tuple[float, float]:
    """Return the floating-point operations of a step's convolutions, and their seconds one by one.

    Each one is run by itself again and again on tensors of the same shapes, layouts and types, and its
    fastest time counts as often as the step calls it: what the step would take if it did nothing else.
    """
    with _Noting() as noting, FlopCounterMode(display=False) as counter:
        step()
    seconds = 0.0
    for count, function, kept in noting.calls.values():
        args = [a.make() if isinstance(a, _Shape) else a for a in kept]
        with torch.no_grad():
            seconds += count * _fastest(lambda: function(*args), device, repeats)  # noqa: B023
    operations = counter.get_flop_counts()["Global"]
    return sum(n for name, n in operations.items() if "convolution" in str(name)), seconds


def full_speed(setting: Setting) -> float:
    """Return the most operations per second of wide 3³ convolutions, forward and backward together."""
    dtype, device = DTYPES[setting.precision], setting.device
    best = 0.0
    for ins, outs, edge in _WIDE:
        tensors = (torch.randn(2, ins, edge, edge, edge), torch.randn(outs, ins, 3, 3, 3))
        crop, weight = (
            one.to(device, dtype).contiguous(memory_format=torch.channels_last_3d).requires_grad_()
            for one in tensors
        )
        above = torch.ones_like(functional.conv3d(crop, weight, padding=1))

        def both(crop: Tensor = crop, weight: Tensor = weight, above: Tensor = above) -> None:
            torch.autograd.grad(functional.conv3d(crop, weight, padding=1), [crop, weight], above)

        operations = 3 * 2 * 27 * ins * outs * crop[:, 0].numel()
        best = max(best, operations / _fastest(both, device, 5))
    return best


def shares(step: Step, device: torch.device) -> dict[str, float]:
    """Return the shares of a step's time that go into convolutions, Fourier transforms and the rest."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_gpu
    with profile(activities=activities, acc_events=True) as profiled:
        step()
    sums = {"convolution": 0.0, "fft": 0.0, "rest": 0.0}
    for entry in profiled.key_averages():
        name = entry.key.lower()
        spent = entry.self_device_time_total if on_gpu else entry.self_cpu_time_total
        kind = "convolution" if "conv" in name else "fft" if "fft" in name else "rest"
        sums[kind] += spent
    whole = sum(sums.values())
    return {kind: round(spent / whole, 3) for kind, spent in sums.items()}


def _fastest(function: Step, device: torch.device, repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats + 1):
        best = min(best, seconds_of(function, device)[0])
    return best


def seconds_of(function: Step, device: torch.device) -> tuple[float, float]:
    """Return the seconds a call takes: of the processor (on a GPU, of the wall), and of the wall."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    cpu, wall = time.process_time(), time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    passed = time.perf_counter() - wall
    return (passed if device.type == "cuda" else time.process_time() - cpu), passed
