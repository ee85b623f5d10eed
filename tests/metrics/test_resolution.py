from __future__ import annotations

import pytest
import torch

from napari_cryorestore.metrics.resolution import fsc_resolution, radial_power
from napari_cryorestore.physics.fourier import nyquist_ball, radius
from napari_cryorestore.physics.wedge import Wedge, apply_mask


def noise(shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def halves(shape, cutoff):
    """Two halves that share everything below a spatial frequency and nothing above it."""
    low = radius(shape) < cutoff
    shared = apply_mask(noise(shape), low)
    return tuple(shared + apply_mask(noise(shape, seed), ~low) for seed in (1, 2))


@pytest.mark.parametrize("shape", [(64, 64, 64), (32, 50, 64)])
def test_the_resolution_is_where_the_halves_cease_to_agree(shape):
    even, odd = halves(shape, 0.25)
    result = fsc_resolution(even, odd, 10.0)
    assert result.curve.shape == result.frequencies.shape == (32,)
    assert result.at_half == pytest.approx(40, abs=3)
    assert result.at_0143 == pytest.approx(38, abs=4)
    assert result.at_0143 <= result.at_half
    assert float(result.frequencies[-1]) == pytest.approx(1 / 20)


def test_the_voxel_size_scales_the_resolution_and_leading_ones_do_not_matter():
    even, odd = halves((32, 32, 32), 0.2)
    fine, coarse = fsc_resolution(even, odd, 2.0), fsc_resolution(even[None, None], odd[None, None], 4.0)
    assert coarse.at_half == pytest.approx(2 * fine.at_half)
    torch.testing.assert_close(coarse.curve, fine.curve)


def test_equal_halves_have_no_limit_and_independent_ones_no_resolution():
    volume = noise((32, 32, 32))
    same = fsc_resolution(volume, volume, 1.0)
    assert same.at_half is None
    assert same.at_0143 is None
    assert float(same.curve.min()) > 0.999
    assert fsc_resolution(volume, noise((32, 32, 32), 1), 1.0).curve[3:].abs().max() < 0.3


def test_a_mask_keeps_the_borders_out():
    shape = (32, 32, 32)
    even, odd = noise(shape, 1), noise(shape, 2)
    mask = torch.zeros(shape)
    mask[8:24, 8:24, 8:24] = 1
    even[:, :, 26:] = odd[:, :, 26:] = 5 * noise((32, 32, 6), 3)
    assert fsc_resolution(even, odd, 1.0).curve[4:].mean() > 0.5
    assert fsc_resolution(even, odd, 1.0, mask=mask).curve[4:].mean() < 0.2


def test_empty_halves_give_zeros():
    empty = torch.zeros(16, 16, 16)
    result = fsc_resolution(empty, empty, 1.0)
    assert torch.equal(result.curve, torch.zeros(8))
    assert result.at_half is None
    assert torch.equal(radial_power(empty), torch.zeros(8))


def test_white_noise_has_its_variance_in_every_shell():
    power = radial_power(3 * noise((48, 40, 48)) + 50)
    assert power.shape == (24,)
    torch.testing.assert_close(power[3:], torch.full((21,), 9.0), atol=1.5, rtol=0)


def test_the_power_of_a_filtered_volume_falls_with_the_filter():
    shape = (48, 48, 48)
    power = radial_power(apply_mask(noise(shape), radius(shape) < 0.25))
    assert power[4:10].min() > 0.8
    assert power[15:].max() < 0.05


def test_power_is_averaged_over_the_masked_coefficients_only():
    shape, wedge = (48, 48, 48), Wedge(-60, 60)
    volume = apply_mask(noise(shape), wedge.mask(shape))
    inside = radial_power(volume, mask=wedge.mask(shape))[4:23].mean()
    outside = radial_power(volume, mask=nyquist_ball(shape) & ~wedge.mask(shape))[4:23].mean()
    assert inside == pytest.approx(1, abs=0.1)
    assert outside < 0.1 * inside
    nothing = torch.zeros_like(wedge.mask(shape))
    assert torch.equal(radial_power(volume, mask=nothing), torch.zeros(24))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((noise((8, 8, 8)), noise((8, 8, 9)), 1.0, None), r"one shape, not \(8, 8, 8\) and \(8, 8, 9\)"),
        ((noise((8, 8, 8)), noise((8, 8, 8)), 0.0, None), "positive number of Å, not 0"),
        ((noise((2, 8, 8, 8)), noise((2, 8, 8, 8)), 1.0, None), r"one volume of shape .*\(2, 8, 8, 8\)"),
        ((noise((8, 8, 8)), noise((8, 8, 8)), 1.0, noise((8, 8))), r"mask must have .* not \(8, 8\)"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, words):
    even, odd, voxel_size, mask = arguments
    with pytest.raises(ValueError, match=words):
        fsc_resolution(even, odd, voxel_size, mask=mask)
