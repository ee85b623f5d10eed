"""A small piece of a cell in a slab of ice: the density from which a pair with ground truth is simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from napari_cryorestore.simulation.membrane import add_membrane, random_vesicle, stud
from napari_cryorestore.simulation.particles import FREE
from napari_cryorestore.simulation.scene import Crowd

if TYPE_CHECKING:
    from napari_cryorestore.simulation.scene import Density, Placed, Scene, Vector

BEAD_RADIUS = 4.5
BEAD_DENSITY = 3.0
ICE_DENSITY = 0.1
"""Ice against vacuum; low, as the microscope's defocus passes little of something this large."""
RISE, TWIST = 2.75, 166.7
"""Nanometres and degrees from one subunit of the filament to the next, as in actin."""


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
