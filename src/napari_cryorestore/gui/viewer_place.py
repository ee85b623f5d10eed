"""Points of a viewer, in voxels of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


def crosshair(viewer: Viewer, layer: Layer) -> tuple[float, ...]:
    """Return the voxel (z, y, x) at which the viewer's sliders stand."""
    return _voxel(layer, viewer.dims.point)


def middle_of_view(viewer: Viewer, layer: Layer) -> tuple[float, ...]:
    """Return the voxel (z, y, x) in the middle of the canvas, in the plane that is shown."""
    point = list(viewer.dims.point)
    displayed = viewer.dims.displayed
    for axis, at in zip(displayed, viewer.scene.camera.center[-len(displayed) :], strict=True):
        point[axis] = at
    return _voxel(layer, point)


def _voxel(layer: Layer, point: tuple[float, ...] | list[float]) -> tuple[float, ...]:
    return tuple(float(at) for at in layer.world_to_data(point[-layer.ndim :]))


__all__ = ["crosshair", "middle_of_view"]
