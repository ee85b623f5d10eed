"""Seconds and extra memory of three Fourier slices, beside the transform of the whole volume.

Run, for example::

    OMP_NUM_THREADS=2 python -m benchmarks.window slices --size 512 --mapped 464 928 928

The volume of ``--size`` lies in memory, that of ``--mapped`` (z, y, x) in a file of float32 which is removed
afterwards. The extra memory is the highest resident size of a process of its own above what it had before.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryorestore.physics.fourier_slices import fourier_slices

OFF_CENTRE = (9, -7, 5)


def random_volume(shape: tuple[int, ...]) -> np.ndarray:
    volume = np.empty(shape, dtype=np.float32)
    generator = np.random.default_rng(0)
    for plane in volume:
        generator.standard_normal(dtype=np.float32, out=plane)
    return volume


def slices_times(volume: np.ndarray, rounds: int) -> dict[str, Any]:
    result = {}
    for name, offsets in (("central", (0, 0, 0)), ("off-centre", OFF_CENTRE)):
        seconds = [
            _timed(lambda offsets=offsets: fourier_slices(volume, offsets=offsets)) for _ in range(rounds)
        ]
        result[f"{name}, first (s)"] = seconds[0]
        result[f"{name}, median (s)"] = float(np.median(seconds))
    return {name: round(value, 3) for name, value in result.items()}


def in_memory(size: int, rounds: int) -> dict[str, Any]:
    volume = random_volume((size, size, size))
    fourier_slices(volume[:2])  # what is loaded and warmed up once is no cost of the slices
    before = _highest()
    fourier_slices(volume)
    extra = (_highest() - before) / 1e6
    return {"extra memory (MB)": round(extra, 1), **slices_times(volume, rounds)}


def error(size: int) -> dict[str, Any]:
    """Compare with ``rfftn`` on a volume that both can hold, and time that too."""
    volume = random_volume((size, size, size))
    window = np.hanning(size + 1)[:-1]
    started = time.perf_counter()
    exact = volume.astype(np.float64)
    exact -= exact.mean()
    exact *= window[:, None, None] * window[:, None] * window
    whole = np.abs(np.fft.rfftn(exact))
    seconds = time.perf_counter() - started
    worst = 0.0
    for offsets in ((0, 0, 0), (9, 7, 5)):
        made = fourier_slices(volume, offsets=offsets).magnitude
        for axis, offset in enumerate(offsets):
            plane = whole.take(offset, axis)
            part = np.fft.ifftshift(made[axis])  # type: ignore[arg-type]
            worst = max(worst, float(np.abs(part[:, : plane.shape[1]] - plane).max() / plane.max()))
    return {"largest error": float(f"{worst:.2g}"), "rfftn of the whole (s)": round(seconds, 3)}


def mapped(shape: tuple[int, ...], rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.raw"
        with path.open("wb") as file:
            for start in range(shape[0]):
                np.random.default_rng(start).standard_normal(shape[1:], dtype=np.float32).tofile(file)
        volume = np.memmap(path, dtype=np.float32, mode="r", shape=shape)
        return slices_times(volume, rounds)


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _highest() -> float:
    """Return the highest resident size so far in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if platform.system() == "Darwin" else 1024)


def _alone(function: Any, *arguments: Any) -> dict[str, Any]:
    """Call a function in a fresh process, whose highest memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result: dict[str, Any] = pool.apply(function, arguments)
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--exact", type=int, default=192, help="size of what is compared with rfftn")
    parser.add_argument("--mapped", type=int, nargs=3, metavar=("Z", "Y", "X"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    figures = {f"{options.size}³ in memory": _alone(in_memory, options.size, options.rounds)}
    figures[f"{options.exact}³ against rfftn"] = _alone(error, options.exact)
    if options.mapped:
        name = "×".join(map(str, options.mapped))
        figures[f"{name} mapped"] = _alone(mapped, tuple(options.mapped), options.rounds)
    for name, values in figures.items():
        print(f"{name}: " + "  ".join(f"{key} {value}" for key, value in values.items()))
    about = {
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "numpy": np.__version__,
    }
    print(json.dumps({"benchmark": "slices", **about, **figures}, ensure_ascii=False))
