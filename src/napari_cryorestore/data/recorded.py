"""How a tomogram was recorded, for the label of what is trained on it, and for whether a model fits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.physics.polarity import skewness
from napari_cryorestore.runs.trained_on import TrainedOn

if TYPE_CHECKING:
    from napari_cryorestore.io.tomogram import Tomogram


def recorded(tomogram: Tomogram) -> TrainedOn:
    """Return voxel size and tilts of a tomogram, and whether its density is dark or bright."""
    halves = [tomogram.even] if tomogram.odd is None else [tomogram.even, tomogram.odd]
    return TrainedOn(
        voxel_size=tomogram.voxel_size,
        tilt_min=tomogram.tilt_min,
        tilt_max=tomogram.tilt_max,
        tilt_axis=tomogram.tilt_axis,
        skewness=skewness(halves),
    )


__all__ = ["recorded"]
