"""Fourier slices of volumes: the jobs that compute them, the tilts that show in them, and their pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.comparison.picture import PLANES, SPECTRA, Picture
from napari_cryorestore.comparison.result_cache import Job
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from napari_cryorestore.comparison.comparison_config import (
        Column,
        ComparisonConfig,
        FourierConfig,
        Position,
    )
    from napari_cryorestore.comparison.picture import Image
    from napari_cryorestore.comparison.result_cache import ResultCache, Watch
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.physics.fourier_slices import FourierSlices
    from napari_cryorestore.physics.wedge_detection import DetectedWedge

_BRIGHTEST = 99.8  # percent of a row's pixels; the few above are white


def spectrum_jobs(volumes: Iterable[ComparedVolume], config: ComparisonConfig) -> list[Job]:
    """Return what the Fourier slices of some volumes take: all slices first, then the wedges of raw ones."""
    volumes = list(volumes)
    jobs = [slices_job(volume, config.fourier) for volume in volumes]
    raw = [volume for volume in volumes if volume.raw and config.fourier.wedge]
    return jobs + [wedge_job(volume) for volume in raw]


def slices_job(volume: ComparedVolume, fourier: FourierConfig) -> Job:
    """Return the job of computing a volume's Fourier slices."""
    offsets = offset_indices(volume, fourier)

    def compute(watch: Watch) -> FourierSlices:
        from napari_cryorestore.physics.fourier_slices import fourier_slices

        return fourier_slices(
            volume.data,
            window=fourier.window,
            offsets=offsets,
            progress=watch.progress,
            cancelled=watch.cancelled,
        )

    return Job(("slices", *volume.identity, fourier.window, offsets), compute, size=_bytes)


def wedge_job(volume: ComparedVolume) -> Job:
    """Return the job of finding the missing wedge in a volume."""

    def compute(watch: Watch) -> DetectedWedge:
        from napari_cryorestore.physics.wedge_detection import detect_wedge

        return detect_wedge(volume.data)

    return Job(_wedge_key(volume), compute)


def found_tilts(cache: ResultCache, volume: ComparedVolume) -> Recording | None:
    """Return the tilts that a volume's spectrum shows, if it was looked at already and they are clear."""
    return clear_tilts(cache.get(_wedge_key(volume)))


def clear_tilts(found: DetectedWedge | None) -> Recording | None:
    """Return the tilts that were found in a spectrum, if they can be believed."""
    if found is None or not found.reliable:
        return None
    wedge = found.wedge
    return Recording(tilt_range=(wedge.tilt_min, wedge.tilt_max), tilt_axis=wedge.tilt_axis)


def tilts_of(
    volume: ComparedVolume, config: ComparisonConfig, found: Recording | None = None
) -> Recording | None:
    """Return the tilts of a volume: the comparison's, or its own, about the axis that its spectrum shows."""
    if config.tilt_range is not None:
        return Recording(tilt_range=config.tilt_range, tilt_axis=config.tilt_axis)
    if volume.recording.tilt_range is None:
        return None
    axis = found.axis if found is not None and volume.raw else volume.recording.axis
    return Recording(tilt_range=volume.recording.tilt_range, tilt_axis=axis)


def _wedge_key(volume: ComparedVolume) -> Hashable:
    return "wedge", *volume.identity


def _bytes(slices: FourierSlices) -> int:
    return sum(magnitude.nbytes for magnitude in slices.magnitude if magnitude is not None)


def offset_indices(volume: ComparedVolume, fourier: FourierConfig) -> tuple[int, int, int]:
    """Return which slices of a volume lie nearest to the requested frequencies.

    Returns
    -------
    tuple of int
        What `fourier_slices` takes: indices of kz, ky and kx, at most those of the Nyquist frequency.
    """
    z, y, x = (
        int(np.clip(round(k * size * voxel), -(size // 2), (size - 1) // 2))
        for k, size, voxel in zip(fourier.offset, volume.shape, volume.voxel_size, strict=True)
    )
    return z, y, x


def spectrum_row(
    slices: FourierSlices, config: ComparisonConfig, *, voxel_size: Position
) -> dict[Column, Picture]:
    """Make the pictures of a row's Fourier slices.

    They are log10 of the magnitudes, and black lies `decades` below the row's 99.8th percentile; with a flat
    field, every magnitude is divided by the mean at its distance from the centre, and black lies half as
    deep.

    Parameters
    ----------
    slices : FourierSlices
        Of the row's volume.
    config : ComparisonConfig
        Which columns, how many decades, flat or not.
    voxel_size : Position
        Å along z, y, x.

    Returns
    -------
    dict of Picture
        By column, with levels in log10 units.
    """
    shown = [c for c in SPECTRA if c in config.columns and slices.magnitude[PLANES[c].through] is not None]
    radii = {column: _radius(slices, column, voxel_size) for column in shown}
    images = {column: _magnitude(slices, column) for column in shown}
    if config.fourier.flat_field:
        _flatten(images, radii)
    levels = _log_levels(images, config.fourier)
    floor = np.float32(10.0 ** (levels[0] - 1))
    return {
        column: Picture(
            image=np.log10(np.maximum(image, floor)),
            extent=_extent(slices, column, voxel_size),
            levels=levels,
            crosshair=(0.0, 0.0),
            warning=slices.warning,
        )
        for column, image in images.items()
    }


def _magnitude(slices: FourierSlices, column: Column) -> Image:
    image = slices.magnitude[PLANES[column].through]
    assert image is not None
    return image


def _log_levels(images: dict[Column, Image], fourier: FourierConfig) -> tuple[float, float]:
    values = np.concatenate([np.zeros(0, np.float32), *(image.ravel() for image in images.values())])
    brightest = float(np.percentile(values, _BRIGHTEST)) if values.size else 0.0
    high = float(np.log10(brightest or 1.0))
    return high - fourier.decades / (2 if fourier.flat_field else 1), high


def _frequencies(slices: FourierSlices, axis: int, voxel_size: Position) -> np.ndarray:
    size = slices.shape[axis]
    return (np.arange(size) - size // 2) / (size * voxel_size[axis])


def _radius(slices: FourierSlices, column: Column, voxel_size: Position) -> np.ndarray:
    """Return the distance of every pixel from the origin of Fourier space, in 1/Å."""
    plane = PLANES[column]
    down = _frequencies(slices, plane.down, voxel_size)[:, None]
    across = _frequencies(slices, plane.across, voxel_size)
    off = slices.offsets[plane.through] / (slices.shape[plane.through] * voxel_size[plane.through])
    radius: np.ndarray = np.sqrt(down**2 + across**2 + off**2)
    return radius


def _flatten(images: dict[Column, Image], radii: dict[Column, np.ndarray]) -> None:
    """Divide by the mean of all pixels, of whatever column, at the same distance."""
    if not images:
        return
    highest = max(float(radius.max()) for radius in radii.values())
    shells = max(max(image.shape) for image in images.values()) // 2
    index = {
        column: np.rint(radius * (shells / highest)).astype(np.intp).ravel()
        for column, radius in radii.items()
    }
    counts, sums = np.zeros(shells + 1), np.zeros(shells + 1)
    for column, image in images.items():
        counts += np.bincount(index[column], minlength=shells + 1)
        sums += np.bincount(index[column], weights=image.ravel(), minlength=shells + 1)
    mean = sums / np.maximum(counts, 1)
    mean[mean <= 0] = 1.0
    for column, image in images.items():
        images[column] = (image / mean[index[column]].reshape(image.shape)).astype(np.float32)


def _extent(slices: FourierSlices, column: Column, voxel_size: Position) -> tuple[float, float, float, float]:
    plane = PLANES[column]
    (left, right), (top, bottom) = (_edges(slices, axis, voxel_size) for axis in (plane.across, plane.down))
    return left, right, top, bottom


def _edges(slices: FourierSlices, axis: int, voxel_size: Position) -> tuple[float, float]:
    size = slices.shape[axis]
    step = 1 / (size * voxel_size[axis])
    return (-(size // 2) - 0.5) * step, (size - size // 2 - 0.5) * step


__all__ = [
    "clear_tilts",
    "found_tilts",
    "offset_indices",
    "slices_job",
    "spectrum_jobs",
    "spectrum_row",
    "tilts_of",
    "wedge_job",
]
