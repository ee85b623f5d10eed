from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryorestore.gui.data_choice import DataChoice, completed, with_even
from napari_cryorestore.gui.named_volume import NamedVolume, pair_of, tomogram_name_of

NAMES = ("TS01_EVN", "TS01_ODD", "lonely", "TS02_half1", "TS02_half2")


@pytest.fixture
def volumes() -> dict[str, NamedVolume]:
    data = np.zeros((4, 5, 6), np.float32)
    return {
        name: NamedVolume(name, data.copy(), path=Path(f"/data/{name}.mrc"), voxel_size=8.0) for name in NAMES
    }


def names(choice: DataChoice) -> tuple[str | None, str | None]:
    return tuple(volume.name if volume is not None else None for volume in (choice.even, choice.odd))


def test_the_pair_opened_last_is_chosen(volumes):
    assert names(completed(DataChoice(), list(volumes.values()), [])) == ("TS02_half1", "TS02_half2")


def test_halves_are_ordered_whatever_the_order_of_opening(volumes):
    order = [volumes["TS01_ODD"], volumes["lonely"], volumes["TS01_EVN"]]
    assert names(completed(DataChoice(), order, [])) == ("TS01_EVN", "TS01_ODD")


def test_layers_in_memory_are_paired_by_their_names():
    data = np.zeros((4, 5, 6), np.float32)
    first, second = NamedVolume("my odd", data), NamedVolume("my even", data.copy())
    assert pair_of([first, second]) == (second, first)


def test_an_only_volume_is_half_1(volumes):
    assert names(completed(DataChoice(), [volumes["lonely"]], [])) == ("lonely", None)


def test_several_unrelated_volumes_are_left_to_the_user(volumes):
    unrelated = [volumes["lonely"], volumes["TS01_EVN"]]
    assert names(completed(DataChoice(), unrelated, [])) == (None, None)


def test_a_choice_survives_further_layers_and_loses_what_is_gone(volumes):
    everything = list(volumes.values())
    choice = DataChoice(volumes["TS01_EVN"], volumes["TS01_ODD"], volumes["lonely"])
    assert completed(choice, everything, everything) == choice
    assert names(completed(choice, [volumes["TS01_EVN"]], [])) == ("TS01_EVN", None)
    assert completed(choice, everything, []).mask is None


def test_a_renamed_volume_stays_chosen(volumes):
    choice = DataChoice(volumes["TS01_EVN"], volumes["TS01_ODD"])
    renamed = replace(volumes["TS01_EVN"], name="membrane")
    assert names(completed(choice, [renamed, volumes["TS01_ODD"]], [])) == ("membrane", "TS01_ODD")


def test_half_2_follows_half_1(volumes):
    everything = list(volumes.values())
    choice = DataChoice(volumes["TS01_EVN"], volumes["TS01_ODD"])
    assert names(with_even(choice, volumes["TS02_half2"], everything)) == ("TS02_half2", "TS02_half1")
    assert names(with_even(choice, volumes["lonely"], everything)) == ("lonely", None)


def test_what_was_typed_belongs_to_the_tomogram(volumes):
    everything = list(volumes.values())
    pair = (volumes["TS01_EVN"], volumes["TS01_ODD"])
    choice = DataChoice(*pair, volumes["lonely"], tilt_min="-78", tilt_max="78", tilt_axis="x")
    assert with_even(choice, volumes["TS02_half1"], everything) == DataChoice(
        volumes["TS02_half1"], volumes["TS02_half2"]
    )
    exchanged = replace(choice, even=pair[1], odd=pair[0])
    assert with_even(choice, volumes["TS01_ODD"], everything) == exchanged


def test_a_typed_voxel_size_goes_with_a_tomogram_that_knows_its_own(volumes):
    everything = list(volumes.values())
    choice = DataChoice(volumes["TS01_EVN"], volumes["TS01_ODD"], voxel_size="9")
    assert with_even(choice, volumes["TS02_half1"], everything).voxel_size == ""
    sizeless = replace(volumes["TS02_half1"], voxel_size=None)
    assert with_even(choice, sizeless, [sizeless]).voxel_size == "9"


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [(Path("/data/TS01_EVN.mrc"), "layer", "TS01"), (None, "a/b even", "a_b"), (None, "cell", "cell")],
)
def test_a_tomogram_is_named_after_its_half(path, name, expected):
    assert tomogram_name_of(NamedVolume(name, np.zeros((1, 1, 1)), path=path)) == expected
