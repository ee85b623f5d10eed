"""Tests of the SIRT-like filter against the iterations that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.methods.sirt import Sirt, SirtConfig
from napari_cryorestore.physics.wedge import Wedge


@pytest.mark.parametrize(("tilt_axis", "axis"), [("y", 2), ("x", 1)])
@pytest.mark.parametrize("iterations", [1, 7])
def test_it_is_what_the_iterations_leave_of_each_frequency(
    tilt_axis: Any, axis: int, iterations: int
) -> None:
    volume = torch.randn(1, 1, 12, 15, 16, generator=torch.Generator().manual_seed(0))
    axes = np.meshgrid(*(np.fft.fftfreq(size) for size in volume.shape[2:]), indexing="ij")
    k = np.hypot(axes[0], axes[axis])
    whole = np.fft.fftn(volume[0, 0].double().numpy())
    step = np.minimum(1, 1 / np.maximum(512 * k, 1e-9))  # how much of what is missing comes back at once
    found = np.zeros_like(whole)
    for _ in range(iterations):
        found += step * (whole - found)
    ours = Sirt(SirtConfig(iterations=iterations))
    imaging = Imaging(wedge=Wedge(-60, 60, tilt_axis))
    restored = ours.restore_crop(lambda crops: crops * 0, volume, imaging)[0, 0].numpy()
    np.testing.assert_allclose(restored, np.fft.ifftn(found).real, atol=1e-5)


def test_many_iterations_bring_everything_back() -> None:
    volume = torch.randn(1, 1, 12, 12, 12, generator=torch.Generator().manual_seed(2))
    restored = Sirt(SirtConfig(iterations=10_000)).restore_crop(lambda crops: crops, volume, Imaging())
    torch.testing.assert_close(restored, volume, atol=1e-4, rtol=0)
