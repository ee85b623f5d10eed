"""Simulate a pair of half tomograms whose truth is known."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from napari_cryorestore.config import Config, setting
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import result_suffix
from napari_cryorestore.simulation.phantom import cell_phantom
from napari_cryorestore.simulation.projection import project, weighted_back_project
from napari_cryorestore.simulation.scene import Placed, Scene

Volume = NDArray[np.float32]

STEEPEST = 80.0
"""No tilt is steeper, in degrees: the projected ice would be too long."""


class SimulationConfig(Config):
    """What is simulated, and how it is recorded."""

    size: int = setting(96, "Edge of the cube that is simulated.", unit="voxels", ge=32)
    shape: tuple[int, int, int] | None = setting(
        None, "Shape z, y, x in place of a cube.", unit="voxels", advanced=True
    )
    voxel_size: float = setting(10.0, "Edge of a voxel.", unit="Å", gt=0)
    split: Literal["dose", "tilt"] = setting(
        "dose", "What the halves are: half the dose of every tilt, or every other tilt."
    )
    snr: float = setting(
        0.1, "Signal-to-noise ratio of a projection with its whole dose: the ratio of their variances.", gt=0
    )
    tilt_min: float = setting(-60.0, "Lowest tilt angle.", unit="°", ge=-STEEPEST, le=STEEPEST)
    tilt_max: float = setting(60.0, "Highest tilt angle.", unit="°", ge=-STEEPEST, le=STEEPEST)
    tilt_step: float = setting(3.0, "Angle from tilt to tilt.", unit="°", gt=0)
    particles: int | None = setting(
        None, "Particles in the volume; about 100 in a cube of ice of 100 nm if not given.", ge=0
    )
    thickness: float = setting(
        0.7, "Thickness of the ice as a share of the height.", ge=0.3, le=1, advanced=True
    )
    mtf: float = setting(
        0.6, "Share of the signal that the camera passes at the Nyquist frequency.", gt=0, le=1, advanced=True
    )
    seed: int = setting(0, "Seed of every position, orientation and noise.", ge=0)

    @model_validator(mode="after")
    def _is_possible(self) -> SimulationConfig:
        if self.shape is not None and min(self.shape) < 32:
            raise ValueError(f"the shape {self.shape} is too small: give at least 32 voxels along each axis")
        if self.tilt_min + 3 * self.tilt_step > self.tilt_max:
            raise ValueError(
                f"tilts from {self.tilt_min:g} to {self.tilt_max:g}° every {self.tilt_step:g}° are fewer "
                "than four: give the lower angle first, a wider range or a smaller step"
            )
        return self

    @property
    def box(self) -> tuple[int, int, int]:
        """Shape (z, y, x) of the volumes."""
        return self.shape or (self.size, self.size, self.size)

    @property
    def angles(self) -> tuple[float, ...]:
        """Tilt angles in degrees, ascending."""
        count = int((self.tilt_max - self.tilt_min) / self.tilt_step + 1e-6) + 1
        return tuple(round(self.tilt_min + index * self.tilt_step, 4) for index in range(count))


@dataclass(frozen=True)
class SimulatedParticle:
    """A particle in a simulated volume.

    Attributes
    ----------
    name : str
        ribosome, barrel, ring, cage or antibody in the ice, or synthase on a membrane.
    position : tuple of float
        (z, y, x) of its middle, or of the foot of a synthase, in voxels; whole numbers are voxels' centres.
    """

    name: str
    position: tuple[float, float, float]


@dataclass(frozen=True)
class SimulatedPair:
    """Half tomograms and what they should have shown. Protein is dark, as in raw tomograms.

    Attributes
    ----------
    even, odd : array (z, y, x)
        Weighted back-projections of the two halves of the data, with their noise.
    truth : array (z, y, x)
        The density itself.
    clean : array (z, y, x)
        Weighted back-projection of all tilts without noise: the best that filling no wedge can reach.
    angles : tuple of float
        All tilt angles in degrees.
    voxel_size : float
        Å.
    particles : tuple of SimulatedParticle
        Those whose middle lies within the volume.
    """

    even: Volume
    odd: Volume
    truth: Volume
    clean: Volume
    angles: tuple[float, ...]
    voxel_size: float
    particles: tuple[SimulatedParticle, ...]


def simulate(config: SimulationConfig) -> SimulatedPair:
    """Draw a phantom, record a tilt series of it and reconstruct two halves.

    The phantom goes on beside the volume, as far as steep tilts reach, so that no projection is cut off.

    Parameters
    ----------
    config : SimulationConfig
        What to simulate. Equal configurations give equal volumes.

    Returns
    -------
    SimulatedPair
        float32 volumes of shape ``config.box``.
    """
    scenery, noise = (np.random.default_rng((config.seed, stream)) for stream in (1, 2))
    scene = _scene(config)
    density, placed = cell_phantom(scene, particles=_particles(config, scene), generator=scenery)
    field = -density
    images = _blur_by_camera(project(field, config.angles, width=field.shape[2]), config.mtf)
    start = field.shape[2] // 2 - config.box[2] // 2
    recorded = slice(start, start + config.box[2])
    # one dose for all tilts, so one noise level
    deviation = float(np.sqrt(images[:, :, recorded].var(axis=(1, 2)).mean() / config.snr))
    halves = _dose_halves if config.split == "dose" else _tilt_halves
    even, odd = halves(images, config, deviation=deviation, generator=noise)
    return SimulatedPair(
        even=even,
        odd=odd,
        truth=np.ascontiguousarray(field[:, :, recorded]),
        clean=weighted_back_project(images, config.angles, shape=config.box),
        angles=config.angles,
        voxel_size=config.voxel_size,
        particles=_within(config, scene, placed),
    )


def write_pair(folder: Path | str, pair: SimulatedPair, *, name: str = "sim") -> tuple[Path, ...]:
    """Write the volumes, the tilt angles and the particles of a pair.

    Parameters
    ----------
    folder : Path or str
        Made if missing.
    pair : SimulatedPair
        What to write.
    name : str
        What the names of the files begin with.

    Returns
    -------
    tuple of Path
        ``sim_even.mrc``, ``sim_odd.mrc``, ``sim_truth.mrc``, ``sim_clean.mrc``, ``sim.tlt`` and
        ``sim_particles.csv``: z, y, x and name, readable as a list of picks.

    Raises
    ------
    FileExistsError
        If any of them exists; nothing is written then.
    """
    folder = Path(folder)
    volumes = {half: folder / f"{name}_{half}{result_suffix()}" for half in ("even", "odd", "truth", "clean")}
    tilts, particles = folder / f"{name}.tlt", folder / f"{name}_particles.csv"
    for path in (*volumes.values(), tilts, particles):
        if path.exists():
            raise FileExistsError(f"{path} exists and is never overwritten: choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for half, path in volumes.items():
        write_volume(
            path, getattr(pair, half), voxel_size=pair.voxel_size, label=f"simulated tomogram, {half}"
        )
    tilts.write_text("".join(f"{angle:.4f}\n" for angle in pair.angles), encoding="utf-8")
    with particles.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("z", "y", "x", "name"))
        for particle in pair.particles:
            writer.writerow((*(f"{value:.3f}" for value in particle.position), particle.name))
    return (*volumes.values(), tilts, particles)


def _scene(config: SimulationConfig) -> Scene:
    depth, height, width = config.box
    steepest = np.radians(max(abs(config.angles[0]), abs(config.angles[-1])))
    # a steep ray through a far corner of the volume leaves the ice this far beside it
    margin = int(np.ceil(np.tan(steepest) * depth * (1 + config.thickness) / 2))
    voxel = config.voxel_size / 10
    shape = (depth, height, width + 2 * margin)
    return Scene(shape, width=width, voxel=voxel, thickness=config.thickness * depth * voxel)


def _within(
    config: SimulationConfig, scene: Scene, placed: tuple[Placed, ...]
) -> tuple[SimulatedParticle, ...]:
    middle = np.asarray(config.box) // 2
    found = [(item.name, item.centre / scene.voxel + middle) for item in placed]
    return tuple(
        SimulatedParticle(name, (float(z), float(y), float(x)))
        for name, (z, y, x) in found
        if all(-0.5 <= place < size - 0.5 for place, size in zip((z, y, x), config.box, strict=True))
    )


def _particles(config: SimulationConfig, scene: Scene) -> int:
    if config.particles is not None:
        return config.particles
    return round(100 * scene.thickness * float(scene.recorded[1:].prod()) / 100**3)


def _blur_by_camera(images: Volume, mtf: float) -> Volume:
    """Damp frequency k by ``mtf ** (2 k) ** 2``, a Gaussian."""
    ky = np.fft.fftfreq(images.shape[1])[:, None]
    kx = np.fft.rfftfreq(images.shape[2])
    transfer = mtf ** (4 * (ky**2 + kx**2))
    blurred = np.fft.irfft2(np.fft.rfft2(images) * transfer, s=images.shape[1:])
    return blurred.astype(np.float32)


def _dose_halves(
    images: Volume, config: SimulationConfig, *, deviation: float, generator: np.random.Generator
) -> tuple[Volume, Volume]:
    """Record every tilt twice, each time with half the dose."""
    first, second = (
        _reconstruct(images, config.angles, config.box, 2**0.5 * deviation, generator) for _ in range(2)
    )
    return first, second


def _tilt_halves(
    images: Volume, config: SimulationConfig, *, deviation: float, generator: np.random.Generator
) -> tuple[Volume, Volume]:
    """Deal the tilts out to two halves."""
    first, second = (
        _reconstruct(images[start::2], config.angles[start::2], config.box, deviation, generator)
        for start in range(2)
    )
    return first, second


def _reconstruct(
    images: Volume,
    angles: tuple[float, ...],
    box: tuple[int, int, int],
    deviation: float,
    generator: np.random.Generator,
) -> Volume:
    noise = generator.standard_normal(images.shape, dtype=np.float32)
    return weighted_back_project(images + np.float32(deviation) * noise, angles, shape=box)
