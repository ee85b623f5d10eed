"""Shaped white noise has the spectrum of white projections that were back-projected one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryorestore.physics.projection_noise import projection_noise_gain
from napari_cryorestore.physics.wedge import Wedge, apply_mask

SIZE, WIDTH, DRAWS = 24, 48, 150
RAMP = np.abs(np.fft.fftfreq(WIDTH))
FILTERS = {
    "none": np.ones(WIDTH),
    "ramp": RAMP,
    "hamming": RAMP * (0.54 + 0.46 * np.cos(2 * np.pi * RAMP)),
}


def back_projected_power(filtering: str, low: int, high: int) -> np.ndarray:
    """Return the mean power (kz, kx) of slices through which white projections were smeared at each tilt."""
    random = np.random.default_rng(0)
    places = np.arange(SIZE) - SIZE / 2
    power = np.zeros((SIZE, SIZE))
    waves = [
        np.exp(
            2j * np.pi * np.fft.fftfreq(WIDTH)[:, None]
            * np.add.outer(places * np.sin(angle), places * np.cos(angle)).ravel()
        )
        for angle in np.radians(np.arange(low, high + 1))
    ]  # fmt: skip
    white = random.standard_normal((len(waves), DRAWS, WIDTH))
    spectra = np.fft.fft(white) * FILTERS[filtering]
    slices = sum((spectrum @ wave).real for spectrum, wave in zip(spectra, waves, strict=True))
    power = np.abs(np.fft.fft2(slices.reshape(DRAWS, SIZE, SIZE))) ** 2
    return power.mean(0)[:, : SIZE // 2 + 1]


@pytest.mark.parametrize("filtering", FILTERS)
def test_noise_has_the_spectrum_of_back_projected_projections(filtering: str) -> None:
    expected = back_projected_power(filtering, -65, 45)
    gain = projection_noise_gain((SIZE, 4, SIZE), Wedge(-65, 45), filtering=filtering).numpy()  # type: ignore[arg-type]
    power = gain[:, 1] ** 2
    radius = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)) * SIZE
    measured = power > 0
    assert expected[measured].mean() > 5 * expected[~measured & (radius > 2)].mean()
    bands = [measured & (radius >= low) & (radius < low + 2) for low in (1.5, 3.5, 5.5, 7.5)]
    ratios = np.array([expected[band].mean() / power[band].mean() for band in bands])
    np.testing.assert_allclose(ratios / ratios.mean(), 1, atol=0.12)


def test_noise_is_white_along_the_tilt_axis_and_has_unit_variance() -> None:
    gain = projection_noise_gain((16, 20, 18), Wedge(-60, 60))
    torch.testing.assert_close(gain[:, 1], gain[:, 7], rtol=0, atol=0)
    assert float(gain[0, 0, 0]) == 0
    white = torch.randn(40, 16, 20, 18, generator=torch.Generator().manual_seed(0))
    assert float(apply_mask(white, gain).var()) == pytest.approx(1, abs=0.03)


def test_the_other_tilt_axis_exchanges_the_axes() -> None:
    about_y, about_x = (projection_noise_gain((12, 12, 12), Wedge(-60, 60, axis)) for axis in ("y", "x"))  # type: ignore[arg-type]
    # the half spectra share the quarter in which neither ky nor kx is negative
    torch.testing.assert_close(about_x[:, :6, :6], about_y[:, :6, :6].transpose(1, 2))
