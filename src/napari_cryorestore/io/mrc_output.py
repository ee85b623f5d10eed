"""The older names of what is in `volume_output`."""

from __future__ import annotations

from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.whole_file import unique_path

__all__ = ["unique_path", "write_volume"]
