from __future__ import annotations

import pytest
from pydantic import ValidationError

from napari_cryorestore.config import sentence, settings_of
from napari_cryorestore.recording import Recording


@pytest.mark.parametrize(
    ("tilts", "words"),
    [
        ((60, -60), "tilt_range: the tilt range 60…-60° is reversed or empty: give the lower angle first"),
        ((30, 30), "reversed or empty"),
        ((-91, 60), "tilt_range: the tilt range -91…60° goes beyond ±90°"),
        ((-60, 90.5), "goes beyond ±90°"),
    ],
)
def test_a_tilt_range_that_cannot_be_is_refused_in_one_sentence(
    tilts: tuple[float, float], words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Recording(tilt_range=tilts)
    assert words in sentence(refused.value)
    assert ";" not in sentence(refused.value)


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
