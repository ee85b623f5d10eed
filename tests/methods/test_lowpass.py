"""Tests of the low-pass filter against its formula over the full spectrum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.methods.lowpass import Lowpass, LowpassConfig


def restored(volume: torch.Tensor, *, voxel_size: float = 10.0, **knobs: float) -> torch.Tensor:
    ours = Lowpass(LowpassConfig.model_validate(knobs))
    return ours.restore_crop(lambda crops: crops * 0, volume, Imaging(voxel_size=voxel_size))


@pytest.mark.parametrize(("knobs", "cut"), [({"resolution": 50.0}, 0.2), ({}, 0.25)])
def test_frequencies_are_weighted_by_half_a_cosine(knobs: dict[str, float], cut: float) -> None:
    volume = torch.randn(1, 1, 18, 17, 20, generator=torch.Generator().manual_seed(0))
    axes = np.meshgrid(*(np.fft.fftfreq(size) for size in volume.shape[2:]), indexing="ij")
    k = np.sqrt(sum(axis**2 for axis in axes))
    low, high = 0.75 * cut, 1.25 * cut
    gain = np.where(k <= low, 1, np.where(k >= high, 0, np.cos(np.pi / 2 * (k - low) / (high - low)) ** 2))
    expected = np.fft.ifftn(np.fft.fftn(volume[0, 0].double().numpy()) * gain).real
    found = restored(volume, softness=0.5, **knobs)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_without_softness_it_cuts_and_the_mean_stays() -> None:
    volume = 3 + torch.randn(1, 1, 18, 18, 18, generator=torch.Generator().manual_seed(1))
    once = restored(volume, softness=0)
    torch.testing.assert_close(restored(once, softness=0), once, atol=1e-5, rtol=0)
    assert float(once.mean()) == pytest.approx(float(volume.mean()), abs=1e-5)
    assert float(once.std()) < 0.4 * float(volume.std())


@pytest.mark.parametrize(
    ("voxel_size", "resolution", "said"),
    [(0.0, 40.0, "needs the voxel size"), (10.0, 20.0, "nothing finer than 20 Å")],
)
def test_what_cannot_be_is_said(voxel_size: float, resolution: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        restored(torch.zeros(1, 1, 8, 8, 8), voxel_size=voxel_size, resolution=resolution)
