"""What a comparison's spectra need computed: Fourier slices, and the wedge that is found in the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_cryorestore.comparison.spectra import offset_indices
from napari_cryorestore.gui.compare.store import Job

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from napari_cryorestore.comparison.config import ComparisonConfig, FourierConfig
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.store import Store, Watch
    from napari_cryorestore.physics.fourier_slices import FourierSlices
    from napari_cryorestore.physics.wedge import Wedge
    from napari_cryorestore.physics.wedge_detection import DetectedWedge


@dataclass(frozen=True)
class Tilts:
    """A tilt range in degrees, with all that drawing needs of a `Wedge`, which would import PyTorch."""

    tilt_min: float
    tilt_max: float
    tilt_axis: Literal["y", "x"] = "y"

    def wedge(self) -> Wedge:
        """Return the measured region of Fourier space; imports PyTorch."""
        from napari_cryorestore.physics.wedge import Wedge

        return Wedge(self.tilt_min, self.tilt_max, self.tilt_axis)


def wanted_jobs(volumes: Iterable[ComparedVolume], config: ComparisonConfig) -> list[Job]:
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

    return Job(("slices", *_identity(volume), fourier.window, offsets), compute, size=_bytes)


def wedge_job(volume: ComparedVolume) -> Job:
    """Return the job of finding the missing wedge in a volume."""

    def compute(watch: Watch) -> DetectedWedge:
        from napari_cryorestore.physics.wedge_detection import detect_wedge

        return detect_wedge(volume.data)

    return Job(_wedge_key(volume), compute)


def found_wedge(store: Store, volume: ComparedVolume) -> DetectedWedge | None:
    """Return the wedge that was found in a volume, if it was looked for already."""
    found: DetectedWedge | None = store.get(_wedge_key(volume))
    return found


def tilts_of(
    volume: ComparedVolume, config: ComparisonConfig, found: DetectedWedge | None = None
) -> Tilts | None:
    """Return the tilts of a volume: the comparison's, or its own, about the axis that its spectrum shows."""
    if config.tilt_range is not None:
        return Tilts(*config.tilt_range, config.tilt_axis)
    if volume.recording.tilt_range is None:
        return None
    seen = found.wedge.tilt_axis if found is not None and found.reliable and volume.raw else None
    return Tilts(*volume.recording.tilt_range, seen or volume.recording.axis)


def _wedge_key(volume: ComparedVolume) -> Hashable:
    return "wedge", *_identity(volume)


def _identity(volume: ComparedVolume) -> tuple[Any, ...]:
    return volume.key, volume.version, volume.shape


def _bytes(slices: FourierSlices) -> int:
    return sum(magnitude.nbytes for magnitude in slices.magnitude if magnitude is not None)


__all__ = ["Tilts", "found_wedge", "slices_job", "tilts_of", "wanted_jobs", "wedge_job"]
