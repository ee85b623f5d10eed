from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_cryorestore.physics import wiener_filter
from napari_cryorestore.physics.fourier import irfft, radius, rfft
from napari_cryorestore.physics.wedge import Wedge, apply_mask
from napari_cryorestore.physics.wiener_filter import RadialFilter, half_map_wiener

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

SHAPE = (48, 64, 64)


def noise(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def amplitude(k: Tensor) -> Tensor:
    return 3 * torch.exp(-0.5 * (k / 0.1) ** 2)


@pytest.fixture(scope="module")
def truth() -> Tensor:
    return irfft(rfft(noise(0)) * amplitude(radius(SHAPE)), SHAPE)


@pytest.fixture(scope="module")
def halves(truth: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return (truth + noise(1)).numpy(), (truth + noise(2)).numpy()


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.ravel(), b.ravel()]))[0, 1])


def test_weights_lie_on_a_line_between_their_frequencies() -> None:
    shape = (9, 12, 16)
    ramp = RadialFilter((1.0, 0.5, 0.0))
    torch.testing.assert_close(ramp.on(shape), (1 - 2 * radius(shape)).clamp(min=0))
    assert RadialFilter((1.0, 0.2)).on((8, 8, 8))[4, 4, 4] == pytest.approx(0.2)  # a corner


def test_filtering_is_real_linear_and_keeps_the_shape() -> None:
    low_pass = RadialFilter((1.0, 1.0, 0.5, 0.0))
    a, b = noise(1, (2, 1, 9, 12, 16)), noise(2, (2, 1, 9, 12, 16))
    torch.testing.assert_close(low_pass.apply(3 * a + b), 3 * low_pass.apply(a) + low_pass.apply(b))
    torch.testing.assert_close(RadialFilter((1.0, 1.0)).apply(a), a)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert low_pass.apply(a.bfloat16()).dtype == torch.float32


def test_the_filter_is_the_one_of_wiener_theory(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    found = torch.tensor(half_map_wiener(*halves).weights)
    k = torch.linspace(0, 0.5, len(found))
    ssnr = amplitude(k).square()
    torch.testing.assert_close(found[2:], (ssnr / (1 + ssnr))[2:], atol=0.08, rtol=0)
    assert found[-10:].max() == 0
    assert found.min() >= 0
    assert found.max() <= 0.999


def test_filtered_halves_are_closer_to_the_truth(
    truth: Tensor, halves: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    even, odd = (torch.from_numpy(half) for half in halves)
    found = half_map_wiener(*halves)
    assert (found.apply(even) - truth).square().mean() < 0.5 * (even - truth).square().mean()
    assert correlation(found.apply(even), odd) > correlation(even, odd)
    mean = (even + odd) / 2
    by_mean = (found.for_mean().apply(mean) - truth).square().mean()
    assert by_mean < (found.apply(mean) - truth).square().mean()
    assert by_mean < (mean - truth).square().mean()


def test_scale_and_mean_of_a_half_do_not_matter(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    even, odd = halves
    found = half_map_wiener(even, odd).weights
    assert half_map_wiener(1e-3 * even + 40, odd).weights == pytest.approx(found, abs=1e-3)
    assert half_map_wiener((even * 1000).astype(np.int16), odd).weights == pytest.approx(found, abs=1e-2)


def test_only_measured_coefficients_count(truth: Tensor) -> None:
    wedge = Wedge(-60, 60)
    mask = wedge.mask(SHAPE)
    signal = apply_mask(truth, mask)
    even, odd = ((signal + noise(seed)).numpy() for seed in (1, 2))
    k = torch.linspace(0, 0.5, 33)
    ssnr = amplitude(k).square()
    expected = (ssnr / (1 + ssnr))[3:12]
    inside = torch.tensor(half_map_wiener(even, odd, wedge=wedge).weights)[3:12]
    everywhere = torch.tensor(half_map_wiener(even, odd).weights)[3:12]
    assert (inside - expected).abs().mean() < 0.05
    assert (expected - everywhere).mean() > 0.1


def test_few_blocks_of_a_large_volume_are_read(
    monkeypatch: pytest.MonkeyPatch, halves: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    whole = half_map_wiener(*halves).weights
    monkeypatch.setattr(wiener_filter, "_BLOCK", 32)
    boxes = list(wiener_filter._boxes((200, 48, 20), (32, 32, 20)))
    assert len(set(map(str, boxes))) == len(boxes) == 3 * 2 * 1
    assert boxes[0] == (slice(0, 32), slice(0, 32), slice(0, 20))
    assert boxes[-1] == (slice(168, 200), slice(16, 48), slice(0, 20))
    blocks = half_map_wiener(*halves).weights
    assert len(blocks) == 17
    assert blocks[3:] == pytest.approx(whole[6::2], abs=0.1)


def test_thin_and_odd_volumes_are_filtered_too(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    even, odd = (half[:9, :51] for half in halves)
    found = half_map_wiener(even, odd)
    assert found.apply(torch.from_numpy(even)).shape == even.shape
    assert found.weights[2] > 0.5
    assert found.weights[-1] == 0


def test_a_signal_ends_only_once() -> None:
    curve = np.array([0.9, 0.8, 0.5, 0.0, 0.4, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9, 0.9])
    settled = wiener_filter._settle(curve)
    assert settled[3:6].min() > 0.02
    assert settled[8:].max() == 0
    assert wiener_filter._settle(np.full(20, 0.4)) == pytest.approx(0.4)
    assert wiener_filter._settle(np.full(20, 1.0)) == pytest.approx(0.999)


def test_halves_without_a_common_signal_are_refused(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    even, odd = halves
    for other in (-even, np.ones_like(even)):
        with pytest.raises(ValueError, match="share no signal"):
            half_map_wiener(even, other)
    with pytest.raises(ValueError, match="one shape"):
        half_map_wiener(even, odd[1:])
    broken = odd.copy()
    broken[20, 20, 20] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        half_map_wiener(even, broken)


@pytest.mark.parametrize("weights", [(), (1.0,), (1.0, float("nan"))])
def test_impossible_filters_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="two or more finite weights"):
        RadialFilter(weights)
