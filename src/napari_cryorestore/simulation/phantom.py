"""A small piece of a cell in a slab of ice, with vesicles and proteins: the density that is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from napari_cryorestore.simulation.particles import FREE, synthase
from napari_cryorestore.simulation.scene import Crowd

if TYPE_CHECKING:
    from napari_cryorestore.simulation.scene import Density, Placed, Scene, Vector

BEAD_RADIUS = 4.5
BEAD_DENSITY = 3.0
ICE_DENSITY = 0.1
"""Ice against vacuum; low, as the microscope's defocus passes little of something this large."""
RISE, TWIST = 2.75, 166.7
"""Nanometres and degrees from one subunit of the filament to the next, as in actin."""
LEAFLET = 1.9
"""Distance of either leaflet from the middle of the membrane, in nm."""
BLUR = 0.75
"""Standard deviation of a leaflet's profile, in nm."""
REACH = 10.0
"""How far a membrane protein stands out, in nm."""


def cell_phantom(
    scene: Scene, *, particles: int, generator: np.random.Generator
) -> tuple[Density, tuple[Placed, ...]]:
    """Draw vesicles with two leaflets and membrane proteins, a filament, particles, gold beads and ice.

    Parameters
    ----------
    scene : Scene
        The field.
    particles : int
        Free particles in the recorded part of the field; fewer are drawn where no room is left.
    generator : numpy.random.Generator
        Source of every position and orientation.

    Returns
    -------
    array (z, y, x)
        Scattering density, positive, float32; a protein peaks near 1, vacuum is 0. Nothing wraps around.
    tuple of Placed
        Where the particles and the membrane proteins lie, those beside the recorded part too.
    """
    crowd = Crowd()
    density = _ice(scene, generator)
    _place_filament(crowd, scene, generator)
    _draw_beads(density, crowd, scene, generator)
    _draw_vesicles(density, crowd, scene, generator)
    _place_particles(crowd, scene, particles, generator)
    density += crowd.density(scene)
    return density, tuple(crowd.placed)


def _ice(scene: Scene, generator: np.random.Generator) -> Density:
    """Return a slab whose faces undulate by a few nanometres."""
    z, y, x = scene.coordinates
    faces = []
    for side in (-1, 1):
        face = np.full(np.broadcast_shapes(y.shape, x.shape), side * scene.thickness / 2)
        for length in generator.uniform(80, 220, size=4):
            angle, phase = generator.uniform(0, 2 * np.pi, size=2)
            path = y * np.sin(angle) + x * np.cos(angle)
            face += 0.7 * np.cos(2 * np.pi * path / length + phase)
        faces.append(face)
    soft = max(1.5, scene.voxel)
    slab: Vector = (1 + np.tanh((z - faces[0]) / soft)) * (1 - np.tanh((z - faces[1]) / soft)) / 4
    return (ICE_DENSITY * slab).astype(np.float32)


def _place_filament(crowd: Crowd, scene: Scene, generator: np.random.Generator) -> None:
    """Wind two strands of subunits along a gently bent path through the recorded part."""
    angle = generator.choice((-1, 1)) * np.radians(generator.uniform(25, 65))
    forward = np.array([0.0, np.sin(angle), np.cos(angle)])
    sideways = np.array([0.0, np.cos(angle), -np.sin(angle)])
    upward = np.array([1.0, 0.0, 0.0])
    length = float(np.hypot(*scene.extent[1:]))
    along = np.arange(-length / 2, length / 2, RISE)[:, None]
    bend = 6 * np.sin(along / 30 + generator.uniform(0, 2 * np.pi))
    sink = 0.06 * scene.thickness * np.sin(along / 45)
    offset = generator.uniform(-0.2, 0.2, size=2) * (scene.thickness, scene.recorded[2])
    path = along * forward + bend * sideways + sink * upward + (offset[0], 0, offset[1])
    turn = np.radians(TWIST) * np.arange(len(path))[:, None]
    strand = path + 1.9 * (np.cos(turn) * sideways + np.sin(turn) * upward)
    for grain in generator.normal(scale=0.9, size=(4, 3)):
        crowd.add_points(strand + grain, 0.45)
    for point in path[::2]:
        crowd.occupy(point, 4.5)


def _draw_beads(density: Density, crowd: Crowd, scene: Scene, generator: np.random.Generator) -> None:
    """Lay gold beads against a face of the ice."""
    radius = max(BEAD_RADIUS, 1.5 * scene.voxel)
    for x in scene.spread(_count(scene, spacing=150), generator):
        face = generator.choice((-1, 1)) * max(0.0, scene.thickness / 2 - radius)
        centre = np.array([face, generator.uniform(-0.4, 0.4) * scene.extent[1], x])
        window, offsets = scene.around(centre, radius + 4 * scene.voxel)
        beyond = (np.sqrt((offsets**2).sum(0)) - radius) / scene.voxel
        density[window] += (BEAD_DENSITY / (1 + np.exp(3 * beyond))).astype(np.float32)
        crowd.occupy(centre, radius + 1)


def _draw_vesicles(density: Density, crowd: Crowd, scene: Scene, generator: np.random.Generator) -> None:
    largest = min(22.0, 0.38 * scene.thickness, 0.25 * scene.recorded[1:].min())
    for x in scene.spread(_count(scene, spacing=65), generator):
        radius = largest * generator.uniform(0.6, 1.0)
        centre = crowd.find_place(scene, x, radius + 3, generator)
        if centre is not None:
            vesicle = random_vesicle(centre, radius, generator)
            crowd.occupy(centre, radius + 3)
            add_membrane(density, scene, vesicle)
            stud(crowd, scene, vesicle, generator)


def _place_particles(crowd: Crowd, scene: Scene, count: int, generator: np.random.Generator) -> None:
    """Place free particles, the large ones first."""
    kinds = [make() for make in FREE]
    positions = generator.permutation(scene.spread(count, generator))
    for index, x in enumerate(positions):
        particle = kinds[index * len(kinds) // len(positions)]
        centre = crowd.find_place(scene, x, particle.radius, generator)
        if centre is not None:
            crowd.occupy(centre, particle.radius)
            crowd.add(particle, centre, Rotation.from_quat(generator.normal(size=4)))


def _count(scene: Scene, *, spacing: float) -> int:
    """Return how many things lie in the recorded part, one in a square of ``spacing`` nm; at least one."""
    return max(1, round(float(scene.recorded[1:].prod()) / spacing**2))


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
