"""Opens files as rows whose numbers are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.data.imaging import MeanOfHalves
from napari_cryorestore.io.halves import require_equal_shapes
from napari_cryorestore.io.mrc import read_volume
from napari_cryorestore.io.pairing import tomogram_name

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.io.mrc import MrcVolume


@dataclass(frozen=True)
class Recording:
    """What is known of how the volumes were recorded.

    Attributes
    ----------
    voxel_size : float, optional
        Å; from the file if not given.
    tilt_range : tuple of float, optional
        Degrees.
    tilt_axis : {"y", "x"}
    """

    voxel_size: float | None = None
    tilt_range: tuple[float, float] | None = None
    tilt_axis: Literal["y", "x"] = "y"


def volume_row(path: Path, known: Recording) -> ComparedVolume:
    """Open one file.

    Parameters
    ----------
    path : Path
    known : Recording

    Returns
    -------
    ComparedVolume
        Named as the file, without its ending.

    Raises
    ------
    ValueError, OSError
        If it is no readable volume.
    """
    volume = read_volume(path)
    return _row(path.stem, volume, None, known)


def halves_row(even: Path, odd: Path, known: Recording) -> ComparedVolume:
    """Open two halves as the row of their mean, as `volume_row` does one file."""
    first, second = read_volume(even), read_volume(odd)
    require_equal_shapes(first.data, second.data)
    return _row(tomogram_name(even), first, second, known)


def _row(name: str, first: MrcVolume, second: MrcVolume | None, known: Recording) -> ComparedVolume:
    sizes = first.voxel_sizes if known.voxel_size is None else (known.voxel_size,) * 3
    return ComparedVolume(
        name=name,
        data=first.data if second is None else MeanOfHalves(first.data, second.data),
        voxel_size=(sizes[0], sizes[1], sizes[2]),
        corner=corner_of(sizes),
        halves=None if second is None else (first.data, second.data),
        tilt_range=known.tilt_range,
        tilt_axis=known.tilt_axis,
        key=str(first.path),
    )


__all__ = ["Recording", "halves_row", "volume_row"]
