"""The macromolecules of the phantom: small rigid sets of points that stand for blurred mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOB = 0.9
"""Standard deviation of the Gaussian that every point stands for, in nm."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Particle:
    """A rigid cloud of points.

    Attributes
    ----------
    name : str
        What it stands for.
    points : array (n, 3)
        Positions (z, y, x) in nm about the centre.
    weight : float
        Mass of a point, such that the blurred density is about 0.8 where points are.
    """

    name: str
    points: Points
    weight: float

    @property
    def radius(self) -> float:
        """Radius in nm of the sphere about the centre that holds the density."""
        return float(np.linalg.norm(self.points, axis=1).max()) + 1.5 * BLOB


def barrel() -> Particle:
    """Return a hollow cylinder of four seven-fold rings, 11 × 15 nm."""
    rings = [
        _ring(7, 4.2 if abs(z) > 3 else 4.6, height=z + shift, phase=0.22 * z + 0.3 * shift)
        for z in (-5.7, -1.9, 1.9, 5.7)
        for shift in (-0.8, 0.8)
    ]
    return _particle("barrel", np.concatenate(rings))


def ring() -> Particle:
    """Return a six-fold ring of two tiers, 13 nm wide, with a pore."""
    inner = _ring(6, 3.6, height=-1.6, phase=0.3)
    middle = _ring(6, 4.8, height=0.2)
    outer = _ring(6, 5.4, height=2.0, phase=0.15)
    return _particle("ring", np.concatenate([inner, middle, outer]))


def cage() -> Particle:
    """Return a hollow sphere of 24 subunits, 12 nm wide."""
    return _particle("cage", _sphere(48) * 4.9)


def ribosome() -> Particle:
    """Return two grained globules of unequal size with a cleft between them, about 25 nm."""
    large = _globule((8.2, 9.5, 9.5), seed=50) + np.array([-3.6, 0.0, 0.0])
    small = _globule((4.4, 9.8, 6.5), seed=30) + np.array([9.2, 0.8, 1.0])
    stalk = np.linspace((0, 8, 5), (2, 11.5, 7.5), 5)
    return _particle("ribosome", np.concatenate([large, small, stalk]))


def antibody() -> Particle:
    """Return three two-lobed arms that meet in a hinge, 15 nm."""
    lobe = np.array([[0, 0, -1.3], [0, 0, 1.3], [0, 1.2, 0], [0, -1.2, 0]], float)
    arms = []
    for angle in (90.0, 210.0, 330.0):
        out = np.array([0.0, np.sin(np.radians(angle)), np.cos(np.radians(angle))])
        side = np.array([0.0, -out[2], out[1]])
        arms += [lobe @ np.stack([np.eye(3)[0], side, out]) + out * distance for distance in (2.8, 6.0)]
    return _particle("antibody", np.concatenate(arms))


def synthase() -> Particle:
    """Return a head on a stalk that stands on the origin and points along +z, 14 nm high."""
    head = np.concatenate([_ring(6, 3.2, height=9.0), _ring(6, 3.6, height=11.5), [[13.3, 0.0, 0.0]]])
    stalk = np.linspace((-2.5, 0.0, 0.0), (8.0, 0.0, 0.0), 9)
    foot = _ring(8, 2.6, height=0.0)
    return _particle("synthase", np.concatenate([head, stalk, foot]))


FREE = (ribosome, barrel, ring, cage, antibody)
"""The particles that float in the ice."""


def _particle(name: str, points: Points) -> Particle:
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    typical = np.median(np.exp(-squared / (2 * BLOB**2)).sum(1))
    return Particle(name, points, float(0.8 / typical))


def _ring(count: int, radius: float, *, height: float, phase: float = 0.0) -> Points:
    angles = 2 * np.pi * np.arange(count) / count + phase
    return np.stack([np.full(count, height), radius * np.sin(angles), radius * np.cos(angles)], axis=1)


def _sphere(count: int) -> Points:
    """Spread points evenly over the unit sphere (Fibonacci lattice)."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    angle = np.pi * (1 + 5**0.5) * index
    across = np.sqrt(1 - z**2)
    return np.stack([z, across * np.sin(angle), across * np.cos(angle)], axis=1)


def _globule(axes: tuple[float, float, float], *, seed: int) -> Points:
    """Fill an ellipsoid with an irregular grid of points, every fourth one missing."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(-9.5, 10, 1.9)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    grid += generator.normal(scale=0.4, size=grid.shape)
    inside = ((grid / axes) ** 2).sum(axis=1) < 1
    points: Points = grid[inside & (generator.random(len(grid)) < 0.75)]
    return points
