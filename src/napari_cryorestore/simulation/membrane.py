"""Vesicles: two leaflets on a random ellipsoid, studded with upright membrane proteins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from napari_cryorestore.simulation.particles import synthase

if TYPE_CHECKING:
    from napari_cryorestore.simulation.scene import Crowd, Density, Scene, Vector

LEAFLET = 1.9
"""Distance of either leaflet from the middle of the membrane, in nm."""
BLUR = 0.75
"""Standard deviation of a leaflet's profile, in nm."""
REACH = 10.0
"""How far a membrane protein stands out, in nm."""


@dataclass(frozen=True)
class Vesicle:
    """An ellipsoid: ``|stretch · (position - centre)| = radius``.

    Attributes
    ----------
    centre : array (3,)
        (z, y, x) in nm.
    radius : float
        Radius in nm of the sphere that it would be without the stretch.
    stretch : array (3, 3)
        Symmetric, close to the identity.
    """

    centre: Vector
    radius: float
    stretch: Vector

    def signed_distance(self, offsets: Vector) -> Vector:
        """Return the distance in nm from the surface to first order; offsets (3, z, y, x) from the centre."""
        mapped = np.einsum("ij,jzyx->izyx", self.stretch, offsets)
        length = np.sqrt((mapped**2).sum(0)) + 1e-6
        slope = np.sqrt((np.einsum("ij,jzyx->izyx", self.stretch, mapped) ** 2).sum(0)) / length
        distance: Vector = (length - self.radius) / np.maximum(slope, 0.5)
        return distance

    def foot(self, direction: Vector) -> tuple[Vector, Vector]:
        """Return the point of the surface in a direction from the centre, and the outward normal there."""
        point = self.centre + direction * self.radius / np.linalg.norm(self.stretch @ direction)
        normal = self.stretch @ self.stretch @ direction
        return point, normal / np.linalg.norm(normal)


def random_vesicle(centre: Vector, radius: float, generator: np.random.Generator) -> Vesicle:
    """Return a vesicle whose axes differ by up to about a fifth."""
    axes = Rotation.from_quat(generator.normal(size=4)).as_matrix()
    return Vesicle(centre, radius, axes @ np.diag(generator.uniform(0.92, 1.12, size=3)) @ axes.T)


def add_membrane(density: Density, scene: Scene, vesicle: Vesicle) -> None:
    """Add two leaflets, with the thinner chains between them, to a density (z, y, x)."""
    window, offsets = scene.around(vesicle.centre, 1.15 * vesicle.radius + 6)
    distance = vesicle.signed_distance(offsets)
    blur = max(BLUR, 0.7 * scene.voxel)
    profile = -0.15 * np.exp(-((distance / blur) ** 2) / 2)
    for leaflet in (-LEAFLET, LEAFLET):
        profile += np.exp(-(((distance - leaflet) / blur) ** 2) / 2)
    density[window] += (0.8 * BLUR / blur * profile).astype(np.float32)


def stud(crowd: Crowd, scene: Scene, vesicle: Vesicle, generator: np.random.Generator) -> None:
    """Set membrane proteins upright on a vesicle wherever they stay within the ice."""
    for direction in generator.normal(size=(round(vesicle.radius / 2.5), 3)):
        foot, normal = vesicle.foot(direction / np.linalg.norm(direction))
        head = foot + REACH * normal
        if abs(head[0]) < scene.thickness / 2 - 3:
            upright, _ = Rotation.align_vectors(normal[None, ::-1], [[0.0, 0.0, 1.0]])
            crowd.add(synthase(), foot, upright)
            crowd.occupy(head, 5.0)
