"""Tomograms named one by one, several times, or by a folder of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_cryorestore.cli.parser import Parser
from napari_cryorestore.cli.tomograms import add_tomogram_options, typed_tomograms

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
        {"voxel_size": "8", "tilt_min": "-60", "tilt_max": "58"}
    ]


def test_several_tomograms_have_some_things_in_common_and_some_of_their_own() -> None:
    line = TWO + "--voxel-size 8 --name a --name b --tilt-range -60 60 --tilt-range -50 55"
    common = {"voxel_size": "8"}
    assert typed(line) == [
        {"even": "1e.mrc", "odd": "1o.mrc", "name": "a", "tilt_min": "-60", "tilt_max": "60"} | common,
        {"even": "2e.mrc", "odd": "2o.mrc", "name": "b", "tilt_min": "-50", "tilt_max": "55"} | common,
    ]


def test_a_folder_of_pairs(three_pairs: Path) -> None:
    found = typed(f"--pairs {three_pairs} --tilt-axis x")
    assert [one["name"] for one in found] == ["TS1", "TS2", "TS3"]
    assert found[2] == {
        "even": three_pairs / "TS3_even.mrc",
        "odd": three_pairs / "TS3_odd.mrc",
        "name": "TS3",
        "tilt_axis": "x",
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
        ("--pairs . --even 1.mrc", "--pairs finds the halves by itself: leave out --even"),
        ("--pairs .", "there are no pairs of half tomograms among 0 volumes"),
    ],
)
def test_options_that_do_not_fit_together(line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        typed(line)
