from __future__ import annotations

import time

import numpy as np
import pytest

from napari_cryorestore.gui.compare.number_jobs import Asked, jobs_of, numbers_of
from napari_cryorestore.gui.compare.store import Store
from napari_cryorestore.recording import Recording

from .conftest import noise

SHAPE = (24, 24, 24)


def finished(store: Store, rows, asked: Asked):
    store.want([job for _, volume in rows for job in jobs_of(volume, asked)])
    deadline = time.monotonic() + 300
    while not numbers_of(store, rows, asked)[2]:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    store.join(300)
    return numbers_of(store, rows, asked)


@pytest.fixture
def raw(volume):
    signal = noise(SHAPE, 1) * 2
    halves = tuple((signal + noise(SHAPE, seed)).astype(np.float32) for seed in (2, 3))
    return volume(
        "raw", data=(halves[0] + halves[1]) / 2, halves=halves, recording=Recording(tilt_range=(-60, 60))
    )


def test_numbers_come_under_the_present_names(raw) -> None:
    store = Store("test")
    finished(store, [("old name", raw)], Asked())
    numbers, problems, complete = numbers_of(store, [("new name", raw)], Asked())
    assert complete
    assert problems == []
    assert {number.row for number in numbers} == {"new name"}
    assert {"power", "fsc", "wedge_power", "supplied_share", "half_disagreement"} <= {
        number.name for number in numbers
    }


def test_rows_are_correlated_where_they_overlap(raw, volume) -> None:
    part = volume("part", data=raw.data[:16, 4:20, 8:24].copy(), low_edge=(0, 40, 80))
    asked = Asked(other=("Raw data", raw))
    numbers, problems, _ = finished(Store("test"), [("Raw data", raw), ("Part", part)], asked)
    assert problems == []
    curve = [
        item.value for item in numbers if item.row == "Part" and item.name == "fsc" and item.region == "all"
    ]
    assert np.nanmin(curve) > 0.999
    assert {item.against for item in numbers if item.row == "Part" and item.name == "fsc"} == {"Raw data"}
    assert not [item for item in numbers if item.row == "Raw data" and item.against == "Raw data"]


def test_restored_halves_are_held_against_raw_ones(raw, volume) -> None:
    restored = volume("restored", data=raw.data * 0.9, halves=tuple(half * 0.9 for half in raw.halves))
    numbers, _, _ = finished(Store("test"), [("R", restored)], Asked(raw=raw))
    assert [item for item in numbers if item.name == "agreement" and item.value > 0.3]


def test_what_cannot_be_measured_is_told_and_the_rest_is_there(raw, volume) -> None:
    holes = raw.data.copy()
    holes[0, 0, 0] = np.nan
    rows = [("raw", raw), ("holes", volume("holes", data=holes))]
    numbers, problems, complete = finished(Store("test"), rows, Asked())
    assert complete
    assert len(problems) == 1
    assert "NaN" in problems[0]
    assert {number.row for number in numbers} == {"raw"}
