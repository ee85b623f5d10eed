"""Quality against the truth on simulated tomograms: raw, Wiener, noise-free and trained, by recipe and seed.

Run, for example::

    python benchmarks/quality.py --recipe standard paper --seeds 0 1 2 --steps 300

Every number is a correlation with the truth: over the Nyquist ball ("overall"), over its measured part and
over the missing wedge. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.io.mrc import read_volume
from napari_cryorestore.physics.fourier import hermitian_weight, nyquist_ball, rfft
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.restoration import RestoreRequest, restore
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.simulation import SimulationConfig, simulate, write_pair
from napari_cryorestore.training.launch import create_run, run_training

if TYPE_CHECKING:
    from napari_cryorestore.runs.run_dir import RunDir

PUBLISHED = {"schedule": {"learning_rate": 1e-3}}
"""At this size the papers' networks want ten times their learning rate."""


def correlations(volume: np.ndarray, truth: np.ndarray, wedge: Wedge) -> dict[str, float]:
    """Return the correlation with the truth overall, in the measured region and in the missing wedge."""
    shape = truth.shape
    a, b = (rfft(torch.from_numpy(np.asarray(item, np.float32) - item.mean())) for item in (volume, truth))
    ball, measured = nyquist_ball(shape), wedge.mask(shape)
    regions = {"overall": ball, "measured": ball & measured, "wedge": ball & ~measured}
    result = {}
    for name, region in regions.items():
        weight = hermitian_weight(shape) * region
        cross = (weight * (a * b.conj()).real).sum()
        powers = (weight * a.abs().square()).sum() * (weight * b.abs().square()).sum()
        result[name] = float(cross / powers.sqrt().clamp(min=1e-12))
    return result


def trained(
    paths: Any, recipe: str, folder: Path, *, overrides: dict[str, Any], passes: tuple[int, ...]
) -> tuple[RunDir, dict[str, np.ndarray], float]:
    """Train one recipe; return its run, the restored volumes by number of passes, and the seconds it took."""
    settings = merged(
        preset(recipe, "icecream"),
        PUBLISHED if recipe == "paper" else {},
        {"tomograms": [{"even": str(paths.even), "odd": str(paths.odd)}]},
        overrides,
    )
    start = time.perf_counter()
    run = create_run(RunConfig.model_validate(settings), folder)
    run_training(run)
    seconds = time.perf_counter() - start
    volumes = {}
    for number in passes:
        output = folder / f"restored_{number}.mrc"
        request = RestoreRequest(run.path, paths.even, output, odd=paths.odd, device="cpu", precision="32")
        volumes[f"{number} pass" + "es" * (number > 1)] = read_volume(
            restore(replace(request, passes=number))
        ).data
    return run, volumes, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipe", nargs="+", default=["standard", "paper"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--snr", type=float, default=0.1)
    parser.add_argument("--split", default="dose", choices=["dose", "tilt"])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--set", nargs="*", default=[], help="such as method.flips=true schedule.ema=0")
    parser.add_argument("--keep", type=Path, help="keep simulated pairs and runs here")
    options = parser.parse_args()
    extra: dict[str, Any] = {}
    for item in options.set:
        path, value = item.split("=", 1)
        section, name = path.split(".")
        extra = merged(extra, {section: {name: value}})
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        for seed in options.seeds:
            rows += _one_seed(seed, options, folder, extra)
    print(json.dumps({"benchmark": "quality", "options": vars(options) | {"keep": None}, "rows": rows}))


def _one_seed(
    seed: int, options: argparse.Namespace, folder: Path, extra: dict[str, Any]
) -> list[dict[str, Any]]:
    config = SimulationConfig(size=options.size, snr=options.snr, split=options.split, seed=seed)
    pair = simulate(config)
    place = folder / f"pair_{options.split}_{options.snr:g}_{seed}"
    if not place.exists():
        write_pair(place, pair)
    paths = paths_in(place)
    wedge = Wedge(config.tilt_min, config.tilt_max)
    wiener = folder / f"wiener_{time.time_ns()}.mrc"
    restore(RestoreRequest("wiener", paths.even, wiener, odd=paths.odd))
    volumes = {
        "raw": (pair.even + pair.odd) / 2,
        "Wiener": np.asarray(read_volume(wiener).data),
        "noise-free": pair.clean,
    }
    rows = [_row(seed, name, correlations(volume, pair.truth, wedge)) for name, volume in volumes.items()]
    for recipe in options.recipe:
        shrunk = {
            "network": {"features": 8},
            "schedule": {"crop": 32, "batch": 4, "steps": options.steps, "seed": seed},
            "snapshots": {"every": 25},
            "hardware": {"device": "cpu", "precision": "32", "threads": torch.get_num_threads()},
        }
        _, restored, seconds = trained(
            paths,
            recipe,
            folder / f"run_{recipe}_{seed}_{time.time_ns()}",
            overrides=merged(shrunk, extra),
            passes=(1, 2),
        )
        for name, volume in restored.items():
            rows.append(_row(seed, f"{recipe}, {name}", correlations(volume, pair.truth, wedge), seconds))
    return rows


def paths_in(place: Path) -> Any:
    """Return the files of a pair written before."""
    return argparse.Namespace(even=next(place.glob("*_even.mrc")), odd=next(place.glob("*_odd.mrc")))


def _row(seed: int, name: str, numbers: dict[str, float], seconds: float = 0.0) -> dict[str, Any]:
    words = "  ".join(f"{key} {value:.3f}" for key, value in numbers.items())
    print(f"seed {seed}  {name:24s} {words}" + (f"  ({seconds:.0f} s)" if seconds else ""), flush=True)
    return {"seed": seed, "name": name, **{key: round(value, 4) for key, value in numbers.items()}}


if __name__ == "__main__":
    main()
