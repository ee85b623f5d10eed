from __future__ import annotations

import math

import pytest
import torch

from napari_cryorestore.metrics.wedge_spectra import REGIONS, Band, fsc_curves, octaves, wedge_power
from napari_cryorestore.physics.fourier import nyquist_ball, radius
from napari_cryorestore.physics.wedge import Wedge, apply_mask

SHAPE = (48, 40, 48)
WEDGE = Wedge(-60, 60)


def noise(shape=SHAPE, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def weighted(volume, inside):
    """Scale what lies in the missing wedge."""
    measured = WEDGE.mask(volume.shape)
    return apply_mask(volume, torch.where(measured, 1.0, inside))


def test_octaves_halve_the_detail_down_to_nyquist():
    bands = octaves(10.0, number=3)
    assert [(band.coarse, band.fine) for band in bands] == [(math.inf, 80), (80, 40), (40, 20)]
    assert [str(band) for band in bands] == ["coarser than 80 Å", "80-40 Å", "40-20 Å"]
    frequencies = torch.tensor([0.001, 0.0125, 0.02, 0.025, 0.049])
    assert [band.holds(frequencies).sum().item() for band in bands] == [1, 2, 2]


@pytest.mark.parametrize("ends", [(40, 80), (40, 40), (40, 0), (math.nan, 10)])
def test_a_band_with_exchanged_ends_is_refused(ends):
    with pytest.raises(ValueError, match="from coarse to fine detail"):
        Band(*ends)


def test_white_noise_is_as_strong_in_the_wedge_as_outside():
    powers = wedge_power(noise(), WEDGE, 10.0)
    assert [item.ratio for item in powers[2:]] == pytest.approx([1, 1], abs=0.1)
    assert powers[-1].measured == pytest.approx(1, abs=0.1)
    assert powers[-1].ratio == powers[-1].wedge / powers[-1].measured


def test_the_ratio_is_that_of_the_powers():
    half = wedge_power(weighted(noise(), 0.5), WEDGE, 10.0)
    assert [item.ratio for item in half[2:]] == pytest.approx([0.25, 0.25], abs=0.05)
    empty = wedge_power(weighted(noise(), 0.0), WEDGE, 10.0)
    assert max(item.ratio for item in empty[1:]) < 0.1
    assert empty[-1].ratio < 0.03


def test_a_band_sees_only_its_own_frequencies():
    shape = SHAPE
    measured = WEDGE.mask(shape)
    fine_filled = apply_mask(noise(), torch.where(measured | (radius(shape) > 0.3), 1.0, 0.0))
    coarse, fine = wedge_power(fine_filled, WEDGE, 10.0, [Band(100, 50), Band(30, 20)])
    assert coarse.ratio < 0.08
    assert fine.ratio > 0.8


def test_neither_scale_nor_offset_matters_to_the_ratio():
    volume = weighted(noise(), 0.5)
    first, second = (wedge_power(v, WEDGE, 10.0) for v in (volume, -3 * volume + 100))
    assert [item.ratio for item in second] == pytest.approx([item.ratio for item in first], rel=1e-3)


def test_what_cannot_be_known_is_nan():
    volume = noise((16, 16, 16))
    assert math.isnan(wedge_power(volume, Wedge(-90, 90), 1.0)[-1].ratio)
    assert math.isnan(wedge_power(torch.zeros(16, 16, 16), WEDGE, 1.0)[-1].ratio)
    assert math.isnan(wedge_power(volume, WEDGE, 1.0, [Band(1000, 500)])[0].ratio)


def test_signal_shared_in_the_measured_region_only_shows_there_only():
    measured = WEDGE.mask(SHAPE)
    shared = noise(seed=0)
    a, b = (
        apply_mask(shared, measured) + apply_mask(noise(seed=seed), nyquist_ball(SHAPE) & ~measured)
        for seed in (1, 2)
    )
    curves = fsc_curves(a, b, 10.0, WEDGE)
    assert tuple(curves) == REGIONS
    assert curves["measured"].curve[8:].min() > 0.85
    assert curves["wedge"].curve[8:].nanmean().abs() < 0.15
    assert 0.5 < curves["all"].curve[8:].mean() < 0.8
    assert torch.equal(curves["all"].frequencies, curves["wedge"].frequencies)


def test_crossings_are_those_of_each_region():
    measured, low = WEDGE.mask(SHAPE), radius(SHAPE)
    shared = apply_mask(noise(), torch.where(measured, low < 0.4, low < 0.2))
    rest = torch.where(measured, low >= 0.4, low >= 0.2)
    a, b = (shared + apply_mask(noise(seed=seed), rest) for seed in (1, 2))
    curves = fsc_curves(a, b, 10.0, WEDGE)
    assert curves["measured"].at_half == pytest.approx(25, abs=2)
    assert curves["wedge"].at_half == pytest.approx(50, abs=6)
    assert curves["wedge"].at_0143 == pytest.approx(46, abs=6)


def test_shells_with_too_few_coefficients_are_nan_and_no_wedge_gives_one_curve():
    volume = noise((24, 24, 24))
    curves = fsc_curves(volume, volume, 1.0, WEDGE)
    assert curves["wedge"].curve[0].isnan()
    assert not curves["wedge"].curve[4:].isnan().any()
    assert not curves["all"].curve.isnan().any()
    assert tuple(fsc_curves(volume, volume, 1.0, None)) == ("all",)
    with pytest.raises(ValueError, match="one shape"):
        fsc_curves(volume, noise((24, 24, 25)), 1.0, WEDGE)
