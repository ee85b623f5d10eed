"""The field of a phantom: where things may lie, what lies there already, and how points become density."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_cryorestore.simulation.particles import BLOB

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from napari_cryorestore.simulation.particles import Particle

Density = NDArray[np.float32]
Vector = NDArray[np.float64]

TRIES = 60


@dataclass(frozen=True)
class Scene:
    """Where things may lie. Positions are (z, y, x) in nm about voxel ``n // 2``.

    Attributes
    ----------
    shape : tuple of int
        Shape (z, y, x) of the drawn field in voxels.
    width : int
        The central columns along x that are recorded; the rest of the field only casts projections.
    voxel : float
        Voxel size in nm.
    thickness : float
        Thickness of the ice in nm.
    """

    shape: tuple[int, int, int]
    width: int
    voxel: float
    thickness: float

    @property
    def extent(self) -> Vector:
        """Edge lengths (z, y, x) of the field in nm."""
        return np.asarray(self.shape) * self.voxel

    @property
    def recorded(self) -> Vector:
        """Edge lengths (z, y, x) of the recorded part in nm."""
        return np.array([*self.shape[:2], self.width]) * self.voxel

    @property
    def coordinates(self) -> tuple[Vector, Vector, Vector]:
        """Broadcastable z, y and x of every voxel."""
        z, y, x = (self.voxel * (np.arange(size, dtype=np.float64) - size // 2) for size in self.shape)
        return z[:, None, None], y[None, :, None], x[None, None, :]

    def spread(self, count: int, generator: np.random.Generator) -> Vector:
        """Return x positions: ``count`` in the recorded part, and as dense beside it."""
        inside, whole = float(self.recorded[2]), float(self.extent[2])
        wing = (whole - inside) / 2
        beside = round(count * wing / inside)
        parts = [(-inside / 2, inside, count), (-whole / 2, wing, beside), (inside / 2, wing, beside)]
        return np.concatenate(
            [
                start + size * (np.arange(n) + generator.uniform(0.2, 0.8, n)) / max(n, 1)
                for start, size, n in parts
            ]
        )

    def around(self, centre: Vector, reach: float) -> tuple[tuple[slice, ...], Vector]:
        """Return the voxels within ``reach`` nm of a place, and their offsets (3, z, y, x) from it."""
        middle = np.asarray(self.shape) // 2
        low = np.floor((centre - reach) / self.voxel).astype(int) + middle
        high = np.ceil((centre + reach) / self.voxel).astype(int) + middle + 1
        window = tuple(
            slice(max(0, a), max(0, min(b, size))) for a, b, size in zip(low, high, self.shape, strict=True)
        )
        axes = [
            self.voxel * (np.arange(part.start, part.stop) - m) - c
            for part, m, c in zip(window, middle, centre, strict=True)
        ]
        return window, np.stack(np.meshgrid(*axes, indexing="ij"))


@dataclass(frozen=True)
class Placed:
    """Where a particle lies.

    Attributes
    ----------
    name : str
        Which particle.
    centre : array (3,)
        (z, y, x) of its origin in nm about voxel ``n // 2``: its middle, or the foot of a membrane protein.
    """

    name: str
    centre: Vector


@dataclass
class Crowd:
    """What is there: spheres that must not overlap, particles, and points of mass still to be drawn."""

    centres: list[Vector] = field(default_factory=list)
    radii: list[float] = field(default_factory=list)
    points: list[Vector] = field(default_factory=list)
    masses: list[Vector] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)

    def is_free(self, centre: Vector, radius: float) -> bool:
        """Say whether a sphere would touch nothing that is there."""
        if not self.centres:
            return True
        gaps = np.linalg.norm(np.asarray(self.centres) - centre, axis=1) - np.asarray(self.radii)
        return bool(gaps.min() > radius)

    def occupy(self, centre: Vector, radius: float) -> None:
        """Reserve a sphere."""
        self.centres.append(centre)
        self.radii.append(radius)

    def add(self, particle: Particle, centre: Vector, rotation: Rotation) -> None:
        """Add a turned particle. Rotations speak (x, y, z)."""
        turned = rotation.apply(particle.points[:, ::-1])[:, ::-1]
        self.add_points(turned + centre, particle.weight)
        self.placed.append(Placed(particle.name, centre))

    def add_points(self, points: Vector, mass: float) -> None:
        """Add points of equal mass."""
        self.points.append(points)
        self.masses.append(np.full(len(points), mass))

    def find_place(
        self, scene: Scene, x: float, radius: float, generator: np.random.Generator
    ) -> Vector | None:
        """Look for room for a sphere within the ice, ever further from ``x``; None if there is none."""
        room = max(0.0, scene.thickness / 2 - radius), (scene.extent[1] - radius) / 2
        for reach in np.linspace(2, 25, TRIES):
            draw = generator.uniform(-1, 1, size=3)
            centre: Vector = draw * (*room, reach) + (0, 0, x)
            if self.is_free(centre, radius):
                return centre
        return None

    def density(self, scene: Scene) -> Density:
        """Share every point among its eight nearest voxels, then blur."""
        grid = np.zeros(scene.shape, np.float32)
        middle = np.asarray(scene.shape) // 2
        position = np.concatenate(self.points) / scene.voxel + middle
        mass = np.concatenate(self.masses)
        corner = np.floor(position).astype(int)
        share = position - corner
        for step in np.ndindex(2, 2, 2):
            index = corner + step
            part = mass * np.where(step, share, 1 - share).prod(axis=1)
            kept = ((index >= 0) & (index < scene.shape)).all(axis=1)
            np.add.at(grid, tuple(index[kept].T), part[kept].astype(np.float32))
        sigma = BLOB / scene.voxel
        blurred: Density = gaussian_filter(grid, max(sigma, 0.7), mode="constant", truncate=3.5)
        blurred *= (2 * np.pi) ** 1.5 * sigma**3
        return blurred
