"""A part of a tomogram that was never reconstructed is neither learned from nor measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_cryorestore.data.crops import StoredMap
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import build_method
from napari_cryorestore.run_config import SnapshotsConfig
from napari_cryorestore.training.complete_config import complete_config
from napari_cryorestore.training.preparation import Prepared, prepare
from napari_cryorestore.training.preview import Preview, data_bounds, preview_box

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.data.corners import Box
    from napari_cryorestore.run_config import RunConfig

    Recipe = Callable[..., RunConfig]
    MakePair = Callable[..., tuple[Path, Path]]

CPU = torch.device("cpu")
SHAPE, ROWS = (24, 76, 52), 19


@pytest.fixture
def blank_pair(make_pair: MakePair, tmp_path: Path) -> tuple[Path, Path]:
    """Halves whose first rows were filled with 0, far from their density; halves without beside them."""
    paths = []
    for path in make_pair(SHAPE, seed=3):
        half = open_volume(path).data + np.float32(100)
        half[:, :ROWS] = 0
        write_volume(tmp_path / path.name, half, voxel_size=10, label="blank")
        paths.append(tmp_path / path.name)
    return paths[0], paths[1]


def prepared(recipe: Recipe, pair: tuple[Path, Path], **more: Any) -> Prepared:
    config = complete_config(recipe(tomograms=[dict(zip(("even", "odd"), pair, strict=True))], **more))
    return prepare(config, CPU, say=lambda _: None)


def touches(box: Box) -> bool:
    return box.start[1] < ROWS


@pytest.mark.parametrize("mask", ["automatic", "none"])
def test_crops_and_the_held_out_block_keep_off(
    recipe: Recipe, blank_pair: tuple[Path, Path], mask: str
) -> None:
    ready = prepared(recipe, blank_pair, schedule={"mask": mask})
    assert not touches(ready.box)
    corners = ready.volumes[0].corners
    assert len(corners) > 10
    assert int(corners[:, 1].min()) >= ROWS


def test_where_no_crop_keeps_off_the_least_empty_ones_are_taken(
    recipe: Recipe, make_pair: MakePair, tmp_path: Path
) -> None:
    pair = []
    for path in make_pair((24, 40, 36), seed=3):
        half = np.array(open_volume(path).data)
        half[:, :17] = 0
        write_volume(tmp_path / path.name, half, voxel_size=10, label="blank")
        pair.append(tmp_path / path.name)
    ready = prepared(
        recipe, (pair[0], pair[1]), snapshots={"every": 0}, schedule={"crop": 20, "mask": "none"}
    )
    assert int(ready.volumes[0].corners[:, 1].min()) >= 16


def masked(tmp_path: Path, place: tuple[slice, ...]) -> Path:
    mask = np.zeros(SHAPE, dtype=np.int8)
    mask[place] = 1
    write_volume(tmp_path / "mask.mrc", mask, voxel_size=10, label="mask")
    return tmp_path / "mask.mrc"


def prepared_with(recipe: Recipe, pair: tuple[Path, Path], mask: Path) -> Prepared:
    item = {"even": pair[0], "odd": pair[1], "mask": mask}
    config = complete_config(recipe(tomograms=[item], snapshots={"every": 0}))
    return prepare(config, CPU, say=lambda _: None)


def test_crops_lie_where_the_mask_holds_data(
    recipe: Recipe, blank_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """Half of a crop in the mask is enough, but not that half which is blank."""
    mask = masked(tmp_path, (slice(None), slice(0, ROWS + 10)))
    ready = prepared_with(recipe, blank_pair, mask)
    crop = ready.volumes[0].corners
    assert int(crop[:, 1].min()) >= ROWS


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((slice(11, 12), slice(0, ROWS - 1)), "100 % of the mask lies there"),
        ((slice(None), slice(0, ROWS + 1), slice(0, 20)), "fewer than those of one crop of"),
    ],
)
def test_a_mask_with_next_to_no_data_is_refused(
    recipe: Recipe, blank_pair: tuple[Path, Path], tmp_path: Path, place: tuple[slice, ...], text: str
) -> None:
    with pytest.raises(ValueError, match="The mask holds next to no data: 25 % of the tomogram") as refused:
        prepared_with(recipe, blank_pair, masked(tmp_path, place))
    assert text in str(refused.value)


@pytest.mark.parametrize("hold", ["memory", "disk"])
def test_halves_have_the_datas_scale_and_local_means(
    recipe: Recipe, blank_pair: tuple[Path, Path], hold: str
) -> None:
    (volume,) = prepared(recipe, blank_pair, hardware={"hold": hold}).volumes
    for half in volume.maps:
        if isinstance(half, StoredMap):
            indices = (torch.arange(n)[None] for n in SHAPE)
            half = half.take(*indices)[0]
        data = half[:, ROWS + 9 :]
        assert float(data.mean()) == pytest.approx(0, abs=0.1)
        assert float(data.std()) == pytest.approx(1, abs=0.05)
        assert float(half[:, :ROWS].abs().max()) < 1.5
    assert volume.no_data is not None


def test_the_wiener_filter_is_that_of_the_data(
    recipe: Recipe, make_pair: MakePair, blank_pair: tuple[Path, Path]
) -> None:
    config = {"method": {"input": "wiener+raw"}}
    (whole,) = prepared(recipe, make_pair(SHAPE, seed=3), **config).volumes
    (blank,) = prepared(recipe, blank_pair, **config).volumes
    assert whole.imaging.wiener is not None
    assert blank.imaging.wiener is not None
    np.testing.assert_allclose(blank.imaging.wiener.weights[2:], whole.imaging.wiener.weights[2:], atol=0.12)


def test_the_block_keeps_off_wherever_room_is_needed(blank_pair: tuple[Path, Path]) -> None:
    tomogram = open_tomogram(blank_pair)
    assert data_bounds(tomogram).start == (0, 24, 0)
    for room in (0, 20, 30, 36, 99):
        assert not touches(preview_box(tomogram, SnapshotsConfig(), room=room))
    assert touches(preview_box(tomogram, SnapshotsConfig(position=(12, 10, 20))))  # as somebody said


def test_numbers_of_a_block_that_straddles_are_those_of_its_data(
    recipe: Recipe, blank_pair: tuple[Path, Path]
) -> None:
    """Where both halves hold a fill they agree: without a mask the straddling block scored higher."""
    snapshots = {"position": (12, 26, 26), "size": (24, 40, 40)}
    ready = prepared(recipe, blank_pair, snapshots=snapshots, schedule={"mask": "none"})
    assert touches(ready.box)
    (volume,) = ready.volumes
    config = recipe()
    preview = Preview(build_method(config.method), volume, ready.box, device=CPU)

    def same(inputs: torch.Tensor) -> torch.Tensor:
        return inputs[:, -1:]

    honest = preview.evaluate(same, preview.restore(same)).metrics
    assert volume.no_data is not None
    for half in (preview.crops.maps, preview.crops.inputs):
        half[..., : 4 + ROWS - ready.box.start[1], :] = 30.0  # as a fill far from the data would be
    filled = preview.evaluate(same, preview.restore(same)).metrics
    assert filled["n2n"] == pytest.approx(honest["n2n"], abs=1e-3)
