"""The pure functions from volumes and a comparison's settings to the pictures that doors paint."""

from __future__ import annotations

from napari_cryorestore.comparison.contrast import histogram, levels_of, volume_levels
from napari_cryorestore.comparison.overlays import Overlay, overlays
from napari_cryorestore.comparison.picture import PLANES, SECTIONS, SPECTRA, Picture, Plane
from napari_cryorestore.comparison.sections import section, section_row
from napari_cryorestore.comparison.spectra import offset_indices, spectrum_row

__all__ = [
    "PLANES",
    "SECTIONS",
    "SPECTRA",
    "Overlay",
    "Picture",
    "Plane",
    "histogram",
    "levels_of",
    "offset_indices",
    "overlays",
    "section",
    "section_row",
    "spectrum_row",
    "volume_levels",
]
