from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_cryorestore.physics.fourier import rfft, shell_index
from napari_cryorestore.physics.fsc import fourier_shell_correlation, resolution_at
from napari_cryorestore.physics.wedge import Wedge, apply_mask


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(24, 24, 24), (25, 25, 25), (12, 30, 17)])
def test_agrees_with_a_loop_over_the_full_spectrum(shape: tuple[int, int, int]) -> None:
    a = noise(*shape)
    b = 0.5 * a + noise(*shape, seed=1)
    fa, fb = torch.fft.fftn(a), torch.fft.fftn(b)
    grid = torch.meshgrid(*(torch.fft.fftfreq(size) for size in shape), indexing="ij")
    shells = (sum(k.square() for k in grid).sqrt() * max(shape) - 1e-4).round()
    expected = []
    for shell in range(1, max(shape) // 2 + 1):
        inside = shells == shell
        cross = (fa[inside] * fb[inside].conj()).sum().real
        expected.append(cross / (fa[inside].abs().square().sum() * fb[inside].abs().square().sum()).sqrt())
    curve = fourier_shell_correlation(a[None], b[None])
    torch.testing.assert_close(curve[0], torch.stack(expected), atol=3e-4, rtol=0)


def test_identical_volumes_cost_nothing_and_negated_ones_two() -> None:
    a = noise(2, 1, 32, 32, 32)
    # sums of up to 1600 products in float32, one after the other on some processors
    assert 1 - fourier_shell_correlation(a, a).mean() == pytest.approx(0, abs=1e-4)
    assert 1 - fourier_shell_correlation(a, -a).mean() == pytest.approx(2, abs=1e-4)


def test_independent_noise_does_not_correlate() -> None:
    curve = fourier_shell_correlation(noise(4, 1, 48, 48, 48), noise(4, 1, 48, 48, 48, seed=1))
    assert curve.shape == (4, 24)
    assert curve.mean() == pytest.approx(0, abs=0.02)
    assert curve[:, 12:].abs().max() < 0.1


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e6])
def test_is_independent_of_either_scale_and_mean(scale: float) -> None:
    a = noise(1, 1, 24, 24, 24)
    b = a + noise(1, 1, 24, 24, 24, seed=1)
    curve = fourier_shell_correlation(a, b)
    torch.testing.assert_close(fourier_shell_correlation(scale * a, b), curve, atol=1e-4, rtol=0)
    torch.testing.assert_close(fourier_shell_correlation(a, scale * b), curve, atol=1e-4, rtol=0)
    torch.testing.assert_close(fourier_shell_correlation(a + 5, b), curve, atol=1e-4, rtol=0)


def test_every_volume_of_a_batch_is_its_own() -> None:
    a, b = noise(3, 1, 16, 16, 16), noise(3, 1, 16, 16, 16, seed=1)
    together = fourier_shell_correlation(a, b)
    torch.testing.assert_close(together[1], fourier_shell_correlation(a[1], b[1])[0])
    torch.testing.assert_close(together, fourier_shell_correlation(a[:, 0], b[:, 0]))


def test_a_mask_hides_what_lies_outside() -> None:
    wedge = Wedge(-60, 60)
    mask = wedge.mask((24, 24, 24))
    a, rubbish = noise(2, 1, 24, 24, 24), noise(2, 1, 24, 24, 24, seed=1)
    b = a + rubbish - apply_mask(rubbish, mask)
    assert fourier_shell_correlation(a, b).mean() < 0.95
    assert fourier_shell_correlation(a, b, mask=mask).min() > 0.999
    each = torch.stack([mask, mask])
    assert torch.equal(
        fourier_shell_correlation(a, b, mask=each), fourier_shell_correlation(a, b, mask=each[:, None])
    )


def test_shells_with_too_few_measured_coefficients_are_dropped() -> None:
    a = noise(1, 1, 24, 24, 24)
    index, n_shells = shell_index((24, 24, 24))
    curve = fourier_shell_correlation(a, a, mask=index > 5)
    assert torch.equal(curve[0, :5], torch.zeros(5))
    assert curve[0, 5:].min() > 0.999
    assert curve.shape == (1, n_shells)


def test_gradients_are_finite_where_shells_are_empty() -> None:
    index, _ = shell_index((16, 16, 16))
    empty = torch.fft.irfftn(rfft(noise(1, 1, 16, 16, 16)) * (index > 4), s=(16, 16, 16), dim=(-3, -2, -1))
    target = noise(1, 1, 16, 16, 16, seed=1)
    for start in (empty, torch.zeros_like(empty)):
        for mask in (None, index > 6):
            a = start.clone().requires_grad_()
            (1 - fourier_shell_correlation(a, target, mask=mask).mean()).backward()
            assert a.grad is not None
            assert a.grad.isfinite().all()
    assert fourier_shell_correlation(torch.zeros_like(empty), target).abs().max() == 0


def test_descending_the_gradient_raises_the_correlation() -> None:
    a = noise(1, 1, 16, 16, 16).requires_grad_()
    b = noise(1, 1, 16, 16, 16, seed=1)
    before = fourier_shell_correlation(a, b).mean()
    (gradient,) = torch.autograd.grad(before, a)
    after = fourier_shell_correlation(a + 0.3 * gradient / gradient.square().mean().sqrt(), b).mean()
    assert after > before + 0.1
    # moving along the volume itself changes nothing
    assert (gradient * a).sum().abs() < 1e-3 * gradient.norm() * a.norm()


def test_low_precision_comes_in_and_float32_goes_out() -> None:
    a, b = noise(1, 1, 16, 16, 16), noise(1, 1, 16, 16, 16, seed=1)
    mask = Wedge(-60, 60).mask((16, 16, 16))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        curve = fourier_shell_correlation(a.bfloat16(), b, mask=mask)
    assert curve.dtype == torch.float32
    torch.testing.assert_close(curve, fourier_shell_correlation(a.bfloat16().float(), b, mask=mask))


def test_volumes_that_cannot_be_correlated_are_refused() -> None:
    with pytest.raises(ValueError, match="must have one shape"):
        fourier_shell_correlation(noise(1, 8, 8, 8), noise(1, 8, 8, 9))
    for shape in ((8, 8, 8), (1, 2, 8, 8, 8)):
        with pytest.raises(ValueError, match=r"Expected volumes of shape \(b, 1, z, y, x\)"):
            fourier_shell_correlation(noise(*shape), noise(*shape))


def test_the_resolution_is_interpolated_between_shells() -> None:
    curve = torch.tensor([1.0, 0.9, 0.6, 0.2, 0.7])
    # 0.5 lies a quarter of the way from shell 3 to shell 4
    assert resolution_at(curve, 0.5, 10.0, size=64) == pytest.approx(10 * 64 / 3.25)
    assert resolution_at(curve.tolist(), 0.6, 10.0, size=64) == pytest.approx(10 * 64 / 3)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([0.0, 0.9, 0.4, 0.0], 640 / 2.8),  # the first shell was dropped
        ([0.9, 0.8, 0.0, 0.0], 640 / 2.375),
        ([0.9, 0.8, 0.7], None),
        ([0.4, 0.3, 0.2], None),
        ([0.4, 0.9, 0.2], None),
        ([0.0, 0.0], None),
        ([], None),
    ],
)
def test_the_resolution_of_unusual_curves(curve: list[float], expected: float | None) -> None:
    assert resolution_at(curve, 0.5, 10.0, size=64) == (expected and pytest.approx(expected))
