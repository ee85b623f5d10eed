from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_cryorestore.gui.layers import (
    KEY,
    LayerOrigin,
    add_volume,
    contrast_limits,
    cubic_edge,
    origin_in,
    origin_of,
    paired_layers,
    path_of,
    tomogram_layer,
    volume_layer,
    volumes_in,
    voxel_size_of,
)
from napari_cryorestore.io.volume_format import Volume
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, (6, 8, 10)).astype(np.float32)


def saved(path: Path, volume: np.ndarray, *, voxel_size: float = 7.5) -> Volume:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(
        path, volume, voxel_size=voxel_size, origin=(1.0, 2.0, 3.0), start=(4, 5, 6), label="made up"
    )
    return open_volume(path)


def test_a_file_becomes_a_layer_in_angstrom_that_knows_its_file(tmp_path: Path, volume: np.ndarray) -> None:
    """Trap 8: the unit is called angstrom."""
    opened = saved(tmp_path / "TS01_EVN.mrc", volume)
    data, arguments, kind = tomogram_layer(opened)
    layer = ViewerModel().add_image(data, **arguments)

    assert kind == "image"
    assert layer.name == "TS01_EVN"
    assert layer.scale.tolist() == [7.5, 7.5, 7.5]
    assert [str(unit) for unit in layer.units] == ["angstrom"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    assert isinstance(layer.data, np.memmap)
    origin = origin_of(layer)
    assert origin == LayerOrigin(
        path=str(tmp_path / "TS01_EVN.mrc"), voxel_size=7.5, origin=(1, 2, 3), start=(4, 5, 6), half="even"
    )
    assert path_of(layer) == tmp_path / "TS01_EVN.mrc"
    assert voxel_size_of(layer) == 7.5


def test_the_other_half_on_disk_is_remembered(tmp_path: Path, volume: np.ndarray) -> None:
    saved(tmp_path / "TS01_EVN.mrc", volume)
    odd = tomogram_layer(saved(tmp_path / "TS01_ODD.mrc", volume))
    assert origin_in(odd[1]["metadata"]).half == "odd"
    assert origin_in(odd[1]["metadata"]).pair == str(tmp_path / "TS01_EVN.mrc")


def test_an_unknown_voxel_size_is_shown_as_one_but_not_claimed(volume: np.ndarray) -> None:
    _, arguments, _ = volume_layer(volume, name="a", origin=LayerOrigin(path="a.mrc"))
    layer = Image(volume, **arguments)
    assert layer.scale.tolist() == [1, 1, 1]
    assert voxel_size_of(layer) is None


def test_voxels_that_are_no_cubes_can_be_looked_at(tmp_path: Path, volume: np.ndarray) -> None:
    opened = Volume(volume, saved(tmp_path / "a.mrc", volume).path, (20.0, 10.0, 10.0))
    _, arguments, _ = tomogram_layer(opened)
    assert arguments["scale"] == (20, 10, 10)
    assert origin_in(arguments["metadata"]).voxel_size == 0


def test_few_planes_decide_the_contrast() -> None:
    """Trap 6: percentiles of a whole tomogram take seconds."""

    class Counting:
        shape = (500, 40, 30)

        def __init__(self) -> None:
            self.read: list[int] = []

        def __getitem__(self, index: int) -> np.ndarray:
            self.read.append(int(index))
            return np.arange(1200, dtype=np.float32).reshape(40, 30)

    volume = Counting()
    low, high = contrast_limits(volume)
    assert len(volume.read) == 5
    assert (low, high) == pytest.approx(np.percentile(np.arange(1200), (0.5, 99.5)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [(np.full((3, 4, 5), 2.0), (2, 4)), (np.full((3, 4, 5), np.nan), (0, 1)), (np.zeros((1, 1, 1)), (0, 1))],
    ids=["constant", "no number", "one voxel"],
)
def test_contrast_limits_are_apart(values: np.ndarray, expected: tuple[float, float]) -> None:
    assert contrast_limits(values) == expected


def test_contrast_ignores_what_is_not_finite(volume: np.ndarray) -> None:
    expected = contrast_limits(volume)
    broken = volume.copy()
    broken[:, 0, 0] = np.inf
    assert contrast_limits(broken) == pytest.approx(expected, abs=0.2)


def test_three_planes_are_no_colours(volume: np.ndarray) -> None:
    layer = add_volume(ViewerModel(), volume[..., :3], name="thin", origin=LayerOrigin(voxel_size=2))
    assert not layer.rgb
    assert layer.ndim == 3


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((1.2, 1.2, 1.2), ("nm", "nm", "nm"), 12.0),
        ((5, 8, 8, 8), ("pixel", "angstrom", "angstrom", "angstrom"), 8.0),
        ((8, 8, 9), ("angstrom",) * 3, None),
        ((1, 1, 1), ("pixel",) * 3, None),
        ((4, 4), ("angstrom",) * 2, 4.0),
    ],
)
def test_scale_and_units_tell_the_edge_of_a_cube(scale, units, expected) -> None:
    assert cubic_edge(scale, units) == (None if expected is None else pytest.approx(expected))


def test_foreign_layers_tell_what_they_can(volume: np.ndarray) -> None:
    plain = Image(volume)
    scaled = Image(volume, scale=(1, 1, 1), units=("nm",) * 3, metadata={KEY: "not ours"})
    assert (origin_of(plain), path_of(plain), voxel_size_of(plain)) == (None, None, None)
    assert voxel_size_of(scaled) == pytest.approx(10)


def test_keys_that_others_add_are_passed_over() -> None:
    assert origin_in({KEY: {"path": "a.mrc", "history": [1, 2]}}) == LayerOrigin(path="a.mrc")


def test_only_volumes_count(volume: np.ndarray) -> None:
    whole = Image(volume)
    others = [
        Image(volume[0]),
        Image(volume[None]),
        Labels(np.zeros((2, 3, 4), int)),
        Image([volume, volume[::2, ::2, ::2]], multiscale=True),
        Image(np.zeros((2, 4, 5, 3)), rgb=True),
    ]
    assert volumes_in([*others, whole]) == [whole]


def test_open_halves_find_each_other_in_any_order(tmp_path: Path, volume: np.ndarray) -> None:
    viewer = ViewerModel()
    odd = _opened(viewer, tmp_path / "a" / "TS01_half2.mrc", volume)
    other = _opened(viewer, tmp_path / "b.mrc", volume)
    even = _opened(viewer, tmp_path / "a" / "TS01_half1.mrc", volume)

    assert paired_layers(viewer.layers) == [(even, odd)]
    assert origin_of(other).pair == ""
    # the odd file was opened before the even one was on disk
    assert origin_of(odd).pair == str(tmp_path / "a" / "TS01_half1.mrc")
    assert (origin_of(even).half, origin_of(odd).half) == ("even", "odd")


def test_halves_pair_through_the_proxies_that_plugins_get(tmp_path: Path, volume: np.ndarray) -> None:
    """Trap 9: layers and viewer come as proxies."""
    from napari.utils._proxies import PublicOnlyProxy

    viewer = ViewerModel()
    even = _opened(viewer, tmp_path / "TS01_even.mrc", volume)
    odd = _opened(viewer, tmp_path / "TS01_odd.mrc", volume)
    proxy = PublicOnlyProxy(viewer)
    assert paired_layers(proxy.layers) == [(even, odd)]
    assert len(volumes_in(proxy.layers)) == 2
    assert path_of(proxy.layers["TS01_even"]) == path_of(even)


def _opened(viewer: ViewerModel, path: Path, volume: np.ndarray) -> Image:
    data, arguments, _ = tomogram_layer(saved(path, volume))
    return viewer.add_image(data, **arguments)
