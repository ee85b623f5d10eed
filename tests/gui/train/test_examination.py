from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.train import examination
from napari_cryorestore.gui.train.examination import detect_tilt_range, examine
from napari_cryorestore.gui.volume import Volume
from napari_cryorestore.physics import wedge_detection
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wedge_detection import DetectedWedge

SHAPE = (16, 40, 48)


def halves(path: Path | None = None) -> DataChoice:
    random = np.random.default_rng(0)
    signal = random.normal(size=SHAPE)
    even, odd = (Volume(name, signal + random.normal(size=SHAPE), path=path, voxel_size=8.0) for name in "ab")
    return DataChoice(even, odd)


def with_data(choice: DataChoice, odd: np.ndarray) -> DataChoice:
    return DataChoice(choice.even, Volume("odd", odd, voxel_size=8.0))


def test_two_halves_are_described_in_one_line():
    found = examine(halves())
    assert found.line.startswith("16×40×48, 8.0 Å, halves agree (r = 0.5")
    assert (found.problem, found.warning) == ("", "")


def test_nothing_chosen_tells_nothing():
    assert examine(DataChoice()) == examination.Examination()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: np.full_like(data, np.nan), "NaN"),
        (np.zeros_like, "constant"),
    ],
)
def test_useless_voxels_forbid_training(spoil, words):
    choice = halves()
    found = examine(with_data(choice, spoil(choice.even.data)))
    assert words in found.problem
    assert found.line == ""


def test_a_copy_as_second_half_is_noticed():
    choice = halves()
    assert "the same volume" in examine(with_data(choice, choice.even.data * 2)).problem


def test_unrelated_halves_are_a_warning_only():
    choice = halves()
    found = examine(with_data(choice, np.random.default_rng(9).normal(size=SHAPE)))
    assert found.problem == ""
    assert found.warning != ""


def test_one_volume_is_described_and_its_other_half_offered():
    other = Path("/data/TS01_odd.mrc")
    one = Volume("TS01_even", np.random.default_rng(0).normal(size=SHAPE), voxel_size=8.0, other_half=other)
    found = examine(DataChoice(one))
    assert found.line == "16×40×48, 8.0 Å"
    assert found.other_half == other
    spoilt = Volume("TS01_even", np.full(SHAPE, np.inf), voxel_size=8.0)
    assert "NaN or infinite" in examine(DataChoice(spoilt)).problem


def test_tilt_angles_beside_the_file_are_read(tmp_path):
    path = tmp_path / "TS01_even.mrc"
    path.touch()
    (tmp_path / "TS01.tlt").write_text("-57\n0\n60\n")
    found = examine(halves(path))
    assert found.tilt_range == (-57.0, 60.0)
    assert found.tilt_file == "TS01.tlt"
    (tmp_path / "TS01.tlt").write_text("steep\n")
    found = examine(halves(path))
    assert found.tilt_range is None
    assert "TS01.tlt" in found.warning


def detected(monkeypatch, *, reliable: bool = True):
    wedge = Wedge(-59.6, 61.2, "y")
    monkeypatch.setattr(wedge_detection, "detect_wedge", lambda data: DetectedWedge(wedge, 0.9, reliable))


def test_the_spectrum_fills_in_what_is_unknown(monkeypatch):
    detected(monkeypatch)
    found = detect_tilt_range(halves())
    assert (found.tilt_min, found.tilt_max, found.tilt_axis) == (-60, 61, "y")
    assert found.sentence == "Read off the spectrum: −60…61°, tilt axis y."


@pytest.mark.parametrize(
    ("low", "high", "agrees", "words"),
    [
        ("-60", "60", True, "The spectrum agrees"),
        ("-40", "60", False, "the spectrum shows"),
        ("60", "-60", False, "reversed"),
        ("steep", "60", False, "could not convert"),
    ],
)
def test_the_spectrum_is_held_against_what_is_typed(monkeypatch, low, high, agrees, words):
    detected(monkeypatch)
    choice = halves()
    found = detect_tilt_range(DataChoice(choice.even, tilt_min=low, tilt_max=high))
    assert found.agrees is agrees
    assert words in found.sentence


def test_an_unclear_spectrum_says_so(monkeypatch):
    detected(monkeypatch, reliable=False)
    found = detect_tilt_range(halves())
    assert not found.reliable
    assert "no clear missing wedge" in found.sentence


def test_detection_needs_a_volume():
    with pytest.raises(ValueError, match="Choose half 1 first"):
        detect_tilt_range(DataChoice())
