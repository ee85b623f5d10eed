"""Volumes in the shared frame, and what is no volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_cryorestore.comparison.volume import ComparedVolume, check_volume, corner_of
from napari_cryorestore.data.imaging import MeanOfMaps


def test_a_volume_and_its_binned_copy_lie_upon_one_another(make_volume: Any) -> None:
    fine, coarse = make_volume((20, 30, 40), 10.0), make_volume((10, 15, 20), 20.0)
    assert fine.extent == coarse.extent == ((0, 200), (0, 300), (0, 400))
    for index in np.ndindex(4, 4, 4):
        assert coarse.index_of(fine.position_of(index)) == tuple(n // 2 for n in index)


def test_layers_lie_where_they_are_translated_to(make_volume: Any) -> None:
    volume = make_volume(corner=corner_of((10, 10, 10), (100, -50, 0)))
    assert volume.extent == ((100, 300), (-50, 250), (0, 440))
    assert volume.position_of((0, 0, 0)) == (105, -45, 5)


@pytest.mark.parametrize("voxel", [10.0, 3.3, (1.7, 2.3, 13.1)])
def test_index_and_position_are_twins(make_volume: Any, voxel: Any) -> None:
    volume = make_volume((5, 6, 7), voxel, corner=(3.0, -800.0, 1e5))
    for index in np.ndindex(volume.shape):
        assert volume.index_of(volume.position_of(index)) == index


def test_edges_belong_to_the_volume_and_nothing_beyond(make_volume: Any) -> None:
    volume = make_volume((20, 30, 44), 10.0)
    assert volume.index_of((0, 0, 0)) == (0, 0, 0)
    assert volume.index_of((200, 300, 440)) == (19, 29, 43)
    assert volume.index_of((100, 10, 20)) == (10, 1, 2)  # an inner edge goes to the voxel above
    assert volume.index_of((-0.1, 5, 5)) is None
    assert volume.index_of((5, 300.1, 5)) is None
    assert volume.index_along(2, 439) == 43


def test_the_key_is_the_name_unless_given(make_volume: Any) -> None:
    assert make_volume(name="b").key == "b"
    assert make_volume(name="b", key="k").key == "k"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.zeros((4, 5)), "a has 2 axes (4×5), but a volume has three"),
        (np.zeros((2, 4, 5, 6)), "a has 4 axes (2×4×5×6)"),
        (np.zeros((9, 40, 50, 3), np.uint8), "a holds colours (9×40×50×3)"),
        (np.zeros((40, 50, 3), np.uint8), "a holds colours (40×50×3)"),
        (np.float32(3), "a has 0 axes (a single number)"),
        (np.zeros((4, 0, 5)), "a is empty (4×0×5)"),
        (np.zeros((1, 4, 5)), "a is a single image (1×4×5)"),
        (np.zeros((4, 5, 1)), "a is a single image"),
        (np.zeros((4, 4, 4), np.complex64), "a holds complex numbers"),
        (np.zeros((4, 4, 4), np.int32), "a holds int32 numbers, as labels and masks do"),
        (np.zeros((4, 4, 4), bool), "a holds bool numbers"),
        (np.full((4, 4, 4), "x"), "as labels and masks do"),
    ],
)
def test_what_is_no_volume_is_refused_with_a_sentence(data: Any, words: str) -> None:
    with pytest.raises(ValueError) as told:  # noqa: PT011  the words are looked at below
        check_volume(data, "a")
    assert words in str(told.value)
    assert ": choose " in str(told.value)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "float16", "float32", ">f4", "float64"])
def test_all_types_of_volume_files_are_welcome(kind: str) -> None:
    check_volume(np.zeros((4, 4, 4), kind), "a")


def test_means_of_halves_are_welcome(make_volume: Any) -> None:
    halves = np.zeros((4, 5, 6)), np.full((4, 5, 6), 2.0)
    volume = make_volume(data=MeanOfMaps(*halves), halves=halves)
    assert volume.shape == (4, 5, 6)
    np.testing.assert_array_equal(np.asarray(volume.data), 1)


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan, np.inf])
def test_a_missing_voxel_size_is_asked_for(size: float) -> None:
    with pytest.raises(ValueError, match="a has no voxel size: give it in Å"):
        ComparedVolume("a", np.zeros((4, 4, 4)), (size, 1.0, 1.0), (0.0, 0.0, 0.0))


def test_a_volume_lies_somewhere_and_its_halves_have_its_shape(make_volume: Any) -> None:
    with pytest.raises(ValueError, match="has no valid position"):
        make_volume(corner=(np.nan, 0, 0))
    with pytest.raises(ValueError, match="A half of a has the shape"):
        make_volume(halves=(np.zeros((20, 30, 44)), np.zeros((2, 3, 4))))
