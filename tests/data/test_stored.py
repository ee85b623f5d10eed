"""Crops from a file are those of the volume in memory, whatever its type and byte order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_cryorestore.data.crops import Places, TrainingVolume, cut, cut_crops
from napari_cryorestore.data.imaging import standardised
from napari_cryorestore.data.inputs import Imaging
from napari_cryorestore.data.stored import StoredHalf
from napari_cryorestore.physics.normalize import measure
from napari_cryorestore.physics.wiener import RadialFilter

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (12, 20, 16)


def mapped(folder: Path, dtype: str) -> np.memmap:
    values = 40 * np.random.default_rng(0).standard_normal(SHAPE) + 100
    values.astype(dtype).tofile(folder / "half.raw")
    return np.memmap(folder / "half.raw", dtype=dtype, mode="r", shape=SHAPE)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i2", "<u2", "i1", "<f2"])
@pytest.mark.parametrize("corner", [(3, 4, 5), (-4, 15, 0), (-30, -30, -30)])
def test_crops_are_those_of_the_volume_in_memory(
    tmp_path: Path, dtype: str, corner: tuple[int, int, int]
) -> None:
    voxels = mapped(tmp_path, dtype if dtype != "i1" else "u1")
    scale = measure(voxels)
    corners = torch.tensor([corner, (0, 0, 0)])
    inside = standardised(voxels, scale, dtype=torch.float32)
    from_file = cut(StoredHalf(voxels, scale), corners, (8, 9, 10))
    assert from_file.dtype == torch.float32
    assert torch.equal(from_file, cut(inside, corners, (8, 9, 10)))


def test_a_volume_on_disk_is_one_to_train_on(tmp_path: Path) -> None:
    voxels = mapped(tmp_path, "<f4")
    half = StoredHalf(voxels, measure(voxels))
    assert (half.shape, half.device) == (SHAPE, torch.device("cpu"))
    imaging = Imaging(wiener=RadialFilter((1.0, 0.5)))
    volume = TrainingVolume((half, half), imaging, torch.zeros(1, 3, dtype=torch.int32), torch.device("meta"))
    pair = cut_crops(volume, Places(0, volume.corners, imaging, 2), size=8, kind="raw")
    assert pair.even.device.type == pair.odd_input.device.type == "meta"
    with pytest.raises(ValueError, match="must have one shape"):
        TrainingVolume((half, torch.zeros(1, 2, 3)), imaging, volume.corners)
