from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryorestore.physics.wedge import Wedge, apply_mask
from napari_cryorestore.simulation.projection import back_project, project, weighted_back_project


def blob(shape: tuple[int, int, int], place: tuple[float, float, float], sigma: float = 1.5) -> np.ndarray:
    axes = [np.arange(size) - size // 2 - where for size, where in zip(shape, place, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.exp(-(z**2 + y**2 + x**2) / (2 * sigma**2)).astype(np.float32)


def share_inside(volume: np.ndarray, wedge: Wedge) -> float:
    kept = apply_mask(torch.from_numpy(volume - volume.mean()), wedge.mask(volume.shape))
    return float(kept.square().sum() / np.square(volume - volume.mean()).sum())


@pytest.mark.parametrize("width", [40, 41])
def test_projection_and_back_projection_are_adjoint(width: int) -> None:
    generator = np.random.default_rng(0)
    volume = generator.normal(size=(18, 5, 24)).astype(np.float32)
    angles = (-63.0, -10.5, 0.0, 37.0)
    images = generator.normal(size=(4, 5, width)).astype(np.float32)
    there = np.vdot(project(volume, angles, width=width), images)
    back = np.vdot(volume, back_project(images, angles, shape=volume.shape))
    assert there == pytest.approx(back, rel=1e-4)


def test_untilted_projection_is_the_sum_along_the_beam() -> None:
    volume = blob((20, 16, 33), (2.3, 1.0, -4.2))
    image = project(volume, (0.0,), width=33)[0]
    np.testing.assert_allclose(image, volume.sum(0), atol=1e-4)


def test_projection_at_a_right_angle_is_the_sum_along_x() -> None:
    volume = blob((33, 16, 20), (2.3, 1.0, -4.2))
    image = project(volume, (90.0,), width=33)[0]
    np.testing.assert_allclose(image, volume.sum(2).T, atol=1e-4)


@pytest.mark.parametrize("angle", [-60.0, -45.0, 20.0, 60.0])
def test_a_point_lands_where_the_geometry_says(angle: float) -> None:
    z, x = 9.0, -5.0
    image = project(blob((40, 9, 40), (z, 0, x)), (angle,), width=64)[0].sum(0)
    centre = (image * (np.arange(64) - 32)).sum() / image.sum()
    assert centre == pytest.approx(x * np.cos(np.radians(angle)) + z * np.sin(np.radians(angle)), abs=0.01)


def test_reconstruction_from_all_directions_restores_density() -> None:
    volume = blob((33, 33, 33), (3, 2, -4), sigma=2.5)
    angles = tuple(np.arange(-90.0, 90.0, 3.0))
    restored = weighted_back_project(project(volume, angles, width=80), angles, shape=volume.shape)
    assert np.unravel_index(restored.argmax(), restored.shape) == (19, 18, 12)
    assert restored.max() == pytest.approx(volume.max(), rel=0.03)
    assert np.corrcoef(restored.ravel(), volume.ravel())[0, 1] > 0.99


def test_reconstruction_lies_inside_the_wedge_mask_of_the_same_sign() -> None:
    angles = tuple(np.arange(-65.0, 45.1, 2.0))
    images = project(blob((48, 48, 48), (0, 0, 0), sigma=1.0), angles, width=96)
    restored = weighted_back_project(images, angles, shape=(48, 48, 48))
    assert share_inside(restored, Wedge(-65, 45)) > 0.95
    assert share_inside(restored, Wedge(-45, 65)) < 0.88


def test_reconstructed_noise_stays_inside_the_measured_region() -> None:
    angles = tuple(np.arange(-60.0, 61.0, 3.0))
    noise = np.random.default_rng(0).standard_normal((len(angles), 64, 160), dtype=np.float32)
    restored = weighted_back_project(noise, angles, shape=(64, 64, 64))
    assert share_inside(restored, Wedge(-60, 60)) > 0.93
