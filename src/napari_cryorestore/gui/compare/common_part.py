"""Parts of volumes: the one that two of them share, and the one around the crosshair; free of Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.comparison.config import Position
    from napari_cryorestore.comparison.volume import ComparedVolume

_SAME_VOXEL = 1e-3  # relative difference below which voxels count as equally large
_LEAST = 8  # voxels along each axis that make a comparison worth while


def common_part(volume: ComparedVolume, other: ComparedVolume) -> tuple[ComparedVolume, ComparedVolume]:
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
    return cut(volume, start, stop), cut(other, *moved)


def block_around(volume: ComparedVolume, cursor: Position | None, edge: int) -> ComparedVolume:
    """Cut a volume to at most so many voxels along each axis around the crosshair, or around its middle."""
    index = None if cursor is None else volume.index_of(cursor)
    middle = index or tuple(size // 2 for size in volume.shape)
    sizes = [min(edge, size) for size in volume.shape]
    start = [
        min(max(0, place - size // 2), whole - size)
        for place, size, whole in zip(middle, sizes, volume.shape, strict=True)
    ]
    return cut(volume, start, [first + size for first, size in zip(start, sizes, strict=True)])


def cut(volume: ComparedVolume, start: Sequence[int], stop: Sequence[int]) -> ComparedVolume:
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


__all__ = ["block_around", "common_part", "cut"]
