"""From an opened tomogram to what methods may know of how it was recorded, and to maps in common units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.io.halves import UNEQUAL
from napari_cryorestore.physics.normalize import Standardisation, measure, skewness
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener_filter import RadialFilter, half_map_wiener
from napari_cryorestore.runs.trained_on import TrainedOn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.data.crops import Groups
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.no_data import NoData


def wedge_of(tomogram: Tomogram) -> Wedge | None:
    """Return the measured region of Fourier space; ``None`` where the tilt range is unknown."""
    return Wedge.of(tomogram.recording)


def required_wedge(tomogram: Tomogram, *, method: str) -> Wedge:
    """Return the measured region of Fourier space for a method that cannot do without.

    Raises
    ------
    ValueError
        If the tilt range is unknown.
    """
    wedge = wedge_of(tomogram)
    if wedge is None:
        raise ValueError(
            f"{method} needs the tilt range of {tomogram.name}: give the lowest and highest tilt angle in "
            "degrees, or put a file of tilt angles beside the tomogram (.aln, .tlt, .rawtlt, "
            "_TLT.txt; the .xml of Warp and the .star of RELION are found too)."
        )
    return wedge


def plain_imaging(tomogram: Tomogram, *, wiener: RadialFilter | None = None) -> Imaging:
    """Return wedge and voxel size, with a Wiener filter that is known already or none."""
    return Imaging(wedge=wedge_of(tomogram), wiener=wiener, voxel_size=tomogram.voxel_size)


def filtered_imaging(tomogram: Tomogram) -> Imaging:
    """Return wedge, voxel size and the Wiener filter that the tomogram's two halves call for.

    Of more than two maps, the means of every second one are taken for halves.

    Raises
    ------
    ValueError
        If there is only one map.
    """
    maps = tomogram.maps
    if len(maps) < 2:
        raise ValueError(
            f"the Wiener filter of {tomogram.name} needs both half maps: give the other half (--odd)"
        )
    halves = [mean_of_group(maps, group) for group in halves_of(len(maps))]
    wiener = half_map_wiener(*halves, wedge=wedge_of(tomogram), no_data=tomogram.no_data())
    return plain_imaging(tomogram, wiener=wiener)


class MeanOfMaps:
    """The mean of several maps, computed for the part that is sliced, like an array (z, y, x)."""

    def __init__(self, *maps: Any) -> None:
        self._maps = maps
        self.shape, self.ndim, self.size = maps[0].shape, maps[0].ndim, maps[0].size
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, place: Any) -> NDArray[np.float32]:
        parts = [np.asarray(one[place], dtype=np.float32) for one in self._maps]
        total: NDArray[np.float32] = sum(parts[1:], start=parts[0])
        return total / np.float32(len(parts))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy  # it is always made anew
        return np.asarray(self[...], dtype=dtype)


def mean_of_group(maps: Sequence[Any], group: Sequence[int]) -> Any:
    """Return the mean of some maps (z, y, x), by their numbers; of one, itself."""
    return maps[group[0]] if len(group) == 1 else MeanOfMaps(*(maps[index] for index in group))


def halves_of(maps: int) -> Groups:
    """Return groups of a tomogram's maps, by number, that make its halves; of one map, itself."""
    if maps <= 2:
        return tuple((index,) for index in range(maps))
    return tuple(range(0, maps, 2)), tuple(range(1, maps, 2))


class StandardisedView:
    """A map in units of its standard deviation about its mean, computed for the part that is sliced."""

    def __init__(self, half: NDArray[Any], scale: Standardisation) -> None:
        self._half, self._scale = half, scale
        self.shape = half.shape

    def __getitem__(self, place: Any) -> NDArray[np.float32]:
        return self._scale.apply(np.asarray(self._half[place], dtype=np.float32))


def scales_of(maps: Sequence[Any], *, no_data: NoData | None = None) -> list[Standardisation]:
    """Measure the maps of a tomogram: each has its own mean, and all have one spread.

    So the signal is as strong in every map, and what differs is noise: of parts with unequal dose, the faint
    ones stay the noisy ones. A constant added to one map does no harm. Maps whose spreads differ by more than
    a factor of two, as in files of different units, have each its own; `check_halves` tells of it.

    Parameters
    ----------
    maps : sequence of array-like, shape (z, y, x)
        Memory-mapped, or anything else that can be sliced.
    no_data : NoData, optional
        What does not count.

    Raises
    ------
    ValueError
        If a map is constant or not finite.
    """
    mask = None if no_data is None else no_data.usable
    measured = [measure(one, mask=mask) for one in maps]
    spreads = [scale.std for scale in measured]
    if max(spreads) > UNEQUAL * min(spreads):
        return measured
    common = math.sqrt(sum(spread**2 for spread in spreads) / len(spreads))
    return [Standardisation(scale.mean, common) for scale in measured]


class GroupedMap(NamedTuple):
    """A map, or a mean of several, that is learned from or restored by itself; see `grouped_maps`."""

    raw: Any
    filled: Any
    scale: Standardisation


def grouped_maps(
    maps: Sequence[Any], no_data: NoData | None, *, learned: Groups, taken: Groups
) -> list[GroupedMap]:
    """Return means of some of a tomogram's maps, in the units in which it is learned from.

    Parameters
    ----------
    maps : sequence of array-like, shape (z, y, x)
        All maps of the tomogram.
    no_data : NoData or None
        Where they hold none: `filled` has local means there.
    learned : tuple of tuple of int
        Which maps' means are learned from, see `Method.to_learn_from`: of these the units are.
    taken : tuple of tuple of int
        Which maps' means are returned: the same, or those of `Method.to_restore`.
    """
    filled = maps if no_data is None else [no_data.filled(one, index) for index, one in enumerate(maps)]
    scales = scales_of([mean_of_group(maps, group) for group in learned], no_data=no_data)
    found = []
    for group in taken:
        inside = [scale for scale, one in zip(scales, learned, strict=True) if set(one) <= set(group)]
        mean = sum(scale.mean for scale in inside) / len(inside)
        spread = sum(scale.std for scale in inside) / len(inside)
        raw, whole = (mean_of_group(volumes, group) for volumes in (maps, filled))
        found.append(GroupedMap(raw, whole, Standardisation(mean, spread)))
    return found


def standardised(volume: NDArray[np.generic], scale: Standardisation, *, dtype: torch.dtype) -> Tensor:
    """Return the volume (z, y, x) as a tensor in units of its s.d. about its mean, made slab by slab."""
    result = torch.empty(volume.shape, dtype=dtype)
    for start in range(0, volume.shape[0], 16):
        slab = np.asarray(volume[start : start + 16], dtype=np.float32)
        result[start : start + 16] = torch.from_numpy(scale.apply(slab))
    return result


def recorded(tomogram: Tomogram) -> TrainedOn:
    """Return how a tomogram was recorded, its number of maps, and whether its density is dark or bright."""
    return TrainedOn(
        tomogram.recording, skewness(tomogram.in_files.maps), len(tomogram.maps), tomogram.binning
    )


__all__ = [
    "GroupedMap",
    "MeanOfMaps",
    "StandardisedView",
    "filtered_imaging",
    "grouped_maps",
    "halves_of",
    "mean_of_group",
    "plain_imaging",
    "recorded",
    "required_wedge",
    "scales_of",
    "standardised",
    "wedge_of",
]
