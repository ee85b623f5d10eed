from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from napari_cryorestore.config import sentence, settings_of
from napari_cryorestore.recording import Recording, TomogramConfig, in_format_2


@pytest.mark.parametrize(
    ("tilts", "words"),
    [
        ((60, -60), "tilt_range: the tilt range 60…-60° is reversed or empty: give the lower angle first"),
        ((30, 30), "reversed or empty"),
        ((-91, 60), "tilt_range: the tilt range -91…60° goes beyond ±90°"),
        ((-60, 90.5), "goes beyond ±90°"),
        ((float("nan"), 60), "finite number"),
    ],
)
def test_a_tilt_range_that_cannot_be_is_refused_in_one_sentence(
    tilts: tuple[float, float], words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Recording(tilt_range=tilts)
    assert words in sentence(refused.value)
    assert ";" not in sentence(refused.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"voxel_size": 0.0}, "greater than 0"),
        ({"voxel_size": float("nan")}, "finite number"),
        ({"tilt_axis": "z"}, "'auto', 'y' or 'x'"),
        ({"tilt_min": -60, "tilt_max": 60, "tilt_range": (-40, 40)}, "either the tilt range or its two ends"),
    ],
)
def test_other_values_that_cannot_be_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Recording(**values)
    assert words in sentence(refused.value)


def test_what_was_given_holds_then_what_lies_beside_then_what_is_seen() -> None:
    given = Recording(voxel_size=8)
    beside = Recording(voxel_size=10, tilt_range=(-60, 60))
    seen = Recording(tilt_range=(-50, 50), tilt_axis="x")
    assert given.over(beside).over(seen) == Recording(voxel_size=8, tilt_range=(-60, 60), tilt_axis="x")
    assert Recording().over(seen) == seen
    assert seen.over(Recording()) == seen
    assert Recording(tilt_axis="y").over(seen).tilt_axis == "y"


def test_an_open_axis_is_reckoned_as_y() -> None:
    assert (Recording().axis, Recording(tilt_axis="x").axis) == ("y", "x")


def test_it_is_written_and_read_and_its_fields_are_settings() -> None:
    whole = Recording(voxel_size=7.5, tilt_range=(-60, 57), tilt_axis="x")
    assert Recording.from_toml(whole.to_toml()) == whole
    assert Recording.from_toml(Recording().to_toml()) == Recording()
    tilts = next(item for item in settings_of(Recording) if item.path == ("tilt_range",))
    assert (tilts.kind, tilts.length, tilts.unit, tilts.optional) == (tuple, 2, "°", True)


FORMAT_1 = {
    "even": "/e.mrc", "odd": "/o.mrc", "mask": "/m.mrc", "name": "TS1",
    "voxel_size": 8.0, "tilt_min": -50, "tilt_max": 60.0, "tilt_axis": "x",
}  # fmt: skip
TOMOGRAM = TomogramConfig(
    maps=(Path("/e.mrc"), Path("/o.mrc")),
    mask=Path("/m.mrc"),
    name="TS1",
    recording=Recording(voxel_size=8, tilt_range=(-50, 60), tilt_axis="x"),
)


def test_a_tomogram_of_format_1_is_read_and_written_in_format_2() -> None:
    assert TomogramConfig.model_validate(FORMAT_1) == TOMOGRAM
    assert TomogramConfig.known(FORMAT_1) == TOMOGRAM
    assert set(in_format_2(FORMAT_1)) == {"maps", "mask", "name", "recording"}
    assert TomogramConfig.from_toml(TOMOGRAM.to_toml()) == TOMOGRAM
    assert set(TOMOGRAM.model_dump()) == {"maps", "mask", "name", "recording"}
    assert FORMAT_1["even"] == "/e.mrc"  # what was given is left alone


@pytest.mark.parametrize("maps", [["/a"], ["/a", "/b", "/c"]])
def test_a_tomogram_has_one_map_or_more(maps: list[str]) -> None:
    made = TomogramConfig.model_validate({"maps": maps})
    assert made.maps == tuple(map(Path, maps))
    assert made.even == Path("/a")
    assert made.odd == (Path("/b") if len(maps) > 1 else None)
    assert made.recording == Recording()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"maps": []}, "maps: "),
        ({"name": "TS1"}, "maps: Field required"),
        ({"odd": "/o.mrc"}, "maps: Field required"),
        ({"maps": ["/a"], "even": "/b"}, "even: Extra inputs"),
        ({"even": "/a", "tilt_min": -60}, "give both the lowest and the highest tilt angle, or neither"),
        ({"even": "/a", "recording": {}, "voxel_size": 8}, "voxel_size: Extra inputs"),
        ({"even": "/a", "voxel_size": -8}, "recording.voxel_size: Input should be greater than 0"),
    ],
)
def test_what_names_no_tomogram_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TomogramConfig.model_validate(values)
    assert words in sentence(refused.value)


def test_of_damaged_values_what_makes_sense_is_known() -> None:
    damaged = {**FORMAT_1, "mask": 5, "voxel_size": "x", "tilt_min": []}
    known = TomogramConfig.known(damaged)
    assert known is not None
    assert (known.maps, known.mask, known.name) == (TOMOGRAM.maps, None, "TS1")
    assert known.recording == Recording(tilt_axis="x")
    assert TomogramConfig.known({"maps": 5}) is None
    assert TomogramConfig.known({"even": 5}) is None
    assert Recording.known([]) == Recording()
