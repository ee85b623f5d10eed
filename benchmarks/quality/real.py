"""Real data, held-out place: train on one half of a tomogram along x, measure on the other.

Run, for example::

    python -m benchmarks.quality real EVEN.mrc ODD.mrc --steps 300 --features 16

Prints the correlation of f(even) with the raw odd half where nothing was trained, an 8-voxel border left out,
beside that of the raw even half. With ``--method icecream`` only the measured part of f(even) counts. The
last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.physics.wedge import Wedge, apply_mask
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.restoration import RestoreConfig, restore
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.training.launch import create_run, run_training

BORDER = 8
WEDGE = Wedge(-60, 60)
RATES = {"noise2noise": 4e-4, "icecream": 1e-3}
"""Of Adam in the published recipe; that of ICECREAM ten times as high, as suits its small network."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("even", type=Path)
    parser.add_argument("odd", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--features", type=int, default=16)
    parser.add_argument("--crop", type=int, default=32)
    parser.add_argument("--method", choices=list(RATES), default="noise2noise")
    parser.add_argument("--recipe", choices=["standard", "paper"], default="standard")
    parser.add_argument("--passes", type=int, choices=[1, 2], help="as the recipe says if not given")
    parser.add_argument("--precision", default="32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = _measured(options, Path(scratch))
    print(json.dumps({"benchmark": "real data", "file": options.even.name, **result}))


def _measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    parts = {
        name: halves_along_x(path, folder, name)
        for name, path in (("even", options.even), ("odd", options.odd))
    }
    settings = merged(
        preset(options.recipe, options.method),
        {"schedule": {"learning_rate": RATES[options.method]}} if options.recipe == "paper" else {},
        {
            "tomograms": [
                {"even": parts["even"][0], "odd": parts["odd"][0], "tilt_min": -60, "tilt_max": 60}
            ],
            "network": {"features": options.features},
            "schedule": {"steps": options.steps, "crop": options.crop, "batch": 4},
            "snapshots": {"every": 0},
            "hardware": {
                "device": "cpu",
                "precision": options.precision,
                "threads": torch.get_num_threads(),
            },
        },
    )
    start = time.perf_counter()
    run = create_run(RunConfig.model_validate(settings), folder / "run")
    run_training(run)
    seconds = time.perf_counter() - start
    restored = _restored(run.path, parts, folder, options)
    raw_even, raw_odd = (open_volume(parts[half][1]).data for half in ("even", "odd"))
    before, after = _correlation(raw_even, raw_odd), _correlation(restored, raw_odd)
    print(f"raw {before:.4f}  restored {after:.4f}  ratio {after / before:.2f}  ({seconds:.0f} s)")
    return {"method": options.method, "recipe": options.recipe, "passes": options.passes,
            "steps": options.steps, "features": options.features,
            "raw": round(before, 4), "restored": round(after, 4), "ratio": round(after / before, 2),
            "seconds": round(seconds)}  # fmt: skip


def _restored(
    model: Path, parts: dict[str, tuple[Path, Path]], folder: Path, options: argparse.Namespace
) -> np.ndarray:
    """Restore the even half alone: the odd one, whose wedge is empty, is what it is compared with."""
    tilts = {"tilt_range": [WEDGE.tilt_min, WEDGE.tilt_max]}
    request = RestoreConfig.model_validate({
        "model": {"weights": model},
        "method": {"passes": options.passes} if options.passes else {},
        "tomogram": {"maps": [parts["even"][1]], "recording": tilts},
        "hardware": {"device": "cpu", "precision": options.precision},
        "output": folder / "restored.mrc",
    })  # fmt: skip
    volume = np.array(open_volume(restore(request)).data)
    return volume if options.method == "noise2noise" else _measured_part(volume)


def _measured_part(volume: np.ndarray) -> np.ndarray:
    return apply_mask(torch.from_numpy(volume), WEDGE.mask(volume.shape)).numpy()


def halves_along_x(path: Path, folder: Path, name: str) -> tuple[Path, Path]:
    """Write the two halves of a volume along x, and return their files: to train on, to measure on."""
    volume = open_volume(path)
    middle = volume.data.shape[2] // 2
    files = []
    for side, part in (("left", volume.data[:, :, :middle]), ("right", volume.data[:, :, middle:])):
        files.append(
            write_volume(folder / f"{side}_{name}.mrc", part, voxel_size=volume.voxel_size, label="part")
        )
    return files[0], files[1]


def measured_correlation(volume: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of a volume's measured part with another one (z, y, x), without their border."""
    return round(_correlation(_measured_part(volume), other), 4)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    inner = (slice(BORDER, -BORDER),) * 3
    return float(np.corrcoef(np.asarray(a[inner]).ravel(), np.asarray(b[inner]).ravel())[0, 1])
