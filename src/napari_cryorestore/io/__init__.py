"""Reading and writing tomograms, their halves and their tilt angles."""

from __future__ import annotations

from napari_cryorestore.io.halves import HalvesCheck, check_halves
from napari_cryorestore.io.inspection import VolumeReport, inspect_volume
from napari_cryorestore.io.pairing import Pair, find_other_half, half_of, pair_halves, tomogram_name
from napari_cryorestore.io.tilts import TiltsBeside, read_tilt_angles, tilts_beside
from napari_cryorestore.io.tomogram import Tomogram, open_tomogram
from napari_cryorestore.io.volume_format import Volume
from napari_cryorestore.io.volume_output import create_volume, write_volume
from napari_cryorestore.io.volumes import is_volume_path, open_volume

__all__ = [
    "HalvesCheck",
    "Pair",
    "TiltsBeside",
    "Tomogram",
    "Volume",
    "VolumeReport",
    "check_halves",
    "create_volume",
    "find_other_half",
    "half_of",
    "inspect_volume",
    "is_volume_path",
    "open_tomogram",
    "open_volume",
    "pair_halves",
    "read_tilt_angles",
    "tilts_beside",
    "tomogram_name",
    "write_volume",
]
