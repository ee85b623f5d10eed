from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryorestore.physics.fourier import (
    frequencies,
    hann_window,
    hermitian_weight,
    irfft,
    nyquist_ball,
    radius,
    rfft,
    shell_index,
    tukey_window,
)

SHAPES = [(8, 8, 8), (9, 9, 9), (8, 10, 13), (7, 12, 16), (4, 20, 6)]


@pytest.mark.parametrize("shape", SHAPES)
def test_frequencies_are_those_of_numpy(shape: tuple[int, int, int]) -> None:
    kz, ky, kx = frequencies(shape)
    z, y, x = shape
    assert kz.shape == (z, 1, 1)
    assert ky.shape == (1, y, 1)
    assert kx.shape == (1, 1, x // 2 + 1)
    np.testing.assert_allclose(kz.ravel(), np.fft.fftfreq(z), atol=1e-7)
    np.testing.assert_allclose(ky.ravel(), np.fft.fftfreq(y), atol=1e-7)
    np.testing.assert_allclose(kx.ravel(), np.fft.rfftfreq(x), atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_weighted_half_spectrum_obeys_parseval(shape: tuple[int, int, int]) -> None:
    volume = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    power = (hermitian_weight(shape) * rfft(volume).abs().square()).sum() / volume.numel()
    torch.testing.assert_close(power, volume.square().sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_inverse_transform_gives_the_volume_back(shape: tuple[int, int, int]) -> None:
    volume = torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(irfft(rfft(volume), shape), volume, atol=1e-5, rtol=1e-5)


def test_transforms_are_float32_for_every_real_type() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int8):
        assert rfft(torch.ones(4, 4, 4, dtype=dtype)).dtype == torch.complex64


@pytest.mark.parametrize("shape", SHAPES)
def test_shells_agree_with_a_full_spectrum_count(shape: tuple[int, int, int]) -> None:
    index, n_shells = shell_index(shape)
    assert n_shells == max(shape) // 2
    counts = torch.zeros(n_shells + 2).index_add(
        0, index.ravel(), hermitian_weight(shape).expand(index.shape).ravel()
    )
    grid = np.meshgrid(*(np.fft.fftfreq(size) for size in shape), indexing="ij")
    shells = np.round(np.sqrt(sum(k**2 for k in grid)) * max(shape) - 1e-9).astype(int)
    expected = np.bincount(np.minimum(shells, n_shells + 1).ravel(), minlength=n_shells + 2)
    np.testing.assert_array_equal(counts, expected)
    assert counts[0] == 1  # DC


def test_radius_ends_in_the_corner() -> None:
    assert radius((8, 8, 8)).max() == pytest.approx(3**0.5 / 2)
    assert radius((8, 8, 8))[0, 0, 0] == 0


def test_the_nyquist_ball_has_the_volume_of_a_ball() -> None:
    shape = (32, 32, 32)
    count = float((hermitian_weight(shape) * nyquist_ball(shape)).sum())
    assert count / 32**3 == pytest.approx(np.pi / 6, rel=0.01)
    assert not nyquist_ball(shape)[16].any()


@pytest.mark.parametrize("size", [8, 9])
def test_windows_are_symmetric_and_lose_no_voxel(size: int) -> None:
    shape = (size, size + 1, 5)
    for window in (hann_window(shape), tukey_window(shape, alpha=0.3)):
        assert window.shape == shape
        assert window.min() > 0
        assert window.max() <= 1
        torch.testing.assert_close(window, window.flip(0, 1, 2))


def test_the_tukey_window_is_flat_in_the_middle_and_between_box_and_hann() -> None:
    shape = (40, 40, 40)
    assert torch.equal(tukey_window(shape, alpha=0.0), torch.ones(shape))
    assert torch.equal(tukey_window(shape, alpha=1.0), hann_window(shape))
    window = tukey_window(shape, alpha=0.5)
    assert torch.allclose(window[10:30, 10:30, 10:30], torch.ones(20, 20, 20))
    assert window[9, 20, 20] < 1


def test_a_wrong_taper_or_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1, not 1\.5"):
        tukey_window((4, 4, 4), alpha=1.5)
    for shape in ((4, 4), (4, 0, 4)):
        with pytest.raises(ValueError, match="three positive sizes"):
            shell_index(shape)
