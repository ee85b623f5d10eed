"""Sections through volumes, aligned in Å whatever their voxel size and shape."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.comparison.picture import PLANES, SECTIONS, Picture, levels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.comparison.comparison_config import Column, ComparisonConfig, Position
    from napari_cryorestore.comparison.picture import Image, Levels
    from napari_cryorestore.comparison.volume import ComparedVolume

_AXES = "zyx"


def section(volume: ComparedVolume, column: Column, cursor: Sequence[float], slab: int = 0) -> Picture:
    """Cut a section through a place.

    Parameters
    ----------
    volume : ComparedVolume
        Only the planes that are shown are read.
    column : {"XY", "XZ", "YZ"}
        Named across first: x or y to the right, y or z downwards.
    cursor : sequence of float
        z, y, x in Å.
    slab : int
        Planes averaged on either side; fewer at the borders.

    Returns
    -------
    Picture
        Without levels. Empty, with a sentence, where the volume does not reach; voxels that are not finite
        are NaN, with a sentence.
    """
    plane = PLANES[column]
    index = volume.index_along(plane.through, cursor[plane.through])
    shape = (volume.shape[plane.down], volume.shape[plane.across])
    if index is None:
        axis = _AXES[plane.through]
        image: Image = np.full(shape, np.nan, dtype=np.float32)
        warning: str | None = f"{volume.name} does not reach the crosshair along {axis}."
    else:
        image = _mean_plane(volume.data, plane.through, index, slab)
        warning = _holes(image, volume.name)
        image = image if warning is None else np.where(np.isfinite(image), image, np.float32(np.nan))
    (top, bottom), (left, right) = volume.extent[plane.down], volume.extent[plane.across]
    return Picture(
        image=image,
        extent=(left, right, top, bottom),
        crosshair=(cursor[plane.across], cursor[plane.down]),
        warning=warning,
    )


def section_row(
    volume: ComparedVolume,
    config: ComparisonConfig,
    *,
    cursor: Position,
    levels: Levels | None = None,
    plane: float | None = None,
) -> dict[Column, Picture]:
    """Cut the sections of a row.

    Parameters
    ----------
    volume : ComparedVolume
        The row's.
    config : ComparisonConfig
        Which columns, how thick the slab, which percentiles.
    cursor : Position
        z, y, x in Å.
    levels : (float, float), optional
        Black and white; from the percentiles of these sections if not given.
    plane : float, optional
        Å; what a plane of the slab is, so that slabs of volumes of different voxel size are as thick. The
        volume's own voxel if not given.

    Returns
    -------
    dict of Picture
        By column, with levels.
    """
    pictures = {}
    for column in (column for column in SECTIONS if column in config.columns):
        own = volume.voxel_size[PLANES[column].through]
        slab = config.slab if plane is None else round(config.slab * plane / own)
        pictures[column] = section(volume, column, cursor, slab)
    levels = levels or levels_of(pictures.values(), config.percentiles)
    return {column: replace(picture, levels=levels) for column, picture in pictures.items()}


def _mean_plane(data: Any, axis: int, index: int, slab: int) -> Image:
    low, high = max(0, index - slab), min(int(data.shape[axis]), index + slab + 1)
    before: tuple[Any, ...] = (slice(None),) * axis
    if high - low == 1:
        return _float32(data[(*before, index)])
    total: Image = np.zeros(np.delete(np.asarray(data.shape), axis), dtype=np.float32)
    for place in range(low, high):
        total += _float32(data[(*before, place)])
    total /= np.float32(high - low)
    return total


def _float32(values: Any) -> Image:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _holes(image: Image, name: str) -> str | None:
    """Tell how much is not finite."""
    missing = image.size - int(np.count_nonzero(np.isfinite(image)))
    if not missing:
        return None
    share = 100 * missing / image.size
    amount = "less than 1 %" if share < 1 else f"{share:.0f} %"
    return f"{amount} of this section of {name} is NaN or infinite and left blank."


__all__ = ["section", "section_row"]
