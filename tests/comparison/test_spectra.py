"""Fourier slices: brightness, frequencies, the flat field, and about which axis wedges are drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_cryorestore.comparison.comparison_config import ComparisonConfig, FourierConfig
from napari_cryorestore.comparison.picture import SPECTRA
from napari_cryorestore.comparison.spectra import (
    clear_tilts,
    offset_indices,
    spectrum_jobs,
    spectrum_row,
    tilts_of,
)
from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.physics.fourier_slices import fourier_slices
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wedge_detection import DetectedWedge
from napari_cryorestore.recording import Recording

SIZES = (10.0, 20.0, 25.0)
VOLUME = ComparedVolume(
    "a", np.zeros((8, 8, 8)), (10.0,) * 3, corner_of((10.0,) * 3), recording=Recording(tilt_range=(-60, 60))
)
SEEN = DetectedWedge(Wedge(-61, 59, "x"), 0.9, reliable=True)


def row(volume: Any, **fourier: Any) -> Any:
    settings = FourierConfig(**fourier)
    slices = fourier_slices(volume.data, offsets=offset_indices(volume, settings))
    return spectrum_row(slices, ComparisonConfig(fourier=settings), voxel_size=volume.voxel_size)


def test_pictures_are_logarithms_with_black_some_decades_below(make_volume: Any) -> None:
    volume = make_volume(voxel=SIZES)
    pictures = row(volume, decades=2)
    slices = fourier_slices(volume.data)
    magnitudes = [slices.magnitude[axis] for axis in range(3)]
    brightest = np.log10(np.percentile(np.concatenate([m.ravel() for m in magnitudes]), 99.8))  # type: ignore[union-attr]
    for column, magnitude in zip(SPECTRA, magnitudes, strict=True):
        assert pictures[column].levels == pytest.approx((brightest - 2, brightest), abs=1e-5)
        floor = pictures[column].levels[0] - 1
        expected = np.maximum(np.log10(magnitude), floor)  # type: ignore[arg-type]
        np.testing.assert_allclose(pictures[column].image, expected, atol=1e-4)
        assert pictures[column].crosshair == (0, 0)


def test_extents_put_every_frequency_where_it_belongs(make_volume: Any) -> None:
    """A wave of 4, 5 and 11 periods along z, y and x is bright at those frequencies in 1/Å."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in (20, 31, 44)), indexing="ij")
    wave = np.cos(2 * np.pi * (y * 5 / 31 + x * 11 / 44)) + np.cos(2 * np.pi * (z * 4 / 20 + x * 11 / 44))
    volume = make_volume(data=wave.astype(np.float32), voxel=SIZES)
    frequencies = {"|F|xy": (11 / 44 / 25, 5 / 31 / 20), "|F|xz": (11 / 44 / 25, 4 / 20 / 10)}
    for column, (across, down) in frequencies.items():
        picture = row(volume)[column]
        left, right, top, bottom = picture.extent
        rows, columns = picture.image.shape
        found = np.unravel_index(picture.image.argmax(), picture.image.shape)
        place = (
            left + (found[1] + 0.5) * (right - left) / columns,
            top + (found[0] + 0.5) * (bottom - top) / rows,
        )
        np.testing.assert_allclose(np.abs(place), (across, down), rtol=1e-6)


def test_zero_frequency_is_the_middle_of_its_pixel(make_volume: Any) -> None:
    for shape in ((20, 30, 44), (21, 31, 45)):
        left, right, top, bottom = row(make_volume(shape, SIZES))["|F|xy"].extent
        assert -left / (right - left) * shape[2] == pytest.approx(shape[2] // 2 + 0.5)
        assert -top / (bottom - top) * shape[1] == pytest.approx(shape[1] // 2 + 0.5)


def test_a_flat_field_makes_every_frequency_as_bright(make_volume: Any) -> None:
    shape = (48, 48, 48)
    frequencies = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    falling = np.exp(-60 * sum(k**2 for k in frequencies))
    wedge = np.abs(frequencies[0]) <= 1.5 * np.abs(frequencies[2])
    noise = np.fft.fftn(np.random.default_rng(0).normal(size=shape)) * falling * wedge
    volume = make_volume(data=np.fft.ifftn(noise).real.astype(np.float32))
    plain, flat = row(volume)["|F|xz"], row(volume, flat_field=True)["|F|xz"]
    inside = (slice(24, 25), [28, 42])
    assert plain.image[inside][0, 0] - plain.image[inside][0, 1] > 1
    measured = [np.median(flat.image[20:29, 24 + k - 2 : 24 + k + 2]) for k in (6, 12, 18)]
    assert np.ptp(measured) < 0.25
    missing = np.median(flat.image[24 + 14 : 24 + 20, 22:27])
    assert missing < min(measured) - 0.8
    assert flat.levels[1] - flat.levels[0] == pytest.approx(1.5)


def test_offsets_are_the_nearest_planes_within_reach(make_volume: Any) -> None:
    volume = make_volume((20, 30, 44), SIZES)
    assert offset_indices(volume, FourierConfig(offset=(0.01, -0.005, 0))) == (2, -3, 0)
    assert offset_indices(volume, FourierConfig(offset=(9, -9, 0.0001))) == (9, -15, 0)
    fourier_slices(volume.data, offsets=offset_indices(volume, FourierConfig(offset=(9, -9, 9))))


def test_dark_volumes_and_holes_have_pictures(make_volume: Any) -> None:
    for value in (0.0, np.nan):
        volume = make_volume(data=np.full((8, 9, 10), value, np.float32))
        for settings in ({}, {"flat_field": True}):
            pictures = row(volume, **settings)
            assert all(np.isfinite(picture.image).all() for picture in pictures.values())
            assert (pictures["|F|xy"].warning is not None) == bool(np.isnan(value))


def test_only_the_columns_wanted_are_made(make_volume: Any) -> None:
    volume = make_volume()
    slices = fourier_slices(volume.data, planes=(1,))
    assert set(spectrum_row(slices, ComparisonConfig(), voxel_size=SIZES)) == {"|F|xz"}
    assert spectrum_row(slices, ComparisonConfig(columns=("XY",)), voxel_size=SIZES) == {}


def wedges(volumes: Any, config: ComparisonConfig) -> list[Any]:
    return [job.key[1] for job in spectrum_jobs(volumes, config) if job.key[0] == "wedge"]


def test_no_wedge_is_looked_for_in_a_restored_row() -> None:
    rows = [replace(VOLUME, key="restored"), replace(VOLUME, key="raw", raw=True)]
    config = ComparisonConfig()
    assert wedges(rows, config) == ["raw"]
    without = config.model_copy(update={"fourier": config.fourier.model_copy(update={"wedge": False})})
    assert wedges(rows, without) == []


def test_a_known_range_is_drawn_about_the_axis_of_a_raw_spectrum() -> None:
    config = ComparisonConfig()
    raw = replace(VOLUME, raw=True)
    assert tilts_of(raw, config, clear_tilts(SEEN)) == Recording(tilt_range=(-60, 60), tilt_axis="x")
    assert tilts_of(raw, config, clear_tilts(replace(SEEN, reliable=False))) == Recording(
        tilt_range=(-60, 60), tilt_axis="y"
    )
    assert tilts_of(VOLUME, config, clear_tilts(SEEN)) == Recording(tilt_range=(-60, 60), tilt_axis="y")
    assert tilts_of(replace(VOLUME, recording=Recording()), config, clear_tilts(SEEN)) is None
    typed = config.model_copy(update={"tilt_range": (-50, 40)})
    assert tilts_of(raw, typed, clear_tilts(SEEN)) == Recording(tilt_range=(-50, 40), tilt_axis="y")
