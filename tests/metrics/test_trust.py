from __future__ import annotations

import pytest
import torch

from napari_cryorestore.metrics.trust import (
    Provenance,
    agreement,
    half_disagreement,
    provenance,
    supplied_share,
)
from napari_cryorestore.metrics.wedge_spectra import Band
from napari_cryorestore.physics.fourier import radius
from napari_cryorestore.physics.wedge import Wedge, apply_mask

SHAPE = (32, 30, 33)
WEDGE = Wedge(-60, 60)


def noise(seed=0, shape=SHAPE):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_two_parts_add_up_and_lie_where_they_should(rounding):
    volume = noise() + 5
    rounded = rounding(volume)
    parts = provenance(volume, WEDGE)
    torch.testing.assert_close(parts.measured + parts.supplied, volume, atol=rounded, rtol=0)
    again = provenance(parts.measured, WEDGE)
    torch.testing.assert_close(again.measured, parts.measured, atol=rounded, rtol=0)
    assert again.supplied.abs().max() < rounded
    assert float((parts.measured * parts.supplied).mean()) == pytest.approx(0, abs=rounding(volume**2))
    assert parts.measured.mean() == pytest.approx(5, abs=0.1)


def test_what_was_measured_is_counted_as_measured_up_to_the_corners_of_the_spectrum():
    measured = apply_mask(noise(), WEDGE.sector(SHAPE))
    assert provenance(measured, WEDGE).supplied.abs().max() < 1e-5
    share = supplied_share(provenance(noise(), WEDGE), window=4)
    assert share.mean() == pytest.approx(3**-0.5 / 2, abs=0.03)  # a ±60° wedge's part of a cube


def test_without_a_wedge_nothing_is_supplied():
    parts = provenance(noise(), Wedge(-90, 90))
    assert parts.supplied.abs().max() < 1e-5
    assert supplied_share(parts).max() < 1e-9


def test_the_share_is_the_ratio_of_energies():
    ones = torch.ones(8, 8, 8)
    ones[::2] = -1
    share = supplied_share(Provenance(2 * ones, ones), window=2)
    torch.testing.assert_close(share, torch.full_like(share, 0.2))
    assert torch.equal(supplied_share(Provenance(0 * ones, 0 * ones)), torch.zeros(8, 8, 8))
    assert torch.equal(supplied_share(Provenance(0 * ones + 7, ones)), torch.ones(8, 8, 8))


def test_the_share_is_local_and_within_bounds():
    supplied, measured = noise(1), noise(2)
    supplied[:, :15] = 0
    measured[:, 15:] = 0
    share = supplied_share(Provenance(measured, supplied), window=1.5)
    assert share[:, :9].max() < 0.02
    assert share[:, 21:].min() > 0.98
    assert share.min() >= 0
    assert share.max() <= 1
    assert supplied_share(Provenance(measured[None, None], supplied[None, None])).shape == (1, 1, *SHAPE)


def test_the_window_of_zero_takes_single_voxels_and_a_negative_one_is_refused():
    parts = provenance(noise(), WEDGE)
    a, b = parts.measured - parts.measured.mean(), parts.supplied - parts.supplied.mean()
    torch.testing.assert_close(supplied_share(parts, window=0), b**2 / (a**2 + b**2), atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="0 voxels or more, not -1"):
        supplied_share(parts, window=-1)


def test_a_half_agrees_with_itself_and_with_nothing_else():
    volume = noise()
    assert agreement(volume, 3 * volume + 7, WEDGE).min() > 0.999
    assert agreement(volume, -volume, WEDGE).max() < -0.999
    assert agreement(volume, noise(1), WEDGE, window=4).abs().mean() < 0.1
    assert torch.equal(agreement(volume, torch.zeros(SHAPE), WEDGE), torch.zeros(SHAPE))


def test_agreement_is_local():
    shared, other = noise(), noise()
    other[:, 15:] = noise(1)[:, 15:]
    found = agreement(shared, other, None, window=1.5)
    assert found[:, :8].mean() > 0.95
    assert found[:, 22:].mean().abs() < 0.15


def test_what_the_network_supplied_has_no_say():
    volume = noise()
    restored = volume + 10 * provenance(noise(1), WEDGE).supplied
    torch.testing.assert_close(
        agreement(restored, volume, WEDGE), agreement(volume, volume, WEDGE), atol=1e-3, rtol=0
    )
    assert agreement(restored, volume, None).mean() < 0.5


def test_agreement_is_by_band():
    low = radius(SHAPE) < 0.15
    shared = apply_mask(noise(), low)
    a, b = (shared + apply_mask(noise(seed), ~low) for seed in (1, 2))
    coarse, fine = (
        agreement(a, b, WEDGE, voxel_size=10.0, band=band, window=4).mean()
        for band in (Band(1000, 80), Band(50, 20))
    )
    assert coarse > 0.95
    assert abs(fine) < 0.1
    everything = Band(float("inf"), 1.0)
    torch.testing.assert_close(
        agreement(a, b, WEDGE, band=everything), agreement(a, b, WEDGE), atol=0.05, rtol=0
    )


def test_half_disagreement_is_half_the_difference():
    even, odd = noise(1), noise(2)
    torch.testing.assert_close(half_disagreement(even, odd), (even - odd).abs() / 2)
    smooth = half_disagreement(even, odd, window=5)
    assert smooth.mean() == pytest.approx(2**-0.5, abs=0.03)
    assert smooth.std() < 0.1
    assert torch.equal(half_disagreement(even, even, window=2), torch.zeros(SHAPE))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: half_disagreement(noise(), noise(shape=(4, 4, 4))), "halves must have one shape"),
        (lambda: agreement(noise(), noise(shape=(4, 4, 4)), WEDGE), "must have one shape"),
        (lambda: agreement(noise(), noise(), WEDGE, voxel_size=0), "must be positive, not 0 Å"),
        (lambda: agreement(noise(), noise(), WEDGE, window=0), "not 1 Å and 0 voxels"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
