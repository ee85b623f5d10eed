"""Reading and writing tomograms, their halves and their tilt angles."""

from __future__ import annotations

from napari_cryorestore.io.halves import HalvesCheck, check_halves
from napari_cryorestore.io.header import Header
from napari_cryorestore.io.inspection import VolumeReport, inspect_volume
from napari_cryorestore.io.mrc import SUFFIXES, MrcVolume, is_volume_path, read_volume
from napari_cryorestore.io.mrc_output import open_output, unique_path, write_volume
from napari_cryorestore.io.pairing import Pair, find_other_half, half_of, pair_halves, tomogram_name
from napari_cryorestore.io.tilts import TiltsBeside, read_tilt_angles, tilts_beside
from napari_cryorestore.io.tomogram import Tomogram, open_tomogram

__all__ = [
    "SUFFIXES",
    "HalvesCheck",
    "Header",
    "MrcVolume",
    "Pair",
    "TiltsBeside",
    "Tomogram",
    "VolumeReport",
    "check_halves",
    "find_other_half",
    "half_of",
    "inspect_volume",
    "is_volume_path",
    "open_output",
    "open_tomogram",
    "pair_halves",
    "read_tilt_angles",
    "read_volume",
    "tilts_beside",
    "tomogram_name",
    "unique_path",
    "write_volume",
]
