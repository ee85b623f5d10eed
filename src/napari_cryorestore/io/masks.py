"""Masks in files, and the one rule for all of them: inside is what lies above 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.io.volume_format import Volume
    from napari_cryorestore.no_data import NoData

_LOWEST_BYTE = -128


class Inside:
    """Whether voxels lie inside a mask, computed for the part that is sliced (z, y, x).

    Parameters
    ----------
    values : array-like, shape (z, y, x)
        Memory-mapped or not.
    outside : float
        The value above which a voxel lies inside.
    """

    def __init__(self, values: Any, *, outside: float = 0) -> None:
        self._values, self.outside = values, outside
        self.shape, self.ndim, self.size = tuple(values.shape), values.ndim, int(np.prod(values.shape))
        self.dtype = np.dtype(bool)

    def __getitem__(self, place: Any) -> NDArray[np.bool_]:
        return np.asarray(np.asarray(self._values[place]) > self.outside)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy  # it is always made anew
        return np.asarray(self[:], dtype=dtype)


def inside_of(volume: Volume, *, shape: Sequence[int]) -> tuple[Inside, tuple[Finding, ...]]:
    """Apply the rule to a mask that was read, looking at all of it.

    IMOD stores bytes less 128 where its header says so: in signed bytes that reach down to −128, that is 0.

    Parameters
    ----------
    volume : Volume
        The mask.
    shape : (int, int, int)
        Of the tomogram that it belongs to.

    Returns
    -------
    Inside, tuple of Finding
        The mask, and what was assumed of it.

    Raises
    ------
    ValueError
        If it has another shape, or nothing lies inside.
    """
    name, values = volume.path.name, volume.data
    if tuple(values.shape) != tuple(shape):
        raise ValueError(
            f"The mask {name} has the shape {values.shape}, but the tomogram {tuple(shape)} (z, y, x): "
            "choose the mask made for this tomogram."
        )
    low, high = _range(values)
    assumed: tuple[Finding, ...] = ()
    outside = 0
    if values.dtype == np.int8 and low == _LOWEST_BYTE:
        outside = _LOWEST_BYTE
        sentence = (
            f"The mask {name} holds signed bytes from −128 on, as IMOD stores 0: inside is what lies above."
        )
        assumed = (Finding("note", "mask", sentence),)
    if not high > outside:
        *bounds, least = (f"{value + 0:g}".replace("-", "−") for value in (low, high, outside))  # −0 is 0
        span = f"every voxel is {bounds[0]}" if low == high else f"its values go from {' to '.join(bounds)}"
        raise ValueError(
            f"The mask {name} is empty: {span}, but inside is what lies above {least}. "
            "Choose another mask, or none."
        )
    return Inside(values, outside=outside), assumed


def with_data(mask: Any, no_data: NoData | None) -> tuple[NDArray[np.bool_], float]:
    """Leave out of a mask what holds no data.

    Parameters
    ----------
    mask : array-like of bool, shape (z, y, x)
        For example `Inside`; read plane by plane.
    no_data : NoData or None
        Of a tomogram of that shape.

    Returns
    -------
    ndarray of bool, float
        What is left, and the share of the mask that this is; NaN of an empty one.
    """
    left = np.empty(tuple(mask.shape), dtype=bool)
    inside = 0
    for z in range(len(left)):
        left[z] = mask[z]
        inside += int(np.count_nonzero(left[z]))
        if no_data is not None:
            left[z] &= ~no_data[z]
    return left, float(np.count_nonzero(left)) / inside if inside else math.nan


def _range(values: NDArray[Any]) -> tuple[float, float]:
    """Return the smallest and largest value, plane by plane; what is not a number is left out."""
    low, high = np.inf, -np.inf
    for plane in values:
        low, high = (
            min(low, float(np.fmin.reduce(plane, None))),
            max(high, float(np.fmax.reduce(plane, None))),
        )
    return low, high


__all__ = ["Inside", "inside_of", "with_data"]
