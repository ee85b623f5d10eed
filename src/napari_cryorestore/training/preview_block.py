"""Where the preview block lies, and how large crops may be so that some fit beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.data.crops import Box
from napari_cryorestore.data.network_input import PADDING
from napari_cryorestore.data.structure import most_structured_box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_cryorestore.data.corners import Triple
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.networks import Sizes
    from napari_cryorestore.run_config import SnapshotsConfig

HELD_OUT_SHARE = 0.15
"""Share of a small tomogram that is held out."""
LONGEST_PREVIEW = 96
"""Longest edge of the preview block of a large tomogram, in voxels."""
SMALLEST_CROP, SMALLEST_BLOCK = 16, 8
"""Edges of the smallest training crop and preview block, in voxels, with networks that take them."""
USUAL_CROP = 64
"""Edge of a training crop where there is room, in voxels."""


def preview_box(
    tomogram: Tomogram, snapshots: SnapshotsConfig, *, room: int = 0, least: int = SMALLEST_BLOCK
) -> Box:
    """Return the block that previews show: placed by hand, or where most structure is.

    Parameters
    ----------
    tomogram : Tomogram
        The one previewed.
    snapshots : SnapshotsConfig
        Position and size, where they are given.
    room : int
        Voxels to leave between the block and one of the tomogram's faces. A block that was not placed by hand
        moves aside for them, as far as that helps.
    least : int
        Edge of the smallest block that the network takes; one whose size is given is as it is.

    Raises
    ------
    ValueError
        If the position lies outside the tomogram.
    """
    shape = tomogram.shape
    target = snapshots.size or preview_size(shape, least=least)
    size = [min(length, there) for length, there in zip(target, shape, strict=True)]
    if snapshots.position is None:
        no_data = tomogram.no_data()
        if no_data is None:
            return moved_aside(most_structured_box(tomogram.even, size), Box.whole(shape), room=room)
        box = most_structured_box(no_data.filled(tomogram.even, 0), size, no_data=no_data)
        aside = moved_aside(box, data_bounds(tomogram), room=room)
        more = [no_data.forbidden[place.slices].sum() for place in (box, aside)]
        return aside if more[1] <= more[0] else box
    for axis, (at, there) in enumerate(zip(snapshots.position, shape, strict=True)):
        if not 0 <= at < there:
            raise ValueError(
                f"The preview position {snapshots.position} lies outside the tomogram of "
                f"{shape} voxels along {'zyx'[axis]}: choose one inside."
            )
    place = zip(snapshots.position, size, shape, strict=True)
    return _box([int(np.clip(at - n // 2, 0, there - n)) for at, n, there in place], size)


def preview_size(shape: Sequence[int], *, least: int = SMALLEST_BLOCK) -> Triple:
    """Return a block of full thickness that takes about 15 % of a small tomogram, less of a large one."""
    z, y, x = shape
    edge = (HELD_OUT_SHARE * y * x) ** 0.5
    across, along = (min(n, max(least, int(min(edge, LONGEST_PREVIEW) // 8 * 8))) for n in (y, x))
    return min(z, max(least, LONGEST_PREVIEW)), across, along


def data_bounds(tomogram: Tomogram) -> Box:
    """Return the smallest box that holds all data of a tomogram, which is all of it as a rule."""
    no_data = tomogram.no_data()
    if no_data is None:
        return Box.whole(tomogram.shape)
    z, y, x = no_data.data_bounds
    return Box((z.start, y.start, x.start), (z.stop, y.stop, x.stop))


def moved_aside(box: Box, within: Box, *, room: int) -> Box:
    """Return the box, moved to the nearer face along the longest free axis if it leaves too little room."""
    if _most_room(box, within) >= room:
        return box
    size = box.shape
    axis = int(np.argmax([there - n for there, n in zip(within.shape, size, strict=True)]))
    start, (first, last) = list(box.start), (within.start[axis], within.stop[axis])
    start[axis] = first if start[axis] - first < last - box.stop[axis] else max(first, last - size[axis])
    return _box(start, size)


def leaves_room(box: Box, within: Box, room: int) -> bool:
    """Tell whether there are so many voxels between the box and one of the faces of what is around it."""
    return _most_room(box, within) >= room


def least_crop(sizes: Sizes) -> int:
    """Return the edge of the smallest training crop of a network."""
    return max(SMALLEST_CROP, sizes.minimum)


def fitting_crop(
    within: Box, box: Box | None, sizes: Sizes, *, cut: Callable[[int], int] = lambda crop: crop
) -> int:
    """Return the largest crop, up to the usual one, that fits into the data beside the held-out block.

    What is cut for a crop, see `Method.cut_size`, takes at most three quarters of the thinnest axis, so that
    there is more than one place for it, and keeps off the block by the margin of the Wiener-filtered input.
    Crops are multiples of what the network uses best, where there is room for more than the least that it
    takes.
    """
    least, multiple, most = least_crop(sizes), sizes.multiple, int(0.75 * min(within.shape))
    usual = max(USUAL_CROP // multiple * multiple, -(-least // multiple) * multiple)
    for crop in range(usual, least, -multiple):
        if cut(crop) <= most and (box is None or leaves_room(box, within, cut(crop) + PADDING)):
            return crop
    return least


def _most_room(box: Box, within: Box) -> int:
    before = (start - first for start, first in zip(box.start, within.start, strict=True))
    behind = (last - stop for stop, last in zip(box.stop, within.stop, strict=True))
    return max(*before, *behind)


def _box(start: Sequence[int], size: Sequence[int]) -> Box:
    z, y, x = start
    end_z, end_y, end_x = (first + n for first, n in zip(start, size, strict=True))
    return Box((z, y, x), (end_z, end_y, end_x))
