from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.spatial.transform import Rotation

from napari_cryorestore.simulation.particles import Particle, barrel
from napari_cryorestore.simulation.phantom import (
    ICE_DENSITY,
    LEAFLET,
    Vesicle,
    add_membrane,
    cell_phantom,
    random_vesicle,
    stud,
)
from napari_cryorestore.simulation.scene import Crowd, Scene

SCENE = Scene((48, 56, 96), width=48, voxel=1.0, thickness=34.0)


def draw(scene: Scene = SCENE, *, seed: int = 0, particles: int = 8) -> np.ndarray:
    return cell_phantom(scene, particles=particles, generator=np.random.default_rng(seed))[0]


def test_phantom_is_deterministic_by_its_generator() -> None:
    np.testing.assert_array_equal(draw(), draw())
    assert not np.array_equal(draw(), draw(seed=1))


def test_vacuum_is_empty_and_ice_is_faint() -> None:
    density = draw()
    assert density.dtype == np.float32
    assert np.abs(density[[0, -1]]).max() < 0.02
    assert np.median(density[24]) == pytest.approx(ICE_DENSITY, abs=0.01)
    assert density.min() > -0.1


@pytest.mark.parametrize("seed", range(4))
def test_every_recorded_part_has_a_bead_and_structure(seed: int) -> None:
    recorded = draw(seed=seed)[:, :, 24:72]
    _, beads = label(recorded > 2.4)
    assert 1 <= beads <= 2
    assert 0.02 < (recorded > 0.4).mean() < 0.4


def test_more_particles_are_more_mass() -> None:
    masses = [draw(particles=count).sum() for count in (0, 6, 12)]
    assert masses[0] < masses[1] < masses[2]


def test_a_full_scene_stops_taking_particles() -> None:
    crowded = draw(Scene((32, 32, 32), width=32, voxel=1.0, thickness=22.0), particles=400)
    assert np.isfinite(crowded).all()
    assert np.percentile(crowded, 99) < 3


def test_places_are_free_and_within_the_ice() -> None:
    crowd, generator = Crowd(), np.random.default_rng(0)
    for _ in range(6):
        place = crowd.find_place(SCENE, 5.0, 6.0, generator)
        assert place is not None
        assert abs(place[0]) <= 17 - 6
        assert all(np.linalg.norm(place - other) > 12 for other in crowd.centres)
        crowd.occupy(place, 6.0)


def test_the_field_does_not_wrap_around() -> None:
    crowd = Crowd()
    crowd.add(barrel(), np.array([0.0, 0.0, 47.0]), Rotation.identity())
    density = crowd.density(SCENE)
    assert density[:, :, -4:].max() > 0.3
    assert density[:, :, :20].max() == 0


def test_spread_fills_the_recorded_part_evenly_and_goes_on_beside_it() -> None:
    x = SCENE.spread(6, np.random.default_rng(0))
    assert (np.abs(x) < 24).sum() == 6
    assert len(x) == 12
    assert np.abs(x).max() < 48
    np.testing.assert_array_equal(np.histogram(x, 6, (-24, 24))[0], 1)


def test_mass_does_not_depend_on_the_voxel_size() -> None:
    crowd = Crowd()
    crowd.add(barrel(), np.array([1.2, 0.4, -2.7]), Rotation.identity())
    fine = crowd.density(Scene((48, 48, 48), width=48, voxel=0.7, thickness=30.0))
    coarse = crowd.density(Scene((24, 24, 24), width=24, voxel=2.0, thickness=30.0))
    assert fine.sum() * 0.7**3 == pytest.approx(coarse.sum() * 2.0**3, rel=0.01)


def test_particles_turn_like_vectors() -> None:
    arrow = Particle("arrow", np.array([[0.0, 0.0, 5.0]]), 1.0)
    crowd = Crowd()
    crowd.add(arrow, np.array([1.0, 2.0, 3.0]), Rotation.from_euler("z", 90, degrees=True))
    np.testing.assert_allclose(crowd.points[0], [[1.0, 7.0, 3.0]], atol=1e-9)


def test_membrane_has_two_leaflets_at_their_distance() -> None:
    density = np.zeros((60, 60, 60), np.float32)
    scene = Scene((60, 60, 60), width=60, voxel=1.0, thickness=60.0)
    add_membrane(density, scene, Vesicle(np.zeros(3), 18.0, np.eye(3)))
    profile = density[30, 30, 30:]
    peaks = [i for i in range(1, 29) if profile[i] > max(profile[i - 1], profile[i + 1]) and profile[i] > 0.3]
    assert peaks == [round(18 - LEAFLET), round(18 + LEAFLET)]
    assert profile[18] < 0.2


def test_membrane_proteins_stand_upright_on_their_vesicle() -> None:
    scene = Scene((80, 80, 80), width=80, voxel=1.0, thickness=80.0)
    generator = np.random.default_rng(3)
    vesicle = random_vesicle(np.array([2.0, -3.0, 1.0]), 15.0, generator)
    crowd = Crowd()
    stud(crowd, scene, vesicle, generator)
    assert len(crowd.points) == 6
    for points in crowd.points:
        distance = vesicle.signed_distance((points - vesicle.centre).T[:, :, None, None]).ravel()
        assert distance.min() == pytest.approx(-2.5, abs=0.5)
        assert distance.max() == pytest.approx(13.3, abs=1.5)


def test_membrane_proteins_stay_in_the_ice() -> None:
    crowd = Crowd()
    vesicle = Vesicle(np.zeros(3), 15.0, np.eye(3))
    stud(crowd, Scene((80, 80, 80), width=80, voxel=1.0, thickness=34.0), vesicle, np.random.default_rng(0))
    assert 0 < len(crowd.points) < 6
    assert all(np.abs(points[:, 0]).max() < 20 for points in crowd.points)
