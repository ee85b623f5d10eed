"""Where agreement and wedge filling pull apart: simulated materials, bright on a dark ground, over ±78°.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.quality apart --kinds grains lattice --snr 10 --steps 600

Crystals lie in a slab that is thin and otherwise empty. `grains` are large and smooth, `lattice` are the same
with planes of atoms in them, `powder` is many small ones. ICECREAM's recipe `standard` trains on a pair, and
prints at every preview the two held-out numbers and the correlation with the truth of the whole restored
volume; then the advice. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from benchmarks.quality.ending import judged
from benchmarks.quality.timed_training import Case, recipe_of, run_at
from napari_cryorestore.hardware import DTYPES
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.simulation import SimulatedPair, write_pair
from napari_cryorestore.simulation.projection import project, weighted_back_project
from napari_cryorestore.training.launch import run_training

STEEPEST, STEP = 78.0, 2.0
THICKNESS = 0.35
KINDS = {"grains": (4, 12, 0.0), "lattice": (4, 12, 0.6), "powder": (1.5, 4, 0.0)}
"""Least and largest radius in voxels, and how deep the planes of atoms are."""


def main() -> None:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for kind in options.kinds:
            for seed in options.seeds:
                found.append(_one(options.keep or Path(scratch), kind, seed, options))
    print(json.dumps({"benchmark": "apart", "snr": options.snr, "split": options.split, "runs": found}))


def material_pair(kind: str, *, size: int, snr: float, split: str, seed: int) -> SimulatedPair:
    """Record a tilt series of crystals and reconstruct two halves, by dose or by every other tilt."""
    scenery, noise = (np.random.default_rng((seed, stream)) for stream in (1, 2))
    angles = tuple(np.arange(-STEEPEST, STEEPEST + STEP / 2, STEP).tolist())
    margin = int(np.tan(np.radians(STEEPEST)) * size * (1 + THICKNESS) / 2)
    field = _crystals((size, size, size + 2 * margin), *KINDS[kind], generator=scenery)
    images = project(field, angles, width=field.shape[2])
    recorded = slice(margin, margin + size)
    deviation = float(np.sqrt(images[:, :, recorded].var(axis=(1, 2)).mean() / snr))

    def half(which: slice, share: float) -> np.ndarray:
        seen = images[which]
        noisy = seen + np.float32(deviation / share**0.5) * noise.standard_normal(seen.shape, np.float32)
        return weighted_back_project(noisy, angles[which], shape=(size, size, size))

    parts = [(slice(None), 0.5)] * 2 if split == "dose" else [(slice(0, None, 2), 1), (slice(1, None, 2), 1)]
    even, odd = (half(*part) for part in parts)
    return SimulatedPair(
        even=even, odd=odd, truth=np.ascontiguousarray(field[:, :, recorded]),
        clean=weighted_back_project(images, angles, shape=(size, size, size)),
        angles=angles, voxel_size=5.0, particles=(),
    )  # fmt: skip


def _crystals(
    shape: tuple[int, int, int],
    least: float,
    largest: float,
    planes: float,
    *,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return bright convex grains in a slab, a third of it filled."""
    density = np.zeros(shape, np.float32)
    depth = THICKNESS * shape[0]
    room = depth * shape[1] * shape[2]
    filled, middle = 0.0, shape[0] / 2
    while filled < 0.33 * room:
        radius = generator.uniform(least, largest)
        high = max(depth / 2 - radius, 1)
        centre = middle + generator.uniform(-high, high), *generator.uniform((0, 0), shape[1:])
        low = [max(0, int(c - radius - 2)) for c in centre]
        window = tuple(
            slice(a, min(int(c + radius + 3), n)) for a, c, n in zip(low, centre, shape, strict=True)
        )
        grid = np.ogrid[window]
        offsets = [axis - c for axis, c in zip(grid, centre, strict=True)]
        faces, _ = np.linalg.qr(generator.normal(size=(3, 3)))
        along = [sum(n * o for n, o in zip(face, offsets, strict=True)) for face in faces]
        inside = np.max([np.abs(a) for a in np.broadcast_arrays(*along)], axis=0) < 0.75 * radius
        atoms = 1 + planes * np.cos(2 * np.pi * along[0] / 4.3) * np.cos(2 * np.pi * along[1] / 4.3)
        density[window] = np.where(inside, generator.uniform(0.7, 1.3) * atoms, density[window])
        filled += inside.sum()
    return gaussian_filter(density, 0.8)


def _one(folder: Path, kind: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    name = f"{kind}_{options.split}_{options.snr:g}_{seed}"
    pair = material_pair(kind, size=options.size, snr=options.snr, split=options.split, seed=seed)
    paths = {path.stem.split("_")[-1]: path for path in write_pair(folder / name, pair)}
    case = Case(
        name=name, seed=seed, even=paths["even"], odd=paths["odd"], truth=pair.truth, clean=pair.clean,
        wedge=Wedge(-STEEPEST, STEEPEST), voxel_size=pair.voxel_size, particles={},
    )  # fmt: skip
    size = {"network": {"features": options.features}, "schedule": {"crop": options.crop, "batch": 4}}
    hardware = {"device": options.device, "precision": options.precision, "threads": options.threads}
    config = recipe_of(options.recipe, case, steps=options.steps, hardware=hardware, size=size)
    run = run_at(folder / f"{name}_run_{options.features}", config)
    run_training(run)
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    overall = judged(run, case)
    rows = [(item.step, item.n2n, item.fill, overall.get(item.step)) for item in state.held_out()]
    for step, n2n, fill, true in rows:
        print(f"{name}  step {step}  n2n {n2n:.3f}  fill {fill:.3f}  truth {true}", flush=True)
    advice = state.advice
    print(f"{name}: step {advice.step}, {advice.decides} decides, light {advice.light}: {advice.sentence}")
    told = {"step": advice.step, "decides": advice.decides, "light": advice.light, "says": advice.sentence}
    return {"name": name, "features": options.features, "why": state.why, "rows": rows, "advice": told}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--split", choices=["dose", "tilt"], default="tilt")
    parser.add_argument("--snr", type=float, default=10.0)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--recipe", default="standard", help="as for `train`")
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--crop", type=int, default=32)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--precision", choices=["auto", *DTYPES], default="32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep pairs and runs here; must not be there yet")
    return parser
