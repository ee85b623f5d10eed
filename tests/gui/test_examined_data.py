from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_cryorestore.examination import examine
from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.examined_data import DataLook, ExaminedData, examined_data, look_at_data
from napari_cryorestore.gui.named_volume import NamedVolume
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.recording import Recording
from napari_cryorestore.samples import real_pair

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (16, 40, 48)


def halves(path: Path | None = None) -> DataChoice:
    random = np.random.default_rng(0)
    signal = 8 * gaussian_filter(random.normal(size=SHAPE), 2)  # no detail that only shared noise would have
    even, odd = (
        NamedVolume(name, signal + random.normal(size=SHAPE), path=path, voxel_size=8.0) for name in "ab"
    )
    return DataChoice(even, odd)


def with_data(choice: DataChoice, odd: np.ndarray) -> DataChoice:
    return DataChoice(choice.even, NamedVolume("odd", odd, voxel_size=8.0))


def seen(choice: DataChoice, *, needs_wedge: bool = False) -> ExaminedData:
    return examined_data(choice, look_at_data(choice, name="TS01"), needs_wedge=needs_wedge)


def test_two_halves_are_described_in_one_line():
    found = seen(halves())
    assert found.line.startswith("16×40×48, 8.0 Å, halves agree (r = 0.")
    assert (found.problem, found.warnings, found.notes) == ("", (), ())
    assert found.tilt_words.startswith("The tilt range is unknown")


def test_without_a_choice_nothing_is_known():
    assert seen(DataChoice()) == ExaminedData()


@pytest.mark.parametrize(
    ("spoil", "words"), [(lambda data: np.full_like(data, np.nan), "NaN"), (np.zeros_like, "constant")]
)
def test_useless_voxels_forbid_training_and_are_named(spoil, words):
    choice = halves()
    found = seen(with_data(choice, spoil(choice.even.data)))
    assert words in found.problem
    assert "“odd”" in found.problem
    assert found.line == ""


def test_a_copy_as_second_half_is_noticed():
    choice = halves()
    assert "the same volume" in seen(with_data(choice, choice.even.data * 2)).problem


def test_unrelated_halves_are_a_warning_only():
    found = seen(with_data(halves(), np.random.default_rng(9).normal(size=SHAPE)))
    assert found.problem == ""
    assert len(found.warnings) == 1


def test_one_volume_is_described():
    assert seen(DataChoice(halves().even)).line == "16×40×48, 8.0 Å"


def test_what_could_not_be_read_is_a_problem():
    found = examined_data(halves(), DataLook(trouble="The drive is gone."), needs_wedge=False)
    assert found.problem == "The drive is gone."


def test_a_voxel_size_of_one_is_doubted_until_it_is_typed():
    even, odd = (NamedVolume(half.name, half.data, voxel_size=1.0) for half in halves().volumes)
    assert "exactly 1.00 Å" in " ".join(seen(DataChoice(even, odd)).warnings)
    assert "or in the panel" in " ".join(seen(DataChoice(even, odd)).warnings)
    assert seen(DataChoice(even, odd, voxel_size="1")).warnings == ()


def test_tilt_files_that_are_of_no_use_are_named(tmp_path: Path):
    path = tmp_path / "TS01_even.mrc"
    path.touch()
    (tmp_path / "TS01.tlt").write_text("steep\n")
    found = seen(halves(path))
    assert found.tilt_range is None
    assert "TS01.tlt" in " ".join(found.warnings)
    (tmp_path / "TS01.tlt").write_text("-57\n0\n60\n")
    assert seen(halves(path)).tilt_range == (-57.0, 60.0)


@pytest.mark.parametrize(
    "typed",
    [{}, {"tilt_min": "-30", "tilt_max": "30"}, {"tilt_min": "-62", "tilt_max": "62", "tilt_axis": "x"}],
)
@pytest.mark.parametrize("needs_wedge", [True, False])
def test_the_panel_says_what_the_console_says(typed: dict[str, str], needs_wedge: bool):
    even, odd = real_pair()
    volumes = [
        NamedVolume(path.stem, open_volume(path).data, path=path, voxel_size=40.0) for path in (even, odd)
    ]
    found = seen(DataChoice(*volumes, **typed), needs_wedge=needs_wedge)
    tilts = (float(typed["tilt_min"]), float(typed["tilt_max"])) if typed else None
    opened = open_tomogram(
        (even, odd),
        recording=Recording(voxel_size=40.0, tilt_range=tilts, tilt_axis=typed.get("tilt_axis", "auto")),
    )
    console = examine(opened, needs_wedge=needs_wedge)
    for part in ("sentence", "remedy"):
        assert [getattr(item, part) for item in found.findings] == [
            getattr(item, part) for item in console.findings
        ]
    assert found.tilt_range == console.tilt_range
    assert found.contradicts is bool(typed)


def test_a_range_taken_from_the_spectrum_is_not_called_typed():
    even, odd = real_pair()
    volumes = [
        NamedVolume(path.stem, open_volume(path).data, path=path, voxel_size=40.0) for path in (even, odd)
    ]
    low, high = (f"{angle:g}" for angle in seen(DataChoice(*volumes)).detected or ())
    assert seen(DataChoice(*volumes, tilt_min=low, tilt_max=high)).tilt_words.endswith(
        "taken from the spectrum"
    )
    assert seen(DataChoice(*volumes, tilt_min="-60", tilt_max=high)).tilt_words.endswith("typed")
