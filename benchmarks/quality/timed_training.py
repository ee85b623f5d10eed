"""Training on a simulated pair, timed without its previews and judged against the truth on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.quality.particles import read_particles
from napari_cryorestore.checkpoint import Label, save_weights
from napari_cryorestore.data.crops import CropSampler, Places, TrainingVolume, cut_crops
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.simulation import SimulationConfig, simulate, write_pair
from napari_cryorestore.training.complete_config import complete_config
from napari_cryorestore.training.fabric_setup import launch_fabric
from napari_cryorestore.training.launch import environment
from napari_cryorestore.training.learner import Learner, next_batch
from napari_cryorestore.training.preparation import crop_of, prepare
from napari_cryorestore.training.refills import Refills

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_cryorestore.methods import Method
    from napari_cryorestore.methods.base import Network

CPU = torch.device("cpu")

SMALL: dict[str, Any] = {
    "network": {"features": 8},
    "schedule": {"crop": 32, "batch": 4},
}
"""What fits a processor; whatever a recipe says lies on top of it."""

FASTER_ADAM = {"schedule": {"learning_rate": 1e-3}}
"""At this size the papers' networks need ten times their learning rate."""


@dataclass(frozen=True)
class Case:
    """One simulated pair and its truth, on disk and in memory."""

    name: str
    seed: int
    even: Path
    odd: Path
    truth: np.ndarray
    clean: np.ndarray
    wedge: Wedge
    voxel_size: float
    particles: dict[str, np.ndarray]


@dataclass(frozen=True)
class Moment:
    """Where a training stands: steps, CPU seconds of these alone, and the restored volumes by passes.

    If requested, there is also one restored in one pass and averaged over flips.
    """

    step: int
    seconds: float
    volumes: dict[int, np.ndarray]
    averaged: np.ndarray | None = None


def case_at(folder: Path, config: SimulationConfig) -> Case:
    """Simulate a pair into a folder, or read the one that is there."""
    name = f"{config.split}, SNR {config.snr:g}"
    place = folder / f"pair_{config.split}_{config.snr:g}_{config.seed}"
    if not place.exists():
        write_pair(place, simulate(config))
    files = {half: next(place.glob(f"*_{half}.mrc")) for half in ("even", "odd", "truth", "clean")}
    truth, clean = (np.array(open_volume(files[name]).data) for name in ("truth", "clean"))
    listed = next(place.glob("*_particles.csv"), None)
    if listed is None:
        raise SystemExit(f"{place} has no list of particles: delete it, and it is simulated anew.")
    return Case(
        name=name,
        seed=config.seed,
        even=files["even"],
        odd=files["odd"],
        truth=truth,
        clean=clean,
        wedge=Wedge(config.tilt_min, config.tilt_max),
        voxel_size=config.voxel_size,
        particles=read_particles(listed),
    )


def recipe_of(
    words: str,
    case: Case,
    *,
    steps: int,
    hardware: dict[str, Any],
    method: str = "icecream",
    size: dict[str, Any] = SMALL,
) -> RunConfig:
    """Return the configuration for e.g. ``standard`` or ``standard:schedule.batch=2,method.flips=true``.

    `size` lies on top of the recipe: what suits a processor, or nothing for the recipe as it is.
    """
    name, _, changes = words.partition(":")
    settings = merged(
        preset(name, method),
        FASTER_ADAM if name == "paper" else {},
        size,
        {"schedule": {"steps": steps, "seed": case.seed}},
        {"hardware": hardware},
        {"tomograms": [{"even": str(case.even), "odd": str(case.odd)}]},
    )
    for change in filter(None, changes.split(",")):
        path, value = change.split("=", 1)
        section, key = path.split(".")
        settings = merged(settings, {section: {key: value}})
    return complete_config(RunConfig.model_validate(settings))


def run_at(path: Path, config: RunConfig) -> RunDir:
    """Make a run folder, which `timed` fills with checkpoints and other scripts read."""
    return RunDir.create(path, config=config.to_toml(), environment=environment())


def timed(
    config: RunConfig, at: Sequence[int], *, run: RunDir | None = None, average_flips: bool = False
) -> Iterator[Moment]:
    """Train, and yield where training stands at some numbers of steps, with a checkpoint into the run."""
    fabric, _ = launch_fabric(config.hardware, precision=config.hardware.precision, say=print)
    method = build_method(config.method)
    volume = prepare(config, CPU, say=print).volumes[0]
    learner = Learner(config, method, fabric)
    generator = torch.Generator().manual_seed(config.schedule.seed)
    cut = method.cut_size(crop_of(config))
    refills = Refills(method, [volume], size=cut, device=CPU)
    sampler = CropSampler(
        [volume],
        crop=cut,
        batch=config.schedule.batch,
        input_kind=method.input_kind,
        generator=generator,
    )
    seconds = 0.0
    for step in range(config.schedule.steps):
        start = time.process_time()
        batch = next_batch(sampler, method, CPU, step=step)
        batch.crops = refills.given(batch.crops)
        _, bad = learner.update(batch, step=step)
        refills.store(batch.crops.places, learner.refill, unless=bad)
        seconds += time.process_time() - start
        if step + 1 not in at and step + 1 < config.schedule.steps:
            continue
        passes = (1, 2) if hasattr(config.method, "passes") else (1,)
        with fabric.autocast():
            volumes = {n: restored(learner.average, method, volume, passes=n) for n in passes}
            both = {"passes": 1, "average_flips": True}
            averaged = restored(learner.average, method, volume, **both) if average_flips else None
        if run:
            label = Label(step + 1, config.method, config.network, volume.imaging.wiener)
            run.write_checkpoint(step + 1, partial(save_weights, network=learner.average, label=label))
        yield Moment(step + 1, seconds, volumes, averaged)


@torch.no_grad()
def restored(network: Network, method: Method, volume: TrainingVolume, **settings: Any) -> np.ndarray:
    """Return the mean of both halves, each restored in one piece, by a method with changed settings."""
    settings = {name: value for name, value in settings.items() if hasattr(method.config, name)}
    changed = type(method)(method.config.model_copy(update=settings))
    device = next(network.parameters()).device
    corner = torch.zeros(1, 3, dtype=torch.int64)
    shape: Any = tuple(volume.maps[0].shape)
    places = Places(0, corner, volume.imaging, len(volume.maps))
    whole = cut_crops(volume, places, size=shape, kind=method.input_kind).to(device)
    halves = [changed.restore_crop(network, item, volume.imaging) for item in whole.inputs.unbind(1)]
    return (sum(halves)[0, 0] / len(halves)).float().cpu().numpy()  # type: ignore[index]


def moments(steps: int) -> list[int]:
    """Return at how many steps to look: about five times per factor of four, at most `steps`."""
    grid = [10, 15, 20, 30, 40, 60, 80, 100, 125, 150, 200, 250, 300, 400, 500, 600, 800, 1000, 1500, 2000]
    return [step for step in grid if step < steps] + [steps]
