from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.gui.named_volume import volume_of
from napari_cryorestore.gui.train.preview_place import crosshair, middle_of_view
from napari_cryorestore.io.volume_output import write_volume

if TYPE_CHECKING:
    from pathlib import Path

DATA = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("TS_even", "TS_odd"):
        write_volume(tmp_path / f"{name}.mrc", DATA, voxel_size=8.0, label="test")
    return tmp_path / "TS_even.mrc"


def layer_of(file: Path) -> Image:
    ((data, arguments, _),) = read_tomograms(str(file))
    return Image(data, **arguments)


def test_a_layer_of_a_file_is_trained_on_from_there(file):
    volume = volume_of(layer_of(file))
    assert volume.path == file
    assert volume.voxel_size == pytest.approx(8.0)
    assert volume.shape == (4, 5, 6)
    assert volume.other_half == file.with_name("TS_odd.mrc")


def test_a_part_of_a_file_or_a_lost_file_counts_as_memory(file):
    layer = layer_of(file)
    part = Image(layer.data[:, 1:], metadata=layer.metadata)
    assert volume_of(part).path is None
    assert volume_of(part).voxel_size == pytest.approx(8.0)
    file.write_bytes(b"no longer a volume")
    assert volume_of(layer).path is None
    file.unlink()
    assert volume_of(layer).path is None


def test_compressed_files_are_not_opened_to_look(tmp_path):
    file = tmp_path / "TS.mrc.gz"
    file.write_bytes(b"cannot be read")
    assert volume_of(Image(DATA, metadata={"cryorestore": {"path": str(file)}})).path == file


def test_volumes_in_memory_have_the_size_that_the_layer_says():
    nanometres = Image(DATA, scale=(0.8,) * 3, units=("nm",) * 3)
    assert volume_of(nanometres).voxel_size == pytest.approx(8.0)
    assert volume_of(Image(DATA)).voxel_size is None
    assert volume_of(Labels(np.ones((4, 5, 6), int), name="where")).path is None


def test_points_of_the_viewer_are_voxels_of_the_layer():
    layer = Image(DATA, scale=(2.0, 2.0, 2.0), translate=(1.0, 1.0, 1.0))
    viewer = SimpleNamespace(
        dims=SimpleNamespace(point=(9.0, 5.0, 7.0, 9.0), displayed=(2, 3)),
        scene=SimpleNamespace(camera=SimpleNamespace(center=(0.0, 3.0, 5.0))),
    )
    assert crosshair(viewer, layer) == (2.0, 3.0, 4.0)
    assert middle_of_view(viewer, layer) == (2.0, 1.0, 2.0)
