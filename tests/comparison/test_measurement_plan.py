"""All numbers of a comparison, and what is told where there are none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_cryorestore.comparison.measurement_plan import (
    MeasurementRequest,
    PickRequest,
    evaluate,
    kept_numbers,
    planned,
)
from napari_cryorestore.comparison.measuring import Boxes, proposed_boxes
from napari_cryorestore.comparison.number import number_words
from napari_cryorestore.comparison.result_cache import ResultCache
from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.io.particle_list import Picks
from napari_cryorestore.physics.wedge import Wedge, apply_mask
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from napari_cryorestore.comparison.number import Evaluation

SHAPE = (32, 32, 32)
EDGE = 10.0


def noise(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def measured(volume: np.ndarray) -> np.ndarray:
    return apply_mask(torch.from_numpy(volume), Wedge(-60, 60).sector(volume.shape)).numpy()


def row(name: str, data: np.ndarray, **more) -> ComparedVolume:
    sizes = (EDGE, EDGE, EDGE)
    return ComparedVolume(
        name, data, sizes, corner_of(sizes), **{"recording": Recording(tilt_range=(-60.0, 60.0)), **more}
    )


def the(found, name: str, **about: str) -> float:
    """Return the one number that fits."""
    fitting = [
        item.value
        for item in found.summary
        if item.name == name and all(getattr(item, key) == value for key, value in about.items())
    ]
    assert len(fitting) == 1, fitting
    return fitting[0]


def test_a_single_volume_has_power_wedge_power_and_share() -> None:
    found = evaluate([row("A", noise(0)), row("B", measured(noise(0)))])
    assert found.problems == ()
    assert the(found, "supplied_share", row="A") == pytest.approx(3**-0.5 / 2, abs=0.01)  # of the cube's
    assert the(found, "supplied_share", row="B") < 1e-6
    assert the(found, "wedge_power", row="A", region="40-20 Å") == pytest.approx(1, abs=0.1)
    assert the(found, "wedge_power", row="B", region="40-20 Å") < 1e-6
    power = [item for item in found.numbers if item.name == "power" and item.row == "A"]
    assert [item.at for item in power][-1] == pytest.approx(1 / 20)
    assert power[-1].value == pytest.approx(1, abs=0.2)


def test_halves_and_rows_are_correlated_in_every_region() -> None:
    signal = noise(0)
    halves = tuple(measured(signal) + (noise(seed) - measured(noise(seed))) for seed in (1, 2))
    mean = (halves[0] + halves[1]) / 2
    found = evaluate([row("A", mean, halves=halves), row("B", signal)])
    curves = {
        (item.against, item.region): item.value
        for item in found.numbers
        if item.name == "fsc" and item.at == pytest.approx(12 / 320)
    }
    assert curves["halves", "measured"] > 0.9
    assert abs(curves["halves", "wedge"]) < 0.3
    assert curves["B", "measured"] > 0.9
    assert set(curves) == {
        (other, region) for other in ("halves", "B") for region in ("all", "measured", "wedge")
    }
    assert math.isnan(the(found, "resolution_0.5", region="measured", against="halves"))
    expected = np.sqrt(np.square(halves[0] - halves[1]).mean() / 4) / mean.std()
    assert the(found, "half_disagreement") == pytest.approx(expected, rel=1e-4)


def test_agreement_is_with_the_other_raw_half() -> None:
    signal = 3 * noise(0)
    raw = tuple(signal + noise(seed) for seed in (1, 2))
    ours = row("A", (raw[0] + raw[1]) / 2, halves=raw)
    found = evaluate([ours], MeasurementRequest(raw=replace(ours, halves=raw)))
    assert the(found, "agreement", region="40-20 Å") == pytest.approx(0.9, abs=0.02)  # 9 / (9 + 1)
    own = evaluate([replace(ours, halves=raw[::-1])], MeasurementRequest(raw=replace(ours, halves=raw)))
    assert the(own, "agreement", region="40-20 Å") == pytest.approx(1)
    other = evaluate([ours], MeasurementRequest(raw=row("raw", raw[0][1:], halves=(raw[0][1:], raw[1][1:]))))
    assert "no agreement between them can be measured" in other.problems[0]


def test_the_reference_is_correlated_over_all_detail_too() -> None:
    truth = noise(0)
    found = evaluate([row("A", measured(truth))], MeasurementRequest(reference=row("truth", truth)))
    assert the(found, "correlation", region="measured") == pytest.approx(1, abs=1e-3)
    assert the(found, "correlation", region="wedge") == pytest.approx(0, abs=0.05)
    assert 0.7 < the(found, "correlation", region="all") < 0.9  # sqrt(2/3)
    assert the(found, "resolution_0.5", region="all", against="truth") != 0


def test_boxes_lie_at_the_same_place_in_volumes_of_different_voxels() -> None:
    fine = noise(0, (32, 32, 32)) + 5 * (np.indices(SHAPE)[2] >= 16)
    coarse = fine.reshape(16, 2, 16, 2, 16, 2).mean(axis=(1, 3, 5)).astype(np.float32)
    boxes = Boxes(np.array([[160.0, 160, 240]]), np.array([[160.0, 160, 80]]), 80.0)
    sizes = (20.0, 20.0, 20.0)
    rows = [row("fine", fine), ComparedVolume("coarse", coarse, sizes, corner_of(sizes))]
    found = evaluate(rows, MeasurementRequest(boxes=boxes))
    assert found.problems == (
        "fine (32×32×32 voxels of 10 Å) and coarse (16×16×16 voxels of 20 Å) do not lie on one grid, "
        "so they have no shell correlation: resample one of them.",
    )
    assert the(found, "snr_squared", row="fine") == pytest.approx(10 * math.log10(25), abs=1.5)
    assert the(found, "snr_squared", row="coarse") == pytest.approx(10 * math.log10(25 * 8), abs=1.5)
    assert the(found, "snr_squared_boxes", row="fine") == 1
    outside = replace(boxes, signal=np.array([[160.0, 160, 310]]))
    problems = evaluate(rows[:1], MeasurementRequest(boxes=outside)).problems
    assert "fine has no signal-to-noise ratio. The signal box" in problems[0]


def test_boxes_are_proposed_where_the_density_is() -> None:
    data = noise(0, (32, 64, 64))
    data[:, :16] = 5 * data[:, :16] - 10
    boxes = proposed_boxes(row("A", data))
    assert boxes.size == 80
    assert boxes.signal[:, 1].min() < 160 < boxes.background[:, 1].min()
    found = evaluate([row("A", data)], MeasurementRequest(boxes=boxes))
    assert the(found, "snr_squared") > 5
    bright = proposed_boxes(row("A", -data), size=100, dark=False)
    assert bright.size == 100
    with pytest.raises(ValueError, match=r"No boxes could be proposed in A. Boxes of 100 voxels"):
        proposed_boxes(row("A", data), size=1000)


def test_picks_are_matched() -> None:
    reference = Picks(np.array([[0.0, 0, 0], [0, 0, 100]]), None)
    ours = Picks(np.array([[0.0, 0, 4], [0, 0, 50]]), np.array([2.0, 1.0]))
    found = evaluate([], MeasurementRequest(picks=PickRequest({"p.star": ours}, reference, 10)))
    assert the(found, "f1") == pytest.approx(2 / 3)
    assert the(found, "precision", region="at the best F1") == 1
    assert the(found, "recall", region="at the best F1") == 0.5
    assert the(found, "mean_distance") == 4
    assert the(found, "average_precision") == 0.5
    assert [item.at for item in found.numbers if item.name == "recall" and item.on_curve] == [2, 1]


def bad(shape: tuple[int, int, int] = SHAPE, value: float = math.nan) -> np.ndarray:
    data = noise(0, shape)
    data[3] = value
    return data


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (row("A", bad()), r"A cannot be measured: 3.1 % of its voxels are NaN"),
        (row("A", bad(value=math.inf)), r"A cannot be measured: 3.1 % of its voxels are NaN or infinite"),
        (row("A", np.ones(SHAPE, np.float32)), "A cannot be measured: it is constant"),
        (
            replace(row("A", noise(0)), voxel_size=(10.0, 10.0, 12.0)),
            r"A has voxels of 10 × 10 × 12 Å \(z, y, x\), but spectra need cubic ones",
        ),
    ],
)
def test_a_bad_row_is_told_and_spoils_no_other(volume: ComparedVolume, words: str) -> None:
    found = evaluate([volume, row("B", noise(1))])
    assert found.problems
    with pytest.raises(ValueError, match=words):
        raise ValueError(found.problems[0])
    assert the(found, "supplied_share") > 0


def test_without_a_tilt_range_nothing_is_said_of_the_wedge() -> None:
    found = evaluate([row("A", noise(0), recording=Recording())])
    assert {item.name for item in found.numbers} == {"power"}


def test_large_volumes_are_measured_in_their_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_cryorestore.comparison.measuring.BLOCK", 16)
    data = bad((24, 32, 16))
    found = evaluate([row("A", data)])
    assert found.problems == ()
    assert len([item for item in found.numbers if item.name == "power"]) == 8


def test_it_tells_how_far_it_is_and_can_be_cancelled() -> None:
    shares: list[float] = []
    found = evaluate([row("A", noise(0)), row("B", noise(1))], progress=shares.append)
    assert shares == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert all(number_words(item.name) for item in found.numbers)
    with pytest.raises(Cancelled):
        evaluate([row("A", noise(0))], cancelled=lambda: True)


# What is kept in a cache ----------------------------------------------------------------------------


def kept(cache: ResultCache, rows: list[ComparedVolume], request: MeasurementRequest) -> Evaluation:
    plan = planned(rows, request)
    cache.request([step.job for step in plan])
    assert cache.join(300)
    return kept_numbers(cache, plan)


@pytest.fixture
def raw() -> ComparedVolume:
    signal = noise(1) * 2
    halves = ((signal + noise(2)), (signal + noise(3)))
    return row("raw", (halves[0] + halves[1]) / 2, halves=halves)


def test_numbers_come_under_the_present_names(raw: ComparedVolume) -> None:
    cache, request = ResultCache("test"), MeasurementRequest()
    assert kept_numbers(cache, planned([raw], request)).numbers == ()
    kept(cache, [raw], request)
    found = kept_numbers(cache, planned([replace(raw, name="new name")], request))
    assert found.problems == ()
    assert {number.row for number in found.numbers} == {"new name"}
    assert {"power", "fsc", "wedge_power", "supplied_share", "half_disagreement"} <= {
        number.name for number in found.numbers
    }


def test_numbers_of_other_boxes_or_picks_are_kept_apart(raw: ComparedVolume) -> None:
    keys = set()
    for number in range(50):  # each is gone before the next one is made, which may take its place in memory
        boxes = Boxes(np.array([[number, 0, 0]]), np.zeros((1, 3)), 80.0)
        places = Picks(np.array([[0.0, 0, number]]), None)
        request = MeasurementRequest(boxes=boxes, picks=PickRequest({"p.star": places}, places, 10))
        keys |= {step.job.key for step in planned([raw], request) if step.job.key[0] in ("snr", "picks")}
        del boxes, places, request
    assert len(keys) == 100


def test_the_same_measurements_are_made_for_the_panel_and_the_command_line(raw: ComparedVolume) -> None:
    request = MeasurementRequest(raw=replace(raw, name="other"), reference=row("truth", noise(1)))
    rows = [raw, row("second", noise(4))]
    assert repr(kept(ResultCache("test"), rows, request)) == repr(evaluate(rows, request))  # NaN is not NaN


def test_rows_are_correlated_where_they_overlap(raw: ComparedVolume) -> None:
    sizes = (EDGE,) * 3
    part = ComparedVolume("Part", raw.data[:16, 4:20, 8:24].copy(), sizes, corner_of(sizes, (0, 40, 80)))
    request = MeasurementRequest(other=raw, pairs=False, overlap=True)
    found = kept(ResultCache("test"), [raw, part], request)
    assert found.problems == ()
    curve = [item for item in found.numbers if item.row == "Part" and item.name == "fsc"]
    assert np.nanmin([item.value for item in curve if item.region == "all"]) > 0.999
    assert {item.against for item in curve} == {"raw"}
    assert not [item for item in found.numbers if item.row == "raw" and item.against == "raw"]
    apart = kept(ResultCache("test"), [raw, part], replace(request, overlap=False))
    assert "do not lie on one grid" in apart.problems[0]


def test_restored_halves_are_compared_with_raw_ones(raw: ComparedVolume) -> None:
    restored = row("R", raw.data * 0.9, halves=tuple(half * 0.9 for half in raw.halves or ()))
    found = kept(ResultCache("test"), [restored], MeasurementRequest(raw=raw, overlap=True))
    assert [item for item in found.numbers if item.name == "agreement" and item.value > 0.3]


def test_what_cannot_be_measured_is_told_and_the_rest_is_there(raw: ComparedVolume) -> None:
    holes = raw.data.copy()
    holes[0, 0, 0] = np.nan
    found = kept(ResultCache("test"), [raw, row("holes", holes)], MeasurementRequest(pairs=False))
    assert len(found.problems) == 1
    assert "NaN" in found.problems[0]
    assert {number.row for number in found.numbers} == {"raw"}
