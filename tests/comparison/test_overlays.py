"""Rings and wedge lines against the mask that all methods use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_cryorestore.comparison.comparison_config import ComparisonConfig, FourierConfig
from napari_cryorestore.comparison.overlays import Overlay, overlays
from napari_cryorestore.comparison.picture import PLANES, SPECTRA
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.recording import Recording

VOXEL = (10.0, 10.0, 10.0)
SIZE = 101


def recorded(low: float, high: float, axis: Any = "y") -> Recording:
    return Recording(tilt_range=(low, high), tilt_axis=axis)


def lines(column: Any, tilts: Recording, offset: tuple[float, float, float] = (0, 0, 0)) -> Any:
    config = ComparisonConfig(fourier=FourierConfig(offset=offset))
    return overlays(config, column, VOXEL, tilts=tilts).wedge


def mask_slice(column: Any, wedge: Wedge, index: int) -> np.ndarray:
    """Return the measured region in a slice at an index of k, zero frequency in the middle."""
    half = wedge.mask((SIZE,) * 3).numpy()
    full = np.zeros((SIZE,) * 3, bool)
    full[..., : half.shape[2]] = half
    mirror = -np.arange(SIZE) % SIZE
    full[..., half.shape[2] :] = half[np.ix_(mirror, mirror, mirror[half.shape[2] :])]
    return np.fft.fftshift(full.take(index, PLANES[column].through))


@pytest.mark.parametrize("axis", ["y", "x"])
@pytest.mark.parametrize("column", SPECTRA)
@pytest.mark.parametrize("index", [0, 12, -12])
def test_wedge_lines_are_where_the_mask_begins(axis: Any, column: Any, index: int) -> None:
    """On one side of a line coefficients are measured, on the other they are not, all along it."""
    tilts, wedge = recorded(-50, 40, axis), Wedge(-50, 40, axis)
    step = 1 / (SIZE * VOXEL[0])
    offset = [0.0, 0.0, 0.0]
    offset[PLANES[column].through] = index * step
    found = lines(column, tilts, tuple(offset))  # type: ignore[arg-type]
    mask = mask_slice(column, wedge, index)
    changes = 0
    for line in found:
        (x0, y0), (x1, y1) = line
        normal = np.array([y0 - y1, x1 - x0]) / np.hypot(x1 - x0, y1 - y0)
        for share in np.linspace(0.05, 0.95, 30):
            point = np.array([x0 + share * (x1 - x0), y0 + share * (y1 - y0)])
            sides = [point + side * 1.6 * step * normal for side in (-1, 1)]
            if (
                min(np.hypot(*point), *(np.hypot(*p) for p in sides)) < 5 * step
                or max(map(np.linalg.norm, sides)) > 0.045
            ):
                continue
            at = [tuple(np.rint(p[::-1] / step).astype(int) + SIZE // 2) for p in sides]
            assert mask[at[0]] != mask[at[1]], (line, point)
            changes += 1
    slanted = PLANES[column].through == (1 if axis == "y" else 2)
    assert bool(found) == (slanted or index != 0)
    assert changes > 10 if found else changes == 0


def test_an_asymmetric_range_is_bounded_on_the_right_side() -> None:
    upper = max(lines("|F|xz", recorded(-30, 60)), key=lambda line: line[1][1])
    (_, _), (across, down) = upper
    assert np.degrees(np.arctan2(down, across)) == pytest.approx(60)
    assert np.hypot(across, down) == pytest.approx(0.05)


def test_a_full_range_has_no_borders_and_none_is_drawn_unless_wanted() -> None:
    assert lines("|F|xz", recorded(-90, 90)) == ()
    config = ComparisonConfig(fourier=FourierConfig(wedge=False, rings=False))
    tilts = recorded(-60, 60)
    assert overlays(config, "|F|xz", VOXEL, tilts=tilts, detected=tilts) == Overlay()
    assert overlays(ComparisonConfig(), "XZ", VOXEL, tilts=tilts) == Overlay()


def test_the_detected_wedge_lies_beside_the_given_one() -> None:
    drawn = overlays(ComparisonConfig(), "|F|xz", VOXEL, tilts=recorded(-60, 60), detected=recorded(-50, 50))
    assert len(drawn.wedge) == len(drawn.detected) == 2
    assert drawn.wedge != drawn.detected
    assert overlays(ComparisonConfig(), "|F|xz", VOXEL).wedge == ()


@pytest.mark.parametrize(
    ("voxel", "labels"),
    [(10.0, ["30 Å", "50 Å", "100 Å"]), (40.0, ["100 Å", "200 Å", "400 Å"]), (1.35, ["3 Å", "5 Å", "8 Å"])],
)
def test_rings_are_round_resolutions_within_nyquist(voxel: float, labels: list[str]) -> None:
    rings = overlays(ComparisonConfig(), "|F|xy", (voxel,) * 3).rings
    assert [label for _, label in rings] == labels
    for radius, label in rings:
        assert radius == pytest.approx(1 / float(label.split()[0]))
        assert radius < 0.5 / voxel


def test_rings_shrink_beside_the_centre() -> None:
    config = ComparisonConfig(fourier=FourierConfig(offset=(0.03, 0, 0)))
    for radius, label in overlays(config, "|F|xy", VOXEL).rings:
        assert np.hypot(radius, 0.03) == pytest.approx(1 / float(label.split()[0]))
    far = ComparisonConfig(fourier=FourierConfig(offset=(0.05, 0, 0)))
    assert overlays(far, "|F|xy", VOXEL).rings == ()
