"""A tomogram with its halves, mask, scale and tilt range: the only object that knows the files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_cryorestore.findings import Finding, gravest_first
from napari_cryorestore.io.halves import HalvesCheck, check_halves, require_equal_shapes
from napari_cryorestore.io.masks import Inside, inside_of
from napari_cryorestore.io.pairing import tomogram_name
from napari_cryorestore.io.sampling import require_finite, require_ordinary
from napari_cryorestore.io.stack_doubts import stack_doubts
from napari_cryorestore.io.tilts import TiltsBeside, tilts_beside
from napari_cryorestore.io.volume_format import ISOTROPY_TOLERANCE, Volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.no_data import find_no_data
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_cryorestore.no_data import NoData

__all__ = ["HalvesCheck", "Tomogram", "check_halves", "open_tomogram", "voxel_size_doubts"]


@dataclass(frozen=True)
class Tomogram:
    """A tomogram, memory-mapped.

    Attributes
    ----------
    even : ndarray
        Voxels (z, y, x) of the first half, or of the whole tomogram; read-only, type as on disk.
    odd : ndarray or None
        Voxels (z, y, x) of the second half.
    voxel_size : float
        Å.
    tilt_min, tilt_max : float or None
        Tilt range in degrees, None if unknown.
    tilt_axis : "y" or "x"
        The axis about which the specimen was tilted; y where nobody said, until `examine` looks.
    mask : Inside or None
        True (z, y, x) where training crops may be taken and the tomogram is restored.
    name : str
        What to call it.
    origin, start : tuple
        Origin in Å and index of the first voxel, along x, y, z, which an output takes over.
    findings : tuple of Finding
        What the user should know about the way its files were read.
    tilts : TiltsBeside or None
        What files beside it say about the tilt range; None where the range was given.
    axis_given : bool
        Whether somebody said what the tilt axis is.
    files : tuple of str
        The names of the files of its halves; empty if they are not files.
    """

    even: NDArray[Any]
    odd: NDArray[Any] | None
    voxel_size: float
    tilt_min: float | None
    tilt_max: float | None
    tilt_axis: Literal["y", "x"]
    mask: Inside | None
    name: str
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: tuple[int, int, int] = (0, 0, 0)
    findings: tuple[Finding, ...] = ()
    tilts: TiltsBeside | None = None
    axis_given: bool = True
    files: tuple[str, ...] = ()
    _looked: list[NoData | None] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def maps(self) -> tuple[NDArray[Any], ...]:
        """Its one map, or its halves."""
        return (self.even,) if self.odd is None else (self.even, self.odd)

    @property
    def recording(self) -> Recording:
        """Voxel size and tilts in force."""
        known = self.tilt_min is not None and self.tilt_max is not None
        return Recording(
            voxel_size=self.voxel_size or None,
            tilt_range=(self.tilt_min, self.tilt_max) if known else None,
            tilt_axis=self.tilt_axis,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size (z, y, x) in voxels."""
        depth, height, width = self.even.shape
        return (depth, height, width)

    def no_data(self, *, through: Callable[[NDArray[Any]], Any] = lambda half: half) -> NoData | None:
        """Find where it holds no data, reading it whole at the first call; see `find_no_data`.

        Parameters
        ----------
        through : callable
            Makes of each half what it is read through, for example something that can be cancelled.
        """
        if not self._looked:
            halves = [half for half in (self.even, self.odd) if half is not None]
            self._looked.append(find_no_data(*map(through, halves)))
        return self._looked[0]


def open_tomogram(
    even: Path | str,
    *,
    odd: Path | str | None = None,
    mask: Path | str | None = None,
    voxel_size: float | None = None,
    tilt_range: tuple[float, float] | None = None,
    tilt_axis: Literal["auto", "y", "x"] = "auto",
    name: str | None = None,
) -> Tomogram:
    """Open a tomogram without reading its voxels, apart from the middle plane; a mask is looked through.

    Parameters
    ----------
    even : Path or str
        First half, or the whole tomogram.
    odd : Path or str, optional
        Second half.
    mask : Path or str, optional
        Volume of the same size, above 0 where training crops may be taken and the tomogram is restored.
    voxel_size : float, optional
        Å; from the file if not given.
    tilt_range : tuple of float, optional
        Smallest and largest tilt in degrees; from a tilt file beside the tomogram if not given.
    tilt_axis : "auto", "y" or "x"
        The axis about which the specimen was tilted; "auto" leaves it to `examine`.
    name : str, optional
        What to call it; from the file name if not given.

    Returns
    -------
    Tomogram
        Everything that training and restoration need of it.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If a file cannot be opened.
    ValueError
        If a file is no readable volume, the volumes do not fit together, the voxel size is unknown or
        differs between the axes, or the tilt range is none.
    """
    first = _open_volume(even)
    second = None if odd is None else _open_partner(odd, first)
    inside, assumed = (None, ()) if mask is None else _open_mask(mask, first)
    volumes = [volume for volume in (first, second) if volume is not None]
    size, doubts = _voxel_size(first, given=voxel_size)
    beside = tilts_beside(first.path) if tilt_range is None else None
    tilts = beside.range if beside is not None else _checked_range(tilt_range)
    axis = _checked_axis(tilt_axis)
    return Tomogram(
        even=first.data,
        odd=None if second is None else second.data,
        voxel_size=size,
        tilt_min=None if tilts is None else tilts[0],
        tilt_max=None if tilts is None else tilts[1],
        tilt_axis=axis or "y",
        mask=inside,
        name=name or tomogram_name(first.path),
        origin=first.origin,
        start=first.start,
        findings=gravest_first(
            (*(finding for volume in volumes for finding in volume.findings), *assumed, *doubts)
            + stack_doubts(first, beside.file if beside is not None else None)
            + (beside.findings if beside is not None else ())
        ),
        tilts=beside,
        axis_given=axis is not None,
        files=tuple(volume.path.name for volume in volumes[: 1 if odd is None else 2]),
    )


def _open_volume(path: Path | str) -> Volume:
    volume = open_volume(path)
    if min(volume.data.shape) < 2:
        size = "×".join(str(length) for length in volume.data.shape)
        raise ValueError(
            f"{volume.path.name} is a single image ({size}), but a volume is needed: choose a tomogram."
        )
    middle = volume.data[volume.data.shape[0] // 2].astype("f4")
    require_finite(middle, name=volume.path.name)
    require_ordinary(middle, name=volume.path.name)
    return volume


def _open_partner(path: Path | str, first: Volume) -> Volume:
    if Path(path).exists() and Path(path).samefile(first.path):
        raise ValueError(
            f"{first.path.name} was given as both halves, but two different files are needed: "
            "choose the other half."
        )
    second = _open_volume(path)
    require_equal_shapes(first.data, second.data)
    for one, other in zip(first.voxel_sizes, second.voxel_sizes, strict=True):
        if one > 0 and other > 0 and abs(one - other) > ISOTROPY_TOLERANCE * one:
            raise ValueError(
                f"The halves differ in voxel size: {first.path.name} has {one:.4g} Å, {second.path.name} has "
                f"{other:.4g} Å; choose two halves of the same tomogram or repair the header."
            )
    return second


def _open_mask(path: Path | str, first: Volume) -> tuple[Inside, tuple[Finding, ...]]:
    mask = open_volume(path)
    inside, assumed = inside_of(mask, shape=first.data.shape)
    return inside, (*mask.findings, *assumed)


def _voxel_size(volume: Volume, *, given: float | None) -> tuple[float, tuple[Finding, ...]]:
    if given is not None:
        if not (math.isfinite(given) and given > 0):
            raise ValueError(f"The voxel size is {given}, but a positive number of Å is needed.")
        return given, ()
    if volume.voxel_size == 0:
        raise ValueError(f"{volume.path.name} has no voxel size in its header: give it in Å.")
    return volume.voxel_size, voxel_size_doubts(volume.voxel_size)


def voxel_size_doubts(size: float) -> tuple[Finding, ...]:
    """Return what is odd about a voxel size in Å that a header has: programs write 1 where they know none."""
    if size != 1.0:
        return ()
    sentence = "The voxel size in the header is exactly 1.00 Å: was it never set?"
    remedy = "If so, give the true one in Å (--voxel-size, or in the panel)."
    return (Finding("warning", "voxel size", sentence, remedy),)


def _checked_range(tilts: tuple[float, float] | None) -> tuple[float, float] | None:
    if tilts is None:
        return None
    low, high = tilts
    if not (-90 <= low <= 90 and -90 <= high <= 90):
        raise ValueError(
            f"The tilt range {low:g}° … {high:g}° goes beyond ±90°: give the smallest and largest tilt."
        )
    if low >= high:
        raise ValueError(f"The tilt range is reversed: {low:g}° … {high:g}°; give the smallest tilt first.")
    return low, high


def _checked_axis(axis: str) -> Literal["y", "x"] | None:
    """Return the axis; None where it is left open."""
    if axis == "auto":
        return None
    if axis == "y":
        return "y"
    if axis == "x":
        return "x"
    raise ValueError(f"The tilt axis is {axis!r}, but it must be 'y', 'x' or 'auto'.")
