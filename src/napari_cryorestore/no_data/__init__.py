"""Where a tomogram holds no data: margins and blocks that were never reconstructed, but filled."""

from napari_cryorestore.no_data.empty_voxels import NoData, faded
from napari_cryorestore.no_data.finding import find_no_data

__all__ = ["NoData", "faded", "find_no_data"]
