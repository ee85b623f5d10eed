"""A volume to compare: its voxels, where they lie in the frame that all rows share, and parts of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.comparison.comparison_config import Position
    from napari_cryorestore.findings import Finding

    Triple = tuple[int, int, int]

_TIE = 1e-6  # of a voxel: a position on an edge belongs to the voxel above, whatever rounding says
_LABEL_TYPES = ("int32", "int64", "uint32", "uint64", "bool")
_SAME_VOXEL = 1e-3  # relative difference below which voxels count as equally large
_LEAST = 8  # voxels along each axis that make a comparison worth while


@dataclass(frozen=True, eq=False)
class ComparedVolume:
    """A volume in the shared frame, whose axes z, y, x are in Å.

    Volumes are aligned at their low edges: the outer corner of voxel (0, 0, 0) of a file lies at 0, and
    that of a layer at the layer's ``translate``. So a volume and its binned copy lie upon one another.

    Attributes
    ----------
    name : str
        What it is called.
    data : array-like, shape (z, y, x)
        Of any real type; anything that can be sliced, memory-mapped or not.
    voxel_size : tuple of float
        Å along z, y, x.
    corner : tuple of float
        Å; the centre of voxel (0, 0, 0). See `corner_of`.
    version : int
        Raised where the data change in place.
    halves : tuple of array-like, optional
        The two halves of which it was made, each of its shape.
    recording : Recording
        How its specimen was tilted, as far as it is known.
    raw : bool
        Whether it is as it was reconstructed, so that its spectrum shows how it was tilted.
    key : str
        What tells it from others, for caches; its name if not given.
    findings : tuple of Finding
        What there is to know of a result of another program: where it is from, and what was put right.

    Raises
    ------
    ValueError
        If it cannot be compared (see `check_volume`), or has no voxel size.
    """

    name: str
    data: Any
    voxel_size: Position
    corner: Position
    version: int = 0
    halves: tuple[Any, Any] | None = None
    recording: Recording = Recording()
    raw: bool = False
    key: str = ""
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        check_volume(self.data, self.name)
        if not all(math.isfinite(size) and size > 0 for size in self.voxel_size):
            raise ValueError(f"{self.name} has no voxel size: give it in Å.")
        if not all(math.isfinite(place) for place in self.corner):
            raise ValueError(f"{self.name} has no valid position ({self.corner}): reset it.")
        for half in self.halves or ():
            if tuple(half.shape) != self.shape:
                raise ValueError(f"A half of {self.name} has the shape {half.shape}, not {self.shape}.")
        object.__setattr__(self, "key", self.key or self.name)

    @property
    def shape(self) -> Triple:
        """Size (z, y, x) in voxels."""
        z, y, x = (int(size) for size in self.data.shape)
        return z, y, x

    @property
    def identity(self) -> tuple[str, int, Triple]:
        """What identifies its voxels, for results that are kept."""
        return self.key, self.version, self.shape

    @property
    def extent(self) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
        """Outer edges (low, high) in Å along z, y and x."""
        z, y, x = (
            (corner - size / 2, corner + (count - 0.5) * size)
            for corner, size, count in zip(self.corner, self.voxel_size, self.shape, strict=True)
        )
        return z, y, x

    def index_along(self, axis: int, position: float) -> int | None:
        """Return the voxel in which a position (Å) lies along one axis; ``None`` outside."""
        place = (position - self.corner[axis]) / self.voxel_size[axis] + 0.5 + _TIE
        index = math.floor(place)
        if index == self.shape[axis] and place - index <= 2 * _TIE:
            index -= 1  # the far edge itself
        return index if 0 <= index < self.shape[axis] else None

    def index_of(self, position: Sequence[float]) -> Triple | None:
        """Return the voxel (z, y, x) in which a position (Å) lies; ``None`` outside."""
        z, y, x = (self.index_along(axis, place) for axis, place in enumerate(position))
        return None if z is None or y is None or x is None else (z, y, x)

    def position_of(self, index: Sequence[float]) -> Position:
        """Return where the centre of a voxel (z, y, x) lies, in Å."""
        z, y, x = (c + i * v for c, i, v in zip(self.corner, index, self.voxel_size, strict=True))
        return z, y, x


def corner_of(voxel_size: Sequence[float], low_edge: Sequence[float] = (0.0, 0.0, 0.0)) -> Position:
    """Return the centre of voxel (0, 0, 0) of a volume whose low edges lie at a place.

    Parameters
    ----------
    voxel_size : sequence of float
        Å along z, y, x.
    low_edge : sequence of float
        Å; 0 for files, ``translate`` for layers.

    Returns
    -------
    tuple of float
        Å.
    """
    z, y, x = (edge + size / 2 for edge, size in zip(low_edge, voxel_size, strict=True))
    return z, y, x


def check_volume(data: Any, name: str) -> None:
    """Refuse what is not a volume; NaN is accepted, and painted as a hole.

    Parameters
    ----------
    data : array-like
        What was offered.
    name : str
        The subject of the sentence.

    Raises
    ------
    ValueError
        If it has not three axes, has an empty axis or a single slice, or holds colours, complex numbers
        or labels.
    """
    shape, kind = tuple(np.shape(data)), np.dtype(getattr(data, "dtype", np.float32))
    size = "×".join(str(length) for length in shape)
    if kind == np.uint8 and len(shape) > 2 and shape[-1] in (3, 4) and shape[-1] < min(shape[:-1]):
        raise ValueError(f"{name} holds colours ({size}), not densities: choose a grey volume.")
    if len(shape) != 3:
        raise ValueError(
            f"{name} has {len(shape)} axes ({size or 'a single number'}), but a volume has three (z, y, x): "
            "choose a volume, or one frame of a series."
        )
    if 0 in shape:
        raise ValueError(f"{name} is empty ({size}): choose a volume with voxels.")
    if 1 in shape:
        raise ValueError(f"{name} is a single image ({size}), but a volume is needed: choose a tomogram.")
    if kind.kind == "c":
        raise ValueError(f"{name} holds complex numbers, perhaps a spectrum: choose the volume itself.")
    if kind.name in _LABEL_TYPES or kind.kind not in "iuf":
        raise ValueError(
            f"{name} holds {kind.name} numbers, as labels and masks do: choose an image, "
            "or save it as float32 if it is one."
        )


def overlap(volume: ComparedVolume, other: ComparedVolume) -> tuple[ComparedVolume, ComparedVolume]:
    """Cut two volumes to the box that both hold, voxel upon voxel.

    Raises
    ------
    ValueError
        If their voxels differ in size, or they hardly overlap.
    """
    if not np.allclose(volume.voxel_size, other.voxel_size, rtol=_SAME_VOXEL):
        raise ValueError(
            f"{volume.name} has voxels of {volume.voxel_size[0]:g} Å and {other.name} of "
            f"{other.voxel_size[0]:g} Å, so they are not correlated: resample one of them."
        )
    shift = [
        round((theirs - ours) / size)
        for ours, theirs, size in zip(volume.corner, other.corner, volume.voxel_size, strict=True)
    ]
    start = [max(0, offset) for offset in shift]
    stop = [
        min(ours, offset + theirs)
        for ours, theirs, offset in zip(volume.shape, other.shape, shift, strict=True)
    ]
    if min(high - low for low, high in zip(start, stop, strict=True)) < _LEAST:
        raise ValueError(f"{volume.name} and {other.name} hardly overlap, so they are not correlated.")
    moved = [
        [place - offset for place, offset in zip(places, shift, strict=True)] for places in (start, stop)
    ]
    return part_between(volume, start, stop), part_between(other, *moved)


def block_around(volume: ComparedVolume, cursor: Position | None, edge: int) -> ComparedVolume:
    """Cut a volume to at most so many voxels along each axis around the crosshair, or around its middle."""
    index = None if cursor is None else volume.index_of(cursor)
    middle = index or tuple(size // 2 for size in volume.shape)
    sizes = [min(edge, size) for size in volume.shape]
    start = [
        min(max(0, place - size // 2), whole - size)
        for place, size, whole in zip(middle, sizes, volume.shape, strict=True)
    ]
    return part_between(volume, start, [first + size for first, size in zip(start, sizes, strict=True)])


def part_between(volume: ComparedVolume, start: Sequence[int], stop: Sequence[int]) -> ComparedVolume:
    """Return the part of a volume between two voxels (z, y, x), the second one excluded."""
    if tuple(start) == (0, 0, 0) and tuple(stop) == volume.shape:
        return volume
    place = tuple(slice(low, high) for low, high in zip(start, stop, strict=True))
    halves = None if volume.halves is None else (volume.halves[0][place], volume.halves[1][place])
    return replace(
        volume,
        data=volume.data[place],
        corner=volume.position_of(start),
        halves=halves,
        key=f"{volume.key}|{tuple(start)}|{tuple(stop)}",
    )


__all__ = ["ComparedVolume", "block_around", "check_volume", "corner_of", "overlap", "part_between"]
