"""A restored tomogram as a layer that knows what made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.gui.layers import LayerOrigin, add_volume

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from napari_cryorestore.gui.restore.queue import Entry


def add_result(viewer: Viewer, entry: Entry) -> Image:
    """Add the result of an entry that is done, memory-mapped.

    Raises
    ------
    ValueError, OSError
        If the file is not there any more.
    """
    from napari_cryorestore.io.volumes import open_volume

    if entry.output is None:
        raise ValueError(f"“{entry.subject.name}” has no result yet: wait until it is done.")
    volume = open_volume(entry.output)
    model = entry.model
    origin = LayerOrigin(
        path=str(entry.output),
        voxel_size=volume.voxel_size or entry.subject.even.voxel_size or 0.0,
        origin=volume.origin,
        start=volume.start,
        run=str(model.run or model.weights or ""),
        step=-1 if model.step is None else model.step,
        label=volume.labels[0] if volume.labels else entry.title,
    )
    return add_volume(viewer, volume.data, name=entry.title, origin=origin)


__all__ = ["add_result"]
