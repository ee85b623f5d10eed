"""Tomograms named one by one, several times, or by a folder of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_cryorestore.cli.parser import Parser
from napari_cryorestore.cli.tomograms import add_tomogram_options, laid_over, typed_tomograms
from napari_cryorestore.recording import TomogramConfig

if TYPE_CHECKING:
    from pathlib import Path

TWO = "--even 1e.mrc --odd 1o.mrc --even 2e.mrc --odd 2o.mrc "


def typed(line: str) -> list[dict[str, Any]]:
    parser = Parser("cryorestore train")
    add_tomogram_options(parser)
    return typed_tomograms(parser.parse(line.split()))


def test_nothing_typed_is_no_tomogram() -> None:
    assert typed("") == []


def test_options_that_change_one_tomogram_need_not_name_it() -> None:
    assert typed("--voxel-size 8 --tilt-range -60 58") == [
        {"recording": {"voxel_size": "8", "tilt_range": ["-60", "58"]}}
    ]


def test_several_tomograms_have_some_things_in_common_and_some_of_their_own() -> None:
    line = TWO + "--voxel-size 8 --name a --name b --tilt-range -60 60 --tilt-range -50 55"
    tilts = [{"voxel_size": "8", "tilt_range": [low, high]} for low, high in (("-60", "60"), ("-50", "55"))]
    assert typed(line) == [
        {"even": "1e.mrc", "odd": "1o.mrc", "name": "a", "recording": tilts[0]},
        {"even": "2e.mrc", "odd": "2o.mrc", "name": "b", "recording": tilts[1]},
    ]


def test_all_maps_of_a_tomogram_are_named_at_once() -> None:
    assert typed("--maps a.mrc b.mrc c.mrc --maps d.mrc --tilt-axis x") == [
        {"maps": ["a.mrc", "b.mrc", "c.mrc"], "recording": {"tilt_axis": "x"}},
        {"maps": ["d.mrc"], "recording": {"tilt_axis": "x"}},
    ]


@pytest.mark.parametrize(
    ("typed", "maps"),
    [
        ({"even": "c"}, ["c", "b"]),
        ({"odd": "c"}, ["a", "c"]),
        ({"maps": ["c"]}, ["c"]),
        ({"recording": {"tilt_range": ["-50", "50"]}}, ["a", "b"]),
    ],
)
@pytest.mark.parametrize(
    "listed",
    [
        {"even": "a", "odd": "b", "voxel_size": 8, "tilt_min": -60, "tilt_max": 60},
        {"maps": ["a", "b"], "recording": {"voxel_size": 8, "tilt_range": [-60, 60]}},
        {"maps": ["a", "b"], "recording": {"voxel_size": 8, "tilt_min": -60, "tilt_max": 60}},
    ],
)
def test_what_is_typed_lies_over_what_a_recipe_lists(
    listed: dict[str, Any], typed: dict[str, Any], maps: list[str]
) -> None:
    made = TomogramConfig.model_validate(laid_over(listed, typed))
    assert [str(path) for path in made.maps] == maps
    assert made.recording.tilt_range == ((-50, 50) if "recording" in typed else (-60, 60))
    assert made.recording.voxel_size == 8


def test_a_folder_of_pairs(three_pairs: Path) -> None:
    found = typed(f"--pairs {three_pairs} --tilt-axis x")
    assert [one["name"] for one in found] == ["TS1", "TS2", "TS3"]
    assert found[2] == {
        "even": three_pairs / "TS3_even.mrc",
        "odd": three_pairs / "TS3_odd.mrc",
        "name": "TS3",
        "recording": {"tilt_axis": "x"},
    }


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "--even 1.mrc --even 2.mrc --odd 1.mrc",
            "--odd is given once for 2 tomograms: .* the order of --even$",
        ),
        (TWO + "--name a", "--name is given once for 2 tomograms"),
        (TWO + "--voxel-size 8 " * 3, "--voxel-size is given 3 times for 2 tomograms: .* or once for all$"),
        (
            "--odd 1.mrc --odd 2.mrc",
            "--odd is given 2 times for one tomogram: give every tomogram with --even",
        ),
        ("--maps 1.mrc --odd 2.mrc", "--maps names all maps of a tomogram: leave out --odd"),
        ("--maps 1.mrc --maps 2.mrc --name a", "give it once for each, in the order of --maps$"),
        ("--pairs . --maps 1.mrc", "--pairs finds the halves by itself: leave out --maps"),
        ("--pairs . --even 1.mrc", "--pairs finds the halves by itself: leave out --even"),
        ("--pairs .", "there are no pairs of half tomograms among 0 volumes"),
    ],
)
def test_options_that_do_not_fit_together(line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        typed(line)
