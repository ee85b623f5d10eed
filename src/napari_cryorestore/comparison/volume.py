"""A volume to compare: its voxels, and where they lie in the frame that all rows share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.comparison.config import Position

    Triple = tuple[int, int, int]

_TIE = 1e-6  # of a voxel: a position on an edge belongs to the voxel above, whatever rounding says
_LABEL_TYPES = ("int32", "int64", "uint32", "uint64", "bool")
_MOST_LOOKED_AT = 9


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

    def __post_init__(self) -> None:
        check_volume(self.data, self.name)
        if not all(math.isfinite(size) and size > 0 for size in self.voxel_size):
            raise ValueError(f"{self.name} has no voxel size: give it in Å.")
        if not all(math.isfinite(place) for place in self.corner):
            raise ValueError(f"{self.name} lies nowhere ({self.corner}): reset its position.")
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
    """Refuse what is no volume; NaN is let through, and painted as a hole.

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


def has_finite(data: Any) -> bool:
    """Tell whether a few planes (z) of a volume hold any finite voxel."""
    depth = int(data.shape[0])
    chosen = sorted({round(place) for place in np.linspace(0, depth - 1, min(depth, _MOST_LOOKED_AT))})
    return any(bool(np.isfinite(np.asarray(data[z])).any()) for z in chosen)


__all__ = ["ComparedVolume", "check_volume", "corner_of", "has_finite"]
