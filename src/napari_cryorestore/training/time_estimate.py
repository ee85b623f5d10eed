"""How long training takes: its multiplications are counted, and how fast they go here is measured."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.hardware import DTYPES, choose_device, choose_precision, training_threads
from napari_cryorestore.networks import build_network, sizes_of
from napari_cryorestore.networks.module import channels_last
from napari_cryorestore.training.memory_estimate import network_without_values, rehearsed
from napari_cryorestore.training.preview import CONTEXT, least_crop, preview_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_cryorestore.config import Config
    from napari_cryorestore.methods import Method
    from napari_cryorestore.networks import NetworkConfig

THERE_AND_BACK = 3.0
"""How many times as long as the loss its gradient takes with it: each convolution is computed twice more."""
EARLY_PREVIEWS = 3
"""Previews before the first regular one."""
_TRIAL = {"cpu": 32, "cuda": 64, "mps": 64}
"""Edge of the crop with which a network is timed, in voxels; small on a CPU, enough to be busy on a GPU."""
_LONG = 0.5
"""Seconds from which a crop goes through the network only once."""
_MEASURED: dict[Any, float] = {}
"""Seconds per multiplication, by network, channels, device and precision."""


def estimated_seconds(
    sections: Mapping[str, Config],
    shapes: Sequence[Sequence[int]],
    *,
    device: str,
    precision: str = "auto",
    cancelled: Callable[[], bool] = lambda: False,
) -> float:
    """Return about how many seconds training takes on a device of this computer, previews included.

    The multiplications of a step are counted on tensors without values, so a new method or network is
    estimated like the others. A small crop that goes once through the network tells how fast they are done
    here. Reading, Fourier transforms and the optimiser are left out: it is an estimate.

    Parameters
    ----------
    sections
        ``method``, ``network``, ``schedule`` and ``snapshots``.
    shapes : sequence of (int, int, int)
        The tomograms (z, y, x), that which is previewed first.
    device, precision : str
        As in a recipe.
    cancelled : callable
        Tells whether to end: a large network takes seconds, one of its layers a fraction of one.

    Raises
    ------
    Cancelled
        If `cancelled` says so.
    ValueError
        If there is no such device here.
    """
    schedule: Any = sections["schedule"]
    network: Any = sections["network"]
    step = rehearsed(sections, shapes, torch.float32)
    steps: float = schedule.steps * THERE_AND_BACK * _count(lambda: step.loss(step.compute))
    previews = _previews(sections, step.method, step.network, shapes[0])
    chosen = choose_device(device)
    used = choose_precision(precision, chosen)[0]
    key = (network, step.method.channels, chosen, used)
    if key not in _MEASURED:
        _MEASURED[key] = _seconds_per_multiplication(*key, cancelled)
    return (steps + previews) * _MEASURED[key]


def _previews(sections: Mapping[str, Config], method: Method, network: Any, shape: Sequence[int]) -> float:
    """Return how many multiplications all previews take."""
    snapshots: Any = sections["snapshots"]
    schedule: Any = sections["schedule"]
    if not snapshots.every:
        return 0.0
    size = snapshots.size or preview_size(shape)
    block = torch.empty(1, method.channels, *(n + 2 * CONTEXT for n in size), device="meta")
    count: int = schedule.steps // snapshots.every + EARLY_PREVIEWS
    halves = len(method.to_restore(method.maps if isinstance(method.maps, int) else 2))
    once = _count(lambda: network(block))
    return count * halves * once


def _count(compute: Callable[[], object]) -> float:
    """Return how many multiplications and additions something takes."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        compute()
    return float(counter.get_total_flops())


@torch.inference_mode()
def _seconds_per_multiplication(
    config: NetworkConfig,
    channels: int,
    device: torch.device,
    precision: str,
    cancelled: Callable[[], bool],
) -> float:
    """Return how long one of the network's multiplications takes with as many threads as training uses."""
    edge = max(_TRIAL.get(device.type, 32), least_crop(sizes_of(config)))
    network = channels_last(build_network(config, channels=channels, seed=0).eval().to(device))
    for layer in network.modules():
        layer.register_forward_pre_hook(partial(_end_if, cancelled))
    crop = torch.randn(1, channels, edge, edge, edge, device=device)
    enabled = precision != "32"
    with torch.autocast(device.type, dtype=DTYPES[precision] if enabled else None, enabled=enabled):
        seconds = _seconds(lambda: network(crop), device)
        if seconds < _LONG or device.type != "cpu":  # what comes first is slower
            seconds = min(seconds, _seconds(lambda: network(crop), device))
    if device.type == "cpu":
        seconds *= torch.get_num_threads() / training_threads()
    bare = network_without_values(config, channels=channels)
    return seconds / max(1.0, _count(lambda: bare(torch.empty_like(crop, device="meta"))))


def _end_if(cancelled: Callable[[], bool], *_: object) -> None:
    if cancelled():
        raise Cancelled("The estimate was cancelled.")


def _seconds(compute: Callable[[], object], device: torch.device) -> float:
    """Return how long something takes; on a CPU without the time for which other programs have it."""
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    start = clock()
    compute()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return clock() - start


__all__ = ["estimated_seconds"]
