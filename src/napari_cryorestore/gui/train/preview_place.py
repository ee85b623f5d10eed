"""Where the held-out preview block lies: in the user's words, in a configuration's, and in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari import Viewer
    from napari.layers import Layer

Place = Literal["structured", "crosshair", "view", "centre", "typed", "off"]

PLACE_TITLES: dict[Place, str] = {
    "structured": "most structured place",
    "crosshair": "at the crosshair",
    "view": "middle of the view",
    "centre": "centre of the tomogram",
    "typed": "at z, y, x",
    "off": "not held out",
}

PLACE_SENTENCES: dict[Place, str] = {
    "structured": "The preview block is kept out of training, where density and its variation are highest.",
    "crosshair": "The preview block is kept out of training, where the sliders stand when you press Start.",
    "view": "The preview block is kept out of training, around the middle of the view when you press Start.",
    "centre": "The preview block is kept out of training, in the centre.",
    "typed": "The preview block is kept out of training, around the voxel typed here.",
    "off": "Nothing is kept out of training: there is a preview, but no honest quality number.",
}


def snapshots_at(
    snapshots: Any, place: Place, *, shape: Sequence[int], position: Sequence[float] | None
) -> dict[str, Any]:
    """Return the plain values of a `SnapshotsConfig` whose block lies at a place.

    Parameters
    ----------
    snapshots : SnapshotsConfig
        With the other values.
    place
        The user's choice.
    shape : (int, int, int)
        The tomogram (z, y, x).
    position : (float, float, float), optional
        The voxel (z, y, x) of "crosshair", "view" and "typed"; moved inside the tomogram.
    """
    content: dict[str, Any] = snapshots.model_dump()
    if place == "centre" or position is None:
        position = [size / 2 for size in shape]
    if place == "structured":
        return {**content, "held_out": "automatic", "position": None}
    if place == "off":
        return {**content, "held_out": "none", "position": None}
    inside = [min(max(round(at), 0), size - 1) for at, size in zip(position, shape, strict=True)]
    return {**content, "held_out": "manual", "position": tuple(inside)}


def binned_snapshots(
    sections: Mapping[str, Any], place: Place, *, shape: Sequence[int], position: Sequence[float] | None
) -> dict[str, Any]:
    """Return what `snapshots_at` does, in the binned voxels of a run's schedule."""
    binning = binning_of(sections["schedule"])
    at = None if position is None else [one / binning for one in position]
    return snapshots_at(sections["snapshots"], place, shape=shape_once_binned(shape, binning), position=at)


def position_in_file(config: Any) -> tuple[float, ...] | None:
    """Return the voxel (z, y, x) of the files in the middle of a run's block, where it was given."""
    position, binning = config.snapshots.position, config.schedule.binning
    return None if position is None else tuple(at * binning for at in position)


def binning_of(schedule: Any) -> int:
    """Return how many voxels become one, along each axis, before anything is learned."""
    return int(getattr(schedule, "binning", 1))


def shape_once_binned(shape: Sequence[int], binning: int) -> tuple[int, ...]:
    """Return the size (z, y, x) that a tomogram has once it is binned."""
    return tuple(-(-size // binning) for size in shape)


def place_of(snapshots: Any) -> Place:
    """Return the user's choice that a `SnapshotsConfig` stands for."""
    places: dict[str, Place] = {"automatic": "structured", "manual": "typed", "none": "off"}
    return places[snapshots.held_out]


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


__all__ = [
    "PLACE_SENTENCES",
    "PLACE_TITLES",
    "Place",
    "binned_snapshots",
    "binning_of",
    "crosshair",
    "middle_of_view",
    "place_of",
    "position_in_file",
    "shape_once_binned",
    "snapshots_at",
]
