"""Sections: the right voxels at the right place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_cryorestore.comparison.comparison_config import ComparisonConfig
from napari_cryorestore.comparison.picture import PLANES, SECTIONS
from napari_cryorestore.comparison.sections import section, section_row
from napari_cryorestore.data.imaging import MeanOfMaps


def test_sections_are_the_planes_through_the_crosshair(make_volume: Any) -> None:
    volume = make_volume((20, 30, 44), (10.0, 20.0, 30.0))
    cursor = volume.position_of((3, 4, 5))
    expected = {"XY": volume.data[3], "XZ": volume.data[:, 4], "YZ": volume.data[:, :, 5]}
    for column, image in expected.items():
        picture = section(volume, column, cursor)  # type: ignore[arg-type]
        np.testing.assert_array_equal(picture.image, image)
        assert (picture.levels, picture.warning) == (None, None)
    assert section(volume, "XY", cursor).extent == (0, 1320, 0, 600)
    assert section(volume, "XZ", cursor).extent == (0, 1320, 0, 200)
    assert section(volume, "YZ", cursor).extent == (0, 600, 0, 200)
    assert section(volume, "YZ", cursor).crosshair == (90, 35)


@pytest.mark.parametrize("column", SECTIONS)
@pytest.mark.parametrize(
    ("index", "slab", "planes"), [(7, 2, slice(5, 10)), (0, 3, slice(0, 4)), (9, 99, slice(0, 10))]
)
def test_a_slab_is_the_mean_of_its_planes(
    make_volume: Any, column: Any, index: int, slab: int, planes: slice
) -> None:
    volume = make_volume((10, 10, 10))
    made = section(volume, column, volume.position_of((index,) * 3), slab).image
    axis = PLANES[column].through
    cut = [slice(None)] * 3
    cut[axis] = planes
    np.testing.assert_allclose(made, volume.data[tuple(cut)].mean(axis), rtol=1e-5, atol=1e-6)


def test_the_same_place_is_shown_whatever_the_voxel_size(make_volume: Any) -> None:
    fine = np.zeros((8, 8, 8), np.float32)
    fine[4:6, 2:4, 6:8] = 1
    coarse = fine.reshape(4, 2, 4, 2, 4, 2).mean((1, 3, 5))
    place = (47.0, 33.0, 68.0)
    for column in SECTIONS:
        pictures = [
            section(make_volume(data=data, voxel=voxel), column, place)
            for data, voxel in ((fine, 10.0), (coarse, 20.0))
        ]
        assert pictures[0].extent == pictures[1].extent
        np.testing.assert_array_equal(pictures[0].image, pictures[1].image.repeat(2, 0).repeat(2, 1))


def test_slabs_are_as_thick_whatever_the_voxel_size(make_volume: Any) -> None:
    config = ComparisonConfig(slab=1)
    volume = make_volume((20, 20, 20), 10.0)
    cursor = volume.position_of((10, 10, 10))
    made = section_row(volume, config, cursor=cursor, plane=30.0)["XY"].image
    np.testing.assert_allclose(made, volume.data[7:14].mean(0), rtol=1e-4, atol=1e-6)


def test_where_a_volume_does_not_reach_it_is_empty_and_says_so(make_volume: Any) -> None:
    volume = make_volume()
    picture = section(volume, "XZ", (10, 9999, 10))
    assert np.isnan(picture.image).all()
    assert picture.image.shape == (20, 44)
    assert picture.warning == "a does not reach the crosshair along y."
    assert section(volume, "XY", (10, 9999, 10)).warning is None


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_holes_are_left_blank_and_the_data_alone(make_volume: Any, hole: float) -> None:
    data = np.ones((4, 10, 10), np.float32)
    data[2, :5] = hole
    picture = section(make_volume(data=data), "XY", (25, 50, 50))
    assert np.isnan(picture.image[:5]).all()
    assert (picture.image[5:] == 1).all()
    assert picture.warning == "50 % of this section of a is NaN or infinite and left blank."
    assert np.count_nonzero(data == 1) == 350
    np.testing.assert_array_equal(data[2, 0, 0], hole)


@pytest.mark.parametrize("kind", ["int8", "uint16", "float16", ">f4"])
def test_any_type_becomes_float32(make_volume: Any, kind: str) -> None:
    data = np.arange(60).reshape(3, 4, 5).astype(kind)
    picture = section(make_volume(data=data), "XZ", (15, 15, 15), 1)
    assert picture.image.dtype == np.float32
    np.testing.assert_allclose(picture.image, data[:, :3].mean(1, dtype=float))


def test_whatever_can_be_sliced_is_cut(make_volume: Any) -> None:
    halves = make_volume(), make_volume()
    volume = make_volume(data=MeanOfMaps(halves[0].data, halves[1].data + 2))
    made = section(volume, "YZ", (105, 155, 225)).image
    np.testing.assert_allclose(made, halves[0].data[:, :, 22] + 1, rtol=1e-5, atol=1e-6)


def test_a_row_has_the_columns_wanted_and_levels_of_its_own(make_volume: Any) -> None:
    volume = make_volume()
    config = ComparisonConfig(columns=("YZ", "|F|xy", "XY"), percentiles=(0, 100))
    row = section_row(volume, config, cursor=(105, 155, 225))
    assert set(row) == {"XY", "YZ"}
    both = [volume.data[10], volume.data[:, :, 22]]
    low, high = min(image.min() for image in both), max(image.max() for image in both)
    assert row["XY"].levels == row["YZ"].levels == (low, high)
    given = section_row(volume, config, cursor=(105, 155, 225), levels=(-3, 3))
    assert given["XY"].levels == (-3, 3)
