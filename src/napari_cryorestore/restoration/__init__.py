"""Restoring whole tomograms: tiles through a trained network or the Wiener filter, blended, out of core."""

from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.restoration.made_of import require_same
from napari_cryorestore.restoration.model import Model, layer_name
from napari_cryorestore.restoration.request import RestoreRequest, resolved
from napari_cryorestore.restoration.tiling import fitting_plan, memory_explained
from napari_cryorestore.restoration.whole import restore

__all__ = [
    "Cancelled",
    "Model",
    "RestoreRequest",
    "fitting_plan",
    "layer_name",
    "memory_explained",
    "require_same",
    "resolved",
    "restore",
]
