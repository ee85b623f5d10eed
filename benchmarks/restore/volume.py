"""Voxels restored per CPU second, and memory; beside the published program's where that is at hand.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.restore volume --size 256 --features 16 --precision bf16
    OMP_NUM_THREADS=1 python -m benchmarks.restore volume --size 464 928 928 --features 2 --share 0.05
    OMP_NUM_THREADS=1 python -m benchmarks.restore volume --reference PATH --features 16
    python -m benchmarks.restore volume --device cuda --reference PATH --features 64 --precision bf16

where PATH is a checkout of swing-research/icecream. Whole volumes are two files of random noise, restored by
the same call as in the program, reading and writing included. The published program's crops and our tiles
take turns, A B A B, in one process; how many of each a volume takes is counted as either program counts. On a
GPU the published program restores both halves of a whole volume in memory by itself. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.process_memory import memory
from benchmarks.restore.published import published, published_on_gpu
from napari_cryorestore.checkpoint import Label, save_weights
from napari_cryorestore.hardware import choose_device
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volume_format import Grid
from napari_cryorestore.io.volume_output import create_volume
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.restoration import Cancelled, Model, RestoreConfig, fitting_plan, restore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, nargs="+", default=[256], help="one edge, or z y x")
    parser.add_argument("--features", type=int, default=16)
    parser.add_argument("--passes", type=int, choices=[1, 2], default=2)
    parser.add_argument("--precision", default="32")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--share", type=float, default=1.0, help="stop after this share, and extrapolate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reference", type=Path, help="a checkout of swing-research/icecream")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    on_gpu = choose_device(options.device).type == "cuda"
    beside = published_on_gpu if on_gpu else published
    run = beside if options.reference else whole
    facts = {"features": options.features, "passes": options.passes, "precision": options.precision}
    host = {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}
    print(
        json.dumps({"benchmark": "restore", **facts, **run(options), **host, "machine": platform.machine()})
    )


# A whole volume -------------------------------------------------------------------------------------------


def whole(options: argparse.Namespace) -> dict[str, Any]:
    """Restore two files of noise, or a share of them."""
    shape = tuple(options.size * 3 if len(options.size) == 1 else options.size)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for half in ("even", "odd"):
            _write_noise(folder / f"{half}.mrc", shape, seed=len(half))
        maps = [folder / f"{half}.mrc" for half in ("even", "odd")]
        request = RestoreConfig.model_validate({
            "model": {"weights": _random_weights(folder, options)},
            "tomogram": {"maps": maps, "recording": {"tilt_range": [-60, 60]}},
            "hardware": {name: getattr(options, name) for name in ("device", "precision", "threads")},
            "output": folder / "out.mrc",
        })  # fmt: skip
        tomogram = open_tomogram(maps[0], recording=request.tomogram.recording)
        model = Model.of(request.model, tomogram, hardware=request.hardware)
        plan = fitting_plan(shape, model, request.tiling)
        done, watched = [0.0], Memory()
        cpu, wall = time.process_time(), time.perf_counter()
        with watched, suppress(Cancelled):
            restore(request, progress=done.append, cancelled=lambda: options.share <= done[-1] < 1)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    voxels = math.prod(shape) * done[-1]  # of the tomogram: two halves make one
    print(f"{shape}: {done[-1]:.1%} in {cpu:.1f} CPU s, {wall:.1f} s")
    print(f"  tiles {plan.sizes}, margin {plan.margin}")
    print(f"  {voxels / wall:,.0f} voxels per second")
    print(f"  {voxels / cpu:,.0f} voxels per CPU second; all of it {cpu / done[-1] / 3600:.2f} CPU h")
    print(f"  anonymous memory {watched.peak[0]:.0f} MB, of which {watched.before[0]:.0f} MB before")
    print(f"  mapped memory {watched.peak[1]:.0f} MB")
    return {
        "shape": shape, "share": round(done[-1], 4), "cpu_seconds": round(cpu, 1), "seconds": round(wall, 1),
        "voxels_per_second": round(voxels / wall),
        "voxels_per_cpu_second": round(voxels / cpu), "tile": plan.sizes, "margin": plan.margin,
        "anonymous_mb": round(watched.peak[0]), "mapped_mb": round(watched.peak[1]),
    }  # fmt: skip


class Memory:
    """Watches this process's anonymous and mapped memory in MB."""

    def __enter__(self) -> None:
        self.before = self.peak = _memory()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            now = _memory()
            self.peak = max(self.peak[0], now[0]), max(self.peak[1], now[1])


def _memory() -> tuple[float, float]:
    return memory("RssAnon") / 2**20, memory("RssFile") / 2**20


def _write_noise(path: Path, shape: tuple[int, ...], *, seed: int) -> None:
    random = np.random.default_rng(seed)
    with create_volume(path, Grid(shape, 10.0), label="noise") as volume:
        for index in range(shape[0]):
            volume[index] = random.standard_normal(shape[1:], dtype=np.float32)


def _random_weights(folder: Path, options: argparse.Namespace) -> Path:
    method, network = IcecreamConfig(passes=options.passes), UNetConfig(features=options.features)
    weights = folder / "weights"
    weights.mkdir()
    save_weights(weights, build_network(network, seed=0), Label(0, method, network))
    return weights
