"""Binning by Fourier crop against a crop of the whole spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.physics.fourier_crop import binned_shape, enlarged_planes, fourier_cropped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def noise(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(5.0, 1.0, shape)


def cropped_spectrum(volume: Floats, factor: int) -> Floats:
    """Return the binned volume from the full complex spectrum, frequency by frequency."""
    spectrum = np.fft.fftn(volume)
    sizes = [size // factor for size in volume.shape]
    small = np.zeros(sizes, dtype=complex)
    for index in np.ndindex(*sizes):
        k = [i if i < (n + 1) // 2 else i - n for i, n in zip(index, sizes, strict=True)]
        if any(2 * abs(one) >= n for one, n in zip(k, sizes, strict=True)):
            continue
        shift = sum(one * (factor - 1) / 2 / size for one, size in zip(k, volume.shape, strict=True))
        small[index] = spectrum[tuple(k)] * np.exp(2j * np.pi * shift)
    found: Floats = np.fft.ifftn(small).real / factor**3
    return found


@pytest.mark.parametrize(("shape", "factor"), [((12, 16, 20), 2), ((12, 18, 15), 3), ((8, 12, 20), 4)])
def test_it_is_a_crop_of_the_spectrum(shape: tuple[int, int, int], factor: int) -> None:
    volume = noise(*shape)
    binned = fourier_cropped(volume, factor)
    assert binned.dtype == np.float32
    np.testing.assert_allclose(binned, cropped_spectrum(volume, factor), atol=2e-5)
    assert binned.mean() == pytest.approx(volume.mean(), abs=1e-5)


def test_a_voxel_lies_in_the_middle_of_those_it_stands_for() -> None:
    z, y, x = np.meshgrid(*map(np.arange, (48, 60, 48)), indexing="ij")
    blob = np.exp(-((z - 20) ** 2 + (y - 31) ** 2 + (x - 25.5) ** 2) / (2 * 6.0**2))
    averaged = blob.reshape(16, 3, 20, 3, 16, 3).mean((1, 3, 5))
    np.testing.assert_allclose(fourier_cropped(blob, 3), averaged, atol=0.03)
    places = np.indices((16, 20, 16))
    for volume in (averaged, fourier_cropped(blob, 3)):
        middle = [float((place * volume).sum() / volume.sum()) for place in places]
        np.testing.assert_allclose(middle, [(20 - 1) / 3, (31 - 1) / 3, (25.5 - 1) / 3], atol=0.02)


def test_sizes_that_are_no_multiples_are_continued_by_reflection() -> None:
    volume = noise(9, 16, 14)
    assert binned_shape(volume.shape, 4) == (3, 4, 4)
    reflected = np.pad(volume, ((0, 3), (0, 0), (0, 2)), mode="symmetric")
    np.testing.assert_allclose(fourier_cropped(volume, 4), fourier_cropped(reflected, 4), atol=1e-5)


@pytest.mark.parametrize(("shape", "factor"), [((12, 16, 20), 2), ((9, 17, 14), 4)])
def test_what_is_brought_back_is_the_low_pass(shape: tuple[int, int, int], factor: int) -> None:
    volume = noise(*shape)
    binned = fourier_cropped(volume, factor)
    found = np.zeros(shape, dtype=np.float32)
    for planes, values in enlarged_planes(binned, factor, shape):
        found[planes] = values
    if all(size % factor == 0 for size in shape):  # binning what was brought back changes nothing
        np.testing.assert_allclose(fourier_cropped(found, factor), binned, atol=1e-4)
        rest = volume - found
        assert abs(float((rest * (found - found.mean())).mean())) < 1e-4  # no frequency in common
    assert float(np.square(volume - found).mean()) < float(volume.var())


def test_volumes_larger_than_a_slab_are_done_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    volume = noise(18, 12, 10)
    whole = fourier_cropped(volume, 2)
    monkeypatch.setattr("napari_cryorestore.physics.fourier_crop._PLANES", 5)
    monkeypatch.setattr("napari_cryorestore.physics.fourier_crop._COLUMNS", 200)
    np.testing.assert_allclose(fourier_cropped(volume, 2), whole, atol=1e-5)
