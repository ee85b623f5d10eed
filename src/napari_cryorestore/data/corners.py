"""Where crops may lie: inside the tomogram, where its mask is, and never on the held-out block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Triple = tuple[int, int, int]


class Planes(Protocol):
    """An array of bool (z, y, x), or anything else whose planes can be taken one by one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (z, y, x) in voxels."""
        ...

    def __getitem__(self, z: int, /) -> NDArray[Any]:
        """Return one plane (y, x)."""
        ...


MOST_CORNERS = 4_000_000
"""Corners beyond this number are thinned out to a regular grid, which bounds the memory."""


@dataclass(frozen=True)
class Box:
    """A block of voxels (z, y, x): from `start` up to, not including, `stop`."""

    start: Triple
    stop: Triple

    def __post_init__(self) -> None:
        if any(stop <= start for start, stop in zip(self.start, self.stop, strict=True)):
            raise ValueError(
                f"A box must stop after it starts, but it goes from {self.start} to {self.stop}."
            )

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Box:
        """Return the box that a volume of that shape fills."""
        z, y, x = shape
        return cls((0, 0, 0), (z, y, x))

    @property
    def shape(self) -> Triple:
        """Its sizes in voxels."""
        z, y, x = (stop - start for start, stop in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """What to index a (z, y, x) array with."""
        z, y, x = (slice(start, stop) for start, stop in zip(self.start, self.stop, strict=True))
        return z, y, x

    def grown(self, margin: int, shape: Sequence[int]) -> Box:
        """Return the box with `margin` more voxels on every side, clipped to a volume of that shape."""
        z, y, x = (max(0, start - margin) for start in self.start)
        stops = (min(size, stop + margin) for size, stop in zip(shape, self.stop, strict=True))
        end_z, end_y, end_x = stops
        return Box((z, y, x), (end_z, end_y, end_x))


def valid_corners(
    shape: Sequence[int],
    crop: int | Triple,
    *,
    mask: NDArray[np.bool_] | None = None,
    min_fraction: float = 0.5,
    excluded: Box | None = None,
    most: int = MOST_CORNERS,
) -> NDArray[np.int32]:
    """List where crops may start.

    Parameters
    ----------
    shape : (int, int, int)
        Of the volume, in voxels.
    crop : int or (int, int, int)
        Sizes of the crops in voxels.
    mask : array of bool, shape (z, y, x), optional
        What is worth training on.
    min_fraction : float
        The share of a crop that must lie in the mask.
    excluded : Box, optional
        A block that no crop may touch.
    most : int
        How many corners to look at.

    Returns
    -------
    ndarray of int32, shape (n, 3)
        All of them, or those of a regular grid where there would be more than `most` to look at.

    Raises
    ------
    ValueError
        If the volume is thinner than a crop, the mask has another shape, or no corner is left.
    """
    sizes = triple(crop)
    _require_room(shape, sizes)
    starts = _candidates([length - size + 1 for length, size in zip(shape, sizes, strict=True)], most)
    allowed = np.ones([len(axis) for axis in starts], dtype=bool)
    if mask is not None:
        _require_shape(mask, shape)
        allowed = _masked_voxels(mask, starts, sizes) >= min_fraction * np.prod(sizes)
        if not allowed.any():
            raise ValueError(
                f"No crop of {sizes} voxels lies at least {min_fraction:.0%} inside the mask; "
                "use a smaller crop or a more generous mask."
            )
    if excluded is not None:
        allowed[np.ix_(*_touching(excluded, starts, sizes))] = False
        if not allowed.any():
            raise ValueError(
                f"No crop of {sizes} voxels fits beside the held-out block {excluded.start} to "
                f"{excluded.stop}; use a smaller crop, a smaller held-out block or none."
            )
    found = np.nonzero(allowed)
    return np.stack([axis[index] for axis, index in zip(starts, found, strict=True)], 1)


def no_room_to_turn(shape: Sequence[int], crop: int, cut: Callable[[int], int], *, title: str) -> str:
    """Return in a sentence that what is cut for a crop does not fit into a volume; empty if it does.

    Parameters
    ----------
    shape : (int, int, int)
        Of the volume, in voxels.
    crop : int
        Edge of a crop.
    cut : callable
        Returns the edge of what is cut for crops of an edge, see `Method.cut_size`.
    title : str
        The method that cuts it.
    """
    thinnest, needed = min(shape), cut(crop)
    if needed <= thinnest:
        return ""
    most = next((size for size in range(thinnest, 0, -1) if cut(size) <= thinnest), 0)
    axis = "zyx"[list(shape).index(thinnest)]
    return (
        f"The tomogram has {thinnest} voxels along {axis}, fewer than the {needed} that {title} cuts for "
        f"crops of {crop}, to have room to turn them: choose a crop of at most {most}."
    )


def keeping_off(
    corners: NDArray[np.int32], crop: int | Triple, planes: Planes, *, most: float
) -> NDArray[np.int32]:
    """Return the corners of those crops of which at most a share lies where they should not.

    Parameters
    ----------
    corners : ndarray of int32, shape (n, 3)
        As of `valid_corners`.
    crop : int or (int, int, int)
        Sizes of the crops in voxels.
    planes : array-like of bool, shape (z, y, x)
        What crops should keep off.
    most : float
        The share of a crop that may lie there, 0 to 1.

    Returns
    -------
    ndarray of int32, shape (m, 3)
        Perhaps none.
    """
    sizes = triple(crop)
    axes, places = zip(*(np.unique(axis, return_inverse=True) for axis in corners.T), strict=True)
    counts = _masked_voxels(planes, list(axes), sizes)[tuple(places)]
    kept: NDArray[np.int32] = corners[counts <= most * np.prod(sizes)]
    return kept


def triple(size: int | Triple) -> Triple:
    """Return three sizes (z, y, x); one number means a cube."""
    return (size, size, size) if isinstance(size, int) else size


def _require_room(shape: Sequence[int], sizes: Triple) -> None:
    for name, length, size in zip("zyx", shape, sizes, strict=True):
        if length < size:
            raise ValueError(
                f"The tomogram has {length} voxels along {name}, fewer than the crop's {size}; "
                f"use a crop of at most {min(shape)} voxels."
            )


def _require_shape(mask: NDArray[np.bool_], shape: Sequence[int]) -> None:
    if mask.shape != tuple(shape):
        raise ValueError(f"The mask must have the tomogram's shape {tuple(shape)}, but has {mask.shape}.")


def _candidates(counts: Sequence[int], most: int) -> list[NDArray[np.int32]]:
    stride = 1
    while np.prod([-(-count // stride) for count in counts], dtype=float) > most:
        stride += 1
    return [np.linspace(0, n - 1, -(-n // stride)).round().astype(np.int32) for n in counts]


def _masked_voxels(mask: Planes, starts: list[NDArray[np.int32]], sizes: Triple) -> NDArray[np.int64]:
    """Count the mask's voxels in each candidate crop: an integral image that runs along z, plane by plane."""
    first_z, first_y, first_x = starts
    counts = np.zeros([len(axis) for axis in starts], dtype=np.int64)
    running = np.zeros(counts.shape[1:], dtype=np.int64)
    for z in range(mask.shape[0] + 1):
        counts[first_z == z] -= running
        counts[first_z + sizes[0] == z] += running
        if z < mask.shape[0]:
            plane = np.asarray(mask[z]) != 0
            rows = _windows(plane, first_y, sizes[1])
            running += _windows(rows.T, first_x, sizes[2]).T
    return counts


def _windows(values: NDArray[Any], first: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """Sum windows of `size` along the first axis."""
    integral = np.zeros((values.shape[0] + 1, values.shape[1]), dtype=np.int32)
    np.cumsum(values, axis=0, out=integral[1:])
    return integral[first + size] - integral[first]


def _touching(box: Box, starts: list[NDArray[np.int32]], sizes: Triple) -> list[NDArray[np.intp]]:
    return [
        np.flatnonzero((axis < box.stop[i]) & (axis + sizes[i] > box.start[i]))
        for i, axis in enumerate(starts)
    ]


__all__ = [
    "MOST_CORNERS",
    "Box",
    "Planes",
    "Triple",
    "keeping_off",
    "no_room_to_turn",
    "triple",
    "valid_corners",
]
