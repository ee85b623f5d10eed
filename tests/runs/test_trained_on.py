"""Tests of whether a model fits what it is to restore."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.trained_on import TrainedOn, misfits

RECORDING = Recording(voxel_size=10, tilt_range=(-60, 60), tilt_axis="y")
MODEL = TrainedOn(RECORDING, -0.8)


def changed(**other: Any) -> TrainedOn:
    if "skewness" in other:
        return replace(MODEL, **other)
    return TrainedOn(RECORDING.model_copy(update=other), MODEL.skewness)


def topics(
    tomogram: TrainedOn, *, model: TrainedOn = MODEL, lacks_half: bool = False, wedge: bool = True
) -> list[str]:
    found = misfits(model, tomogram, lacks_half=lacks_half, wedge=wedge)
    assert all(finding.severity == "warning" and finding.remedy for finding in found)
    return [finding.topic for finding in found]


def test_what_was_recorded_alike_fits() -> None:
    assert topics(MODEL) == []
    assert topics(TrainedOn(Recording(voxel_size=10.9, tilt_range=(-55, 66)), -0.1)) == []
    assert topics(replace(MODEL, skewness=0.25)) == []


@pytest.mark.parametrize(
    ("other", "topic", "words"),
    [
        ({"voxel_size": 13.48}, "voxel size", "is 13.48 Å, but the model learned from voxels of 10 Å"),
        ({"voxel_size": 8.9}, "voxel size", "8.9 Å"),
        ({"tilt_range": (-60, 45)}, "wedge", "−60…45° about y, but the model learned from −60…60° about y"),
        ({"tilt_axis": "x"}, "wedge", "about x"),
        ({"skewness": 0.8}, "contrast", "looks bright here"),
    ],
)
def test_what_differs_is_said(other: dict[str, object], topic: str, words: str) -> None:
    tomogram = changed(**other)
    assert topics(tomogram) == [topic]
    assert words in misfits(MODEL, tomogram, lacks_half=False, wedge=True)[0].sentence


def test_tilts_do_not_matter_where_no_wedge_is_filled() -> None:
    assert topics(changed(tilt_range=(-60, 45)), wedge=False) == []


def test_one_map_instead_of_two_is_said() -> None:
    assert topics(MODEL, lacks_half=True) == ["halves"]


def test_what_is_not_known_is_not_compared() -> None:
    assert topics(TrainedOn()) == []
    assert topics(changed(tilt_range=(-60, 45)), model=TrainedOn()) == []


def test_it_survives_being_written_down() -> None:
    assert TrainedOn.from_json(MODEL.to_json()) == MODEL
    assert TrainedOn.from_json(TrainedOn().to_json()) == TrainedOn()


def test_what_older_versions_wrote_down_is_read() -> None:
    text = '{"voxel_size": 10.0, "tilt_min": -60.0, "tilt_max": 60.0, "tilt_axis": "y", "skewness": -0.8}'
    assert TrainedOn.from_json(text) == MODEL


@pytest.mark.parametrize(
    "text",
    [None, "", "[]", "{", '{"recording": 7}', '{"voxel_size": "x", "tilt_min": true, "tilt_max": 1e999}'],
)
def test_damaged_words_tell_nothing(text: str | None) -> None:
    assert TrainedOn.from_json(text) == TrainedOn()


@pytest.mark.parametrize(
    ("ours", "theirs", "told"), [(2, 3, True), (3, 2, True), (2, 2, False), (2, 1, False)]
)
def test_another_number_of_maps_has_another_noise(ours: int, theirs: int, told: bool) -> None:
    model, tomogram = (replace(MODEL, maps=count) for count in (theirs, ours))
    assert topics(tomogram, model=model) == (["maps"] if told else [])
    assert TrainedOn.from_json(model.to_json()) == model
