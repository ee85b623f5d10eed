"""How well the particles of a simulation are found in a volume: average precision of template matching.

The barrels (11 × 15 nm) and the cages (12 nm) are looked for, about ten of each in 96³, each by itself: what
is found of the one in the place of another particle, a membrane or gold counts as an error. Their templates
are the very points that the simulation drew: the picker is the same, and as good as can be, for every volume.
The larger ribosome is found in any volume and the six-fold ring in hardly any, so these tell nothing.

Scores are normalised correlations within a sphere, on voxels of at least 2 nm, the highest of 24 directions
of the barrel (30° apart; a turned average finds half as many). Templates get the missing wedge where the
volume has it: raw, Wiener-filtered and noise-free. A restored volume claims to have none, so it is searched
with whole templates; others changed its numbers by 0.02 at most in the mean. Local maxima at least a radius
apart are the picks, and each is right within half a radius of a particle that no better one has taken.

One particle of ten is 0.1 of precision by kind: look at means over several tomograms.

Run, for example, on a folder that `cryorestore simulate DIR` or ``train --keep`` wrote::

    python -m benchmarks.quality particles DIR/sim_clean.mrc --wedge -60 60
    python -m benchmarks.quality particles DIR/restored.mrc --particles DIR/sim_particles.csv

The last line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from scipy.spatial.transform import Rotation

from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.metrics.pick_agreement import match_picks
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.simulation.particles import barrel, cage
from napari_cryorestore.simulation.scene import Crowd, Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_cryorestore.simulation.particles import Particle

    Places = NDArray[np.float64]

KINDS = {"barrel": (barrel, 24), "cage": (cage, 1)}
"""What is looked for, and in how many directions of its axis."""
COARSE = 2.0
"""nm; finer volumes are cut to such voxels in Fourier space, which makes the search eight times as fast."""
FLATTEST = 0.5
"""The least deviation in a sphere, of the volume's: else smooth ice scores high. Noise-free loses nothing."""


def average_precision(
    volume: np.ndarray, particles: Mapping[str, Places], *, voxel_size: float, wedge: Wedge | None = None
) -> dict[str, float]:
    """Return the average precision by kind.

    Parameters
    ----------
    volume : array (z, y, x)
        Protein dark.
    particles : mapping of str to array (n, 3)
        True positions (z, y, x) in voxels by kind, as `read_particles` gives them.
    voxel_size : float
        Å.
    wedge : Wedge, optional
        What is missing in the volume, and so in the templates.

    Returns
    -------
    dict
        0 to 1 for every kind looked for of which there is a particle.
    """
    shrunk, factor = _coarser(np.asarray(volume, np.float32), voxel_size / 10)
    edge = voxel_size * factor
    found = {}
    for name, (make, _) in KINDS.items():
        if not len(particles.get(name, ())):
            continue
        reach = 10 * make().radius
        picks, scores = _peaks(scored(shrunk, name, edge / 10, wedge), reach / edge)
        # both grids have the centre of voxel 0 at 0
        detection = match_picks(picks * edge, scores, particles[name] * voxel_size, reach / 2)
        found[name] = detection.average_precision
    return found


def scored(volume: torch.Tensor, name: str, voxel: float, wedge: Wedge | None) -> NDArray[np.float32]:
    """Return the highest correlation of a template with its surroundings, voxel by voxel; voxels in nm."""
    shape = tuple(volume.shape)
    sphere, templates = _templates(name, voxel)
    within = _placed(sphere, shape)
    count = within.sum()
    seen = wedge.mask(shape) if wedge else None
    spectrum, around = torch.fft.rfftn(volume), torch.fft.rfftn(within).conj()
    mean = torch.fft.irfftn(spectrum * around, s=shape) / count
    square = torch.fft.irfftn(torch.fft.rfftn(volume.square()) * around, s=shape) / count
    deviation = (square - mean.square()).clamp(min=(FLATTEST * float(volume.std())) ** 2).sqrt()
    best = torch.full(shape, -1.0)
    for item in templates:
        template = _placed(item, shape)
        if seen is not None:
            template = torch.fft.irfftn(torch.fft.rfftn(template) * seen, s=shape)
        template = (template - (template * within).sum() / count) * within
        strength = template.square().sum().sqrt() * count.sqrt()
        match = torch.fft.irfftn(spectrum * torch.fft.rfftn(template).conj(), s=shape) / strength
        best = torch.maximum(best, match / deviation)
    scores: NDArray[np.float32] = best.numpy()
    return scores


def read_particles(path: Path) -> dict[str, Places]:
    """Return the positions (z, y, x) in voxels by kind, from the list beside a simulated pair."""
    found: dict[str, list[tuple[float, ...]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["name"], []).append(tuple(float(row[axis]) for axis in "zyx"))
    return {name: np.array(places) for name, places in found.items()}


def _coarser(volume: np.ndarray, voxel: float) -> tuple[torch.Tensor, float]:
    """Cut a volume in Fourier space to voxels of about `COARSE`; return it and how much larger they are."""
    factor = max(1.0, COARSE / voxel)
    data = torch.from_numpy(volume - volume.mean())
    # the same factor on every axis, or positions would shift
    shape = [round(length / factor / 2) * 2 for length in data.shape]
    if factor == 1.0 or any(
        length * factor != whole for length, whole in zip(shape, data.shape, strict=True)
    ):
        return data, 1.0
    spectrum = torch.fft.fftshift(torch.fft.fftn(data))
    for axis, (length, whole) in enumerate(zip(shape, data.shape, strict=True)):
        spectrum = spectrum.narrow(axis, whole // 2 - length // 2, length)
    return torch.fft.ifftn(torch.fft.ifftshift(spectrum)).real / factor**3, factor


@cache
def _templates(name: str, voxel: float) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Return the sphere in which a kind is compared, and its density in every direction, in a small box."""
    make, directions = KINDS[name]
    particle = make()
    size = 2 * int(np.ceil((particle.radius + 1) / voxel)) + 2
    offsets = np.indices((size,) * 3) - size // 2
    beyond = np.sqrt((offsets**2).sum(0)) * voxel - particle.radius
    sphere = (1 / (1 + np.exp(4 * beyond / voxel))).astype(np.float32)
    drawn = tuple(_density(particle, turn, size, voxel) for turn in _turns(directions))
    return torch.from_numpy(sphere), drawn


def _density(particle: Particle, turn: Rotation, size: int, voxel: float) -> torch.Tensor:
    crowd = Crowd()
    crowd.add(particle, np.zeros(3), turn)
    scene = Scene((size, size, size), width=size, voxel=voxel, thickness=size * voxel)
    return torch.from_numpy(-crowd.density(scene))


def _turns(count: int) -> list[Rotation]:
    """Return rotations of the axis to directions even over half a sphere (Fibonacci lattice)."""
    index = np.arange(count) + 0.5
    z, angle = 1 - index / count, np.pi * (1 + 5**0.5) * index
    across = np.sqrt(1 - z**2)
    axes = np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=1)
    return [Rotation.align_vectors(axis[None], [[0.0, 0.0, 1.0]])[0] for axis in axes]


def _placed(box: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Put a small box into an empty volume, its middle at voxel 0."""
    whole = torch.zeros(shape)
    depth, height, width = box.shape
    whole[:depth, :height, :width] = box
    return whole.roll((-(depth // 2), -(height // 2), -(width // 2)), (0, 1, 2))


def _peaks(scores: NDArray[np.float32], apart: float) -> tuple[Places, NDArray[np.float32]]:
    """Return where local maxima lie (z, y, x), and their scores."""
    reach = int(np.ceil(apart))
    offsets = np.indices((2 * reach + 1,) * 3) - reach
    highest = maximum_filter(scores, footprint=(offsets**2).sum(0) <= apart**2)
    places = np.argwhere(scores == highest)
    return places.astype(np.float64), scores[tuple(places.T)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("volumes", nargs="+", type=Path)
    parser.add_argument("--particles", type=Path, help="unless it lies beside the volume")
    parser.add_argument("--wedge", nargs=2, type=float, help="lowest and highest tilt, where one is missing")
    options = parser.parse_args()
    rows = []
    for path in options.volumes:
        listed = options.particles or next(path.parent.glob("*_particles.csv"))
        volume, start = open_volume(path), time.process_time()
        found = average_precision(
            np.asarray(volume.data),
            read_particles(listed),
            voxel_size=float(volume.voxel_size),
            wedge=Wedge(*options.wedge) if options.wedge else None,
        )
        rows.append({"volume": path.name, **{name: round(value, 4) for name, value in found.items()}})
        words = "  ".join(f"{name} {value:.3f}" for name, value in found.items())
        print(f"{path.name}  {words}  ({time.process_time() - start:.1f} s)", flush=True)
    print(json.dumps({"benchmark": "particles", "rows": rows}))
