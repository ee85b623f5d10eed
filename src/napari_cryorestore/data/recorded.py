"""How a tomogram was recorded, for the label of what is trained on it, and for whether a model fits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.physics.polarity import skewness
from napari_cryorestore.runs.trained_on import TrainedOn

if TYPE_CHECKING:
    from napari_cryorestore.io.tomogram import Tomogram


def recorded(tomogram: Tomogram) -> TrainedOn:
    """Return how a tomogram was recorded, its number of maps, and whether its density is dark or bright."""
    return TrainedOn(tomogram.recording, skewness(tomogram.maps), len(tomogram.maps))


__all__ = ["recorded"]
