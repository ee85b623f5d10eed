from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.simulation.particles import (
    BLOB,
    FREE,
    Particle,
    antibody,
    barrel,
    cage,
    ribosome,
    ring,
    synthase,
)


def extent(particle: Particle) -> np.ndarray:
    return np.ptp(particle.points, axis=0) + 2 * BLOB


@pytest.mark.parametrize("make", [*FREE, synthase])
def test_particles_are_the_same_each_time_and_of_the_size_of_proteins(make: object) -> None:
    first, second = make(), make()  # type: ignore[operator]
    np.testing.assert_array_equal(first.points, second.points)
    assert 5 < first.radius < 18
    assert 0 < first.weight < 1


@pytest.mark.parametrize("make", [barrel, ring, cage])
def test_hollow_particles_have_a_free_axis(make: object) -> None:
    points = make().points  # type: ignore[operator]
    assert np.hypot(points[:, 1], points[:, 2])[np.abs(points[:, 0]) < 2].min() > 3


def test_barrel_is_longer_than_wide() -> None:
    z, y, x = extent(barrel())
    assert z > 1.2 * y
    assert y == pytest.approx(x, rel=0.1)


def test_ribosome_is_the_largest() -> None:
    assert ribosome().radius > max(make().radius for make in FREE if make is not ribosome)


def test_antibody_is_flat_with_three_arms() -> None:
    points = antibody().points
    assert np.ptp(points[:, 0]) < 0.4 * np.ptp(points[:, 1])
    far = points[np.linalg.norm(points, axis=1) > 5]
    arms = (np.degrees(np.arctan2(far[:, 1], far[:, 2])) - 90) / 120
    assert {round(arm) % 3 for arm in arms} == {0, 1, 2}
    assert np.abs(arms - arms.round()).max() < 0.2


def test_synthase_stands_on_the_origin() -> None:
    assert synthase().points[:, 0].max() > 12
    assert np.hypot(*synthase().points[synthase().points[:, 0] < -2].T[1:]).max() == 0
