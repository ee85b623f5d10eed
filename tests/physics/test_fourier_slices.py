"""Fourier slices against the whole transform."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.data.imaging import MeanOfMaps
from napari_cryorestore.physics.fourier_slices import CHUNK, fourier_slices

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (2 * CHUNK + 5, 30, 41)


def volume(shape: tuple[int, int, int] = SHAPE, mean: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=shape) + mean).astype(np.float32)


def window(size: int) -> np.ndarray:
    """Return the first `size` points of the symmetric window of one more, which is zero at both ends."""
    return np.hanning(size + 1)[:-1]


def reference(data: np.ndarray, offsets: tuple[int, int, int], *, windowed: bool) -> list[np.ndarray]:
    """Return the planes from the real transform of the whole, whose other half is its mirror image."""
    exact = data.astype(np.float64)
    exact -= exact.mean()
    if windowed:
        z, y, x = (window(size) for size in data.shape)
        exact *= z[:, None, None] * y[:, None] * x
    half = np.abs(np.fft.rfftn(exact))
    full = np.empty(data.shape)
    full[..., : half.shape[2]] = half
    other = [-np.arange(size) % size for size in data.shape]
    mirrored = half[np.ix_(other[0], other[1], other[2][half.shape[2] :])]
    full[..., half.shape[2] :] = mirrored
    return [np.fft.fftshift(full.take(offset, axis)) for axis, offset in enumerate(offsets)]


@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize("offsets", [(0, 0, 0), (3, -5, 7), (-18, 15, 20)])
@pytest.mark.parametrize("mean", [0.0, 500.0])
def test_slices_are_those_of_the_whole_transform(
    offsets: tuple[int, int, int], windowed: bool, mean: float
) -> None:
    """Trap 7: central and other slices come from weighted sums."""
    data = volume(mean=mean)
    slices = fourier_slices(data, window=windowed, offsets=offsets)
    assert (slices.shape, slices.offsets, slices.warning) == (SHAPE, offsets, None)
    for made, exact in zip(slices.magnitude, reference(data, offsets, windowed=windowed), strict=True):
        assert made is not None
        assert made.dtype == np.float32
        np.testing.assert_allclose(made, exact, rtol=0, atol=1e-5 * exact.max())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_waves_lie_where_they_belong(axis: int) -> None:
    z, y, x = np.meshgrid(*(np.arange(16) for _ in range(3)), indexing="ij")
    frequency = (2, 3, 5)
    wave = np.cos(2 * np.pi * (y * 3 + x * 5) / 16) + np.cos(2 * np.pi * (z * 2 + x * 5) / 16)
    wave += np.cos(2 * np.pi * (z * 2 + y * 3) / 16) + 7
    section = fourier_slices(wave).magnitude[axis]
    assert section is not None
    down, across = (frequency[other] for other in range(3) if other != axis)
    peaks = np.argwhere(section > 0.9 * section.max()).tolist()
    assert peaks == [[8 - down, 8 - across], [8 + down, 8 + across]]


def test_the_window_removes_the_cross_of_unlike_borders() -> None:
    ramp = np.linspace(0, 1, 64)[:, None, None] + 0.01 * volume((64, 64, 64))
    plain, faded = (fourier_slices(ramp, window=on).magnitude[2] for on in (False, True))
    assert plain is not None
    assert faded is not None
    far, beside = (slice(48, 64), 32), (slice(48, 64), 36)
    assert np.median(plain[far]) > 20 * np.median(plain[beside])
    assert np.median(faded[far]) < 3 * np.median(faded[beside])


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "float16", ">f4", "f8"])
def test_any_real_type_is_read(kind: str) -> None:
    data = np.clip(30 + 10 * volume(), 0, 100).astype(kind)
    slices = fourier_slices(data)
    for made, exact in zip(slices.magnitude, reference(data, (0, 0, 0), windowed=True), strict=True):
        np.testing.assert_allclose(made, exact, rtol=0, atol=1e-5 * exact.max())


def test_memory_maps_and_means_of_halves_are_read(tmp_path: Path) -> None:
    data = volume()
    data.tofile(tmp_path / "volume.raw")
    mapped = np.memmap(tmp_path / "volume.raw", dtype=np.float32, mode="r", shape=SHAPE)
    plain = fourier_slices(data).magnitude
    for other in (mapped, MeanOfMaps(data + 1, data - 1)):
        for made, exact in zip(fourier_slices(other).magnitude, plain, strict=True):
            np.testing.assert_allclose(made, exact, rtol=1e-3, atol=1e-3)


def test_only_the_requested_planes_are_made() -> None:
    slices = fourier_slices(volume(), planes=(1,))
    whole = fourier_slices(volume())
    assert slices.magnitude[0] is None
    assert slices.magnitude[2] is None
    np.testing.assert_array_equal(slices.magnitude[1], whole.magnitude[1])


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_holes_count_as_the_mean_and_are_told(hole: float) -> None:
    data, filled = volume(mean=50), volume(mean=50)
    data[5, :, :20] = hole
    filled[5, :, :20] = filled.mean()
    slices = fourier_slices(data)
    assert slices.warning is not None
    assert "1.3 % of the voxels are NaN or infinite" in slices.warning
    for made, exact in zip(slices.magnitude, fourier_slices(filled).magnitude, strict=True):
        assert exact is not None
        np.testing.assert_allclose(made, exact, rtol=0, atol=2e-2 * exact.max())
    assert np.count_nonzero(~np.isfinite(data)) == 30 * 20  # the input is left alone


def test_a_volume_of_holes_and_a_constant_one_are_dark() -> None:
    for data in (np.full(SHAPE, np.nan, np.float32), np.full(SHAPE, 7, np.float32)):
        for plane in fourier_slices(data).magnitude:
            np.testing.assert_array_equal(plane, 0)
    holes = fourier_slices(np.full(SHAPE, np.nan, np.float32))
    assert holes.warning == "100 % of the voxels are NaN or infinite and were counted as the mean."


def test_progress_is_told_and_cancelling_heeded() -> None:
    told: list[float] = []
    fourier_slices(volume(), progress=told.append)
    assert told == sorted(told)
    assert len(told) == 3
    assert told[-1] == 1.0
    with pytest.raises(InterruptedError, match="were cancelled"):
        fourier_slices(volume(), progress=told.append, cancelled=lambda: len(told) > 4)
    assert len(told) == 5


def test_little_memory_is_taken() -> None:
    data = volume((128, 160, 160))
    fourier_slices(data[:32])
    tracemalloc.start()
    try:
        fourier_slices(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < data.nbytes / 3


@pytest.mark.parametrize(
    ("data", "more", "words"),
    [
        (np.zeros((4, 4)), {}, "three axes"),
        (np.zeros((4, 0, 4)), {}, "three axes"),
        (np.zeros((4, 4, 4)), {"planes": (3,)}, "axes 0, 1 and 2"),
        (np.zeros((4, 4, 4)), {"offsets": (0, 3, 0)}, "beyond the Nyquist frequency"),
        (np.zeros((4, 4, 4)), {"offsets": (0, 0)}, "beyond the Nyquist frequency"),
    ],
)
def test_what_has_no_slices_is_refused(
    data: np.ndarray, more: dict[str, tuple[int, ...]], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        fourier_slices(data, **more)  # type: ignore[arg-type]
