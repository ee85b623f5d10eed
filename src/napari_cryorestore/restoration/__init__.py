"""Restoring whole tomograms: tiles through a network or a filter, blended, out of core."""

from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.restoration.model import Model, layer_name
from napari_cryorestore.restoration.provenance import require_same
from napari_cryorestore.restoration.restore_tomogram import restore
from napari_cryorestore.restoration.tiling import fitting_plan, memory_explained
from napari_cryorestore.restoration.weights import with_chosen_weights
from napari_cryorestore.restore_config import ModelRef, RestoreConfig

__all__ = [
    "Cancelled",
    "Model",
    "ModelRef",
    "RestoreConfig",
    "fitting_plan",
    "layer_name",
    "memory_explained",
    "require_same",
    "restore",
    "with_chosen_weights",
]
