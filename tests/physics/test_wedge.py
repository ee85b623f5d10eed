from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_cryorestore.physics.fourier import hermitian_weight, nyquist_ball, rfft
from napari_cryorestore.physics.rotation import ELEMENTS, GROUP, WEDGE_PRESERVING, SignedPermutation
from napari_cryorestore.physics.wedge import Wedge, apply_mask

SHAPES = [(12, 12, 12), (13, 13, 13), (8, 10, 13), (9, 14, 12)]
RANGES = [(-60, 60), (-65, 45), (-45, 45), (-90, 90), (-20, 90), (10, 50)]
INVERSION = SignedPermutation((0, 1, 2), (-1, -1, -1))


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def turn(angle: float) -> Tensor:
    """Rotate about y so that elevations grow by the angle, in degrees; (z, y, x) vectors."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def any_rotation(seed: int) -> Tensor:
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)))
    return q


def full_spectrum_formula(wedge: Wedge, shape: tuple[int, int, int]) -> np.ndarray:
    kz, ky, kx = np.meshgrid(*(np.fft.fftfreq(size) for size in shape), indexing="ij")
    across = kx if wedge.tilt_axis == "y" else ky
    sign = np.where(across < 0, -1, 1)
    elevation = np.degrees(np.arctan2(kz * sign, np.abs(across)))
    keep = (wedge.tilt_min - 1e-6 <= elevation) & (elevation <= wedge.tilt_max + 1e-6)
    keep |= (across == 0) & (kz == 0)
    return keep & (kz**2 + ky**2 + kx**2 < 0.25 - 1e-9)


@pytest.mark.parametrize("tilt_axis", ["y", "x"])
@pytest.mark.parametrize("limits", [(-60, 60), (-65, 45), (-45, 45), (10, 50)])
@pytest.mark.parametrize("shape", SHAPES)
def test_is_the_half_of_the_full_spectrum_formula(
    shape: tuple[int, int, int], limits: tuple[float, float], tilt_axis: Literal["y", "x"]
) -> None:
    wedge = Wedge(*limits, tilt_axis)
    full = full_spectrum_formula(wedge, shape)
    np.testing.assert_array_equal(wedge.mask(shape), full[:, :, : shape[2] // 2 + 1])
    # and the full one is Hermitian, so filtering keeps volumes real
    np.testing.assert_array_equal(full, np.roll(full[::-1, ::-1, ::-1], 1, axis=(0, 1, 2)))


@pytest.mark.parametrize("tilt_axis", ["y", "x"])
@pytest.mark.parametrize("limits", RANGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_is_hermitian(
    shape: tuple[int, int, int], limits: tuple[float, float], tilt_axis: Literal["y", "x"]
) -> None:
    wedge = Wedge(*limits, tilt_axis)
    mask = wedge.mask(shape)
    assert torch.equal(wedge.mask(shape, rotation=INVERSION), mask)
    assert_columns_hermitian(mask, shape)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", SHAPES)
def test_is_hermitian_when_rotated(shape: tuple[int, int, int], seed: int) -> None:
    for wedge in (Wedge(-65, 45), Wedge(-60, 60, "x")):
        g = any_rotation(seed)
        mask = wedge.mask(shape, rotation=g)
        assert torch.equal(wedge.mask(shape, rotation=-g), mask)
        assert_columns_hermitian(mask, shape)
        for element in GROUP[seed::5]:
            assert_columns_hermitian(wedge.mask(shape, rotation=element), shape)


def assert_columns_hermitian(mask: Tensor, shape: tuple[int, int, int]) -> None:
    columns = [0] if shape[2] % 2 else [0, -1]
    for column in columns:
        plane = mask[:, :, column]
        assert torch.equal(plane, plane.flip(0, 1).roll((1, 1), (0, 1)))


@pytest.mark.parametrize(("limits", "missing"), [(50, 0.444), (60, 0.333), (70, 0.224), ((-65, 45), 0.380)])
def test_the_missing_fraction(limits: float | tuple[float, float], missing: float) -> None:
    low, high = limits if isinstance(limits, tuple) else (-limits, limits)
    for tilt_axis in ("y", "x"):
        assert 1 - Wedge(low, high, tilt_axis).measured_fraction((64, 64, 64)) == pytest.approx(
            missing, abs=0.005
        )


def test_the_mask_is_the_support_of_the_rotated_volume() -> None:
    for shape in SHAPES:
        for wedge in (Wedge(-65, 45), Wedge(-50, 62, "x")):
            filtered = apply_mask(noise(*shape), wedge.mask(shape))
            for g in WEDGE_PRESERVING + GROUP:
                rotated = g.apply(filtered)
                support = rfft(rotated).abs() > 1e-4
                assert torch.equal(wedge.mask(rotated.shape, rotation=g), support)


def test_a_matrix_does_what_its_signed_permutation_does() -> None:
    wedge = Wedge(-65, 45)
    for g in WEDGE_PRESERVING + GROUP:
        for matrix in (g.matrix(), g.matrix().float() + 1e-8):
            assert torch.equal(
                wedge.mask((12, 12, 13), rotation=matrix), wedge.mask((12, 12, 13), rotation=g)
            )


def test_turning_about_the_tilt_axis_shifts_the_range() -> None:
    shape = (32, 32, 32)
    turned = Wedge(-60, 50).mask(shape, rotation=turn(10.0))
    assert (turned ^ Wedge(-50, 60).mask(shape)).float().mean() < 0.01
    assert (turned ^ Wedge(-70, 40).mask(shape)).float().mean() > 0.05


def test_any_rotation_keeps_the_measured_fraction() -> None:
    shape, wedge = (32, 32, 32), Wedge(-60, 60)
    weight = hermitian_weight(shape)
    mask = wedge.mask(shape, rotation=any_rotation(3))
    fraction = (weight * mask).sum() / (weight * nyquist_ball(shape)).sum()
    assert fraction == pytest.approx(2 / 3, abs=0.01)


def test_the_quadrant_of_positive_products_ends_at_the_highest_tilt() -> None:
    mask = Wedge(-10, 70).mask((16, 16, 16))
    assert mask[3, 0, 3]
    assert not mask[-3, 0, 3]


def test_the_tilt_axis_line_is_kept_and_the_beam_dropped() -> None:
    y, x = Wedge(10, 50).mask((16, 16, 16)), Wedge(10, 50, "x").mask((16, 16, 16))
    assert y[0, :8, 0].all()
    assert x[0, 0, :8].all()
    assert not y[0, 0, 1:].any()
    assert not y[1:, 0, 0].any()
    assert not x[1:, 0, 0].any()


def test_a_full_range_measures_the_whole_ball() -> None:
    assert torch.equal(Wedge(-90, 90).mask((16, 16, 16)), nyquist_ball((16, 16, 16)))


def test_filtering_twice_changes_nothing_more() -> None:
    v = noise(2, 1, 12, 13, 14)
    mask = Wedge(-60, 60).mask((12, 13, 14))
    once = apply_mask(v, mask)
    assert once.shape == v.shape
    torch.testing.assert_close(apply_mask(once, mask), once)
    assert once.square().sum() < v.square().sum()
    each = torch.stack([mask, torch.ones_like(mask)])[:, None]
    torch.testing.assert_close(apply_mask(v, each)[1], v[1])


def test_masks_are_not_touched_by_autocast() -> None:
    g = any_rotation(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mask = Wedge(-60, 60).mask((12, 12, 12), rotation=g)
        assert apply_mask(noise(12, 12, 12).bfloat16(), mask).dtype == torch.float32
    assert torch.equal(mask, Wedge(-60, 60).mask((12, 12, 12), rotation=g))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ((60, -60), "reversed or empty: 60 to -60 degrees"),
        ((30, 30), "reversed or empty"),
        ((-91, 60), "within -90 to 90 degrees"),
        ((-60, math.nan), "within -90 to 90 degrees"),
    ],
)
def test_a_wrong_range_is_refused(limits: tuple[float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Wedge(*limits)


def test_a_wrong_axis_rotation_or_mask_is_refused() -> None:
    with pytest.raises(ValueError, match='must be "y" or "x"'):
        Wedge(-60, 60, "z")  # type: ignore[arg-type]
    for rotation in (torch.ones(3, 3), torch.eye(2)):
        with pytest.raises(ValueError, match="orthogonal 3×3 matrix"):
            Wedge(-60, 60).mask((8, 8, 8), rotation=rotation)
    with pytest.raises(ValueError, match=r"needs a half-spectrum mask of shape \(8, 8, 5\)"):
        apply_mask(noise(8, 8, 8), torch.ones(8, 8, 8))


@pytest.mark.parametrize("tilt_axis", ["y", "x"])
@pytest.mark.parametrize("limits", RANGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_sector_is_the_mask_without_the_sphere(
    shape: tuple[int, int, int], limits: tuple[float, float], tilt_axis: Literal["y", "x"]
) -> None:
    wedge = Wedge(*limits, tilt_axis)
    sector = wedge.sector(shape)
    ball = nyquist_ball(shape)
    assert torch.equal(sector & ball, wedge.mask(shape))
    assert bool((sector & ~ball).any())
    once = apply_mask(noise(*shape), sector)
    torch.testing.assert_close(apply_mask(once, sector), once, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("wedge", "different"),
    [
        (Wedge(-60, 60), 6),
        (Wedge(-65, 45), 12),
        (Wedge(-60, 60, "x"), 6),
        (Wedge(-40, 65, "x"), 12),
        (Wedge(-90, 90), 6),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [7, 8])
def test_few_masks_stand_for_all_rotations(wedge: Wedge, different: int, size: int) -> None:
    masks, which = wedge.rotated_masks((size,) * 3)
    assert len(masks) == different
    for element, number in zip(ELEMENTS, which.tolist(), strict=True):
        assert torch.equal(masks[number], wedge.mask((size,) * 3, rotation=element))
