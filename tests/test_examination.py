"""What is in force of a tomogram's tilts, where it is from, and what the user is told before work starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_cryorestore.examination import examine, look_at
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.trained_on import TrainedOn
from napari_cryorestore.samples import real_pair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cryorestore.examination import Examination

    Change = Callable[[NDArray[np.float32]], NDArray[np.float32]]

TILTS = range(-60, 61, 3)
SEEN = (-62.0, 62.0)  # what the spectrum of the real pair shows, within the detection's 3°


def make(
    folder: Path, change: Change = lambda half: half, *, voxel_size: float = 40.0, name: str = "TS"
) -> tuple[Path, Path]:
    """Write the real pair with one thing changed, without its tilt file."""
    halves = []
    for source, half in zip(real_pair(), ("even", "odd"), strict=True):
        path = folder / f"{name}_{half}.mrc"
        volume = np.array(open_tomogram(source).even)
        write_volume(path, np.ascontiguousarray(change(volume)), voxel_size=voxel_size, label="test")
        halves.append(path)
    return halves[0], halves[1]


def tilts(path: Path, angles: object = TILTS) -> None:
    path.write_text("".join(f"{angle}\n" for angle in angles), encoding="utf-8")  # type: ignore[attr-defined]


def look(
    pair: tuple[Path, Path], *, needs_wedge: bool = True, mask: Path | None = None, **known: Any
) -> Examination:
    tomogram = open_tomogram(pair, mask=mask, recording=Recording(**known))
    return examine(tomogram, needs_wedge=needs_wedge)


def told(found: Examination) -> list[tuple[str, str]]:
    return [(finding.severity, finding.topic) for finding in found.findings]


def test_a_sound_tomogram_with_its_tilt_file_needs_no_word(tmp_path: Path) -> None:
    pair = make(tmp_path)
    tilts(tmp_path / "TS.tlt")
    found = look(pair)
    assert (found.tilt_range, found.tilt_source) == ((-60, 60), "TS.tlt")
    assert (found.tomogram.recording.tilt_axis, found.axis_source) == ("y", "spectrum")
    assert found.halves is not None
    assert found.findings == ()
    found.require_usable()


def test_without_a_file_the_range_is_read_off_the_spectrum_and_said(tmp_path: Path) -> None:
    found = look(make(tmp_path))
    assert (found.tilt_range, found.tilt_source) == (SEEN, "spectrum")
    assert told(found) == [("note", "tilt range")]
    assert "−62…62° was read off the spectrum" in found.findings[0].text


def test_a_method_with_a_wedge_is_refused_where_neither_file_nor_spectrum_says(tmp_path: Path) -> None:
    pair = make(tmp_path, lambda half: np.random.default_rng(0).permutation(half.ravel()).reshape(half.shape))
    found = look(pair)
    assert found.tilt_source == ""
    with pytest.raises(ValueError, match=r"^TS: .* needs the tilt range, but .*--tilt-range LOW"):
        found.require_usable()
    assert not look(pair, needs_wedge=False).problems


@pytest.mark.parametrize(("low", "high"), [(-30, 30), (-90, 90), (-48, 72)])
def test_a_wrong_range_is_warned_of_with_the_right_one(tmp_path: Path, low: float, high: float) -> None:
    pair = make(tmp_path)
    tilts(tmp_path / "TS.tlt", (low, 0, high))
    for found, source in ((look(pair), "TS.tlt"), (look(pair, tilt_range=(low, high)), "given")):
        assert (found.tilt_range, found.tilt_source) == ((low, high), source)
        assert told(found) == [("warning", "tilt range")]
        assert "the spectrum shows −62…62°" in found.findings[0].sentence
        assert (
            "those of the spectrum: −62…62° (--tilt-range −62 62, or in the panel)"
            in found.findings[0].remedy
        )


@pytest.mark.parametrize("needs_wedge", [True, False])
def test_a_wrong_range_with_which_a_model_learned_is_named_after_its_run(
    tmp_path: Path, needs_wedge: bool
) -> None:
    even, odd = make(tmp_path)
    tomogram = open_tomogram((even, odd), recording=Recording(tilt_range=(-30, 30)))
    (finding,) = examine(
        tomogram, needs_wedge=needs_wedge, learned=TrainedOn(Recording(tilt_range=(-30, 30)))
    ).findings
    assert finding.sentence.startswith("The tilt range −30…30° is from the run, but")
    again = "Train again with the right range (--tilt-range −62 62, or in the panel)."
    assert (finding.remedy == again) is needs_wedge
    (other,) = examine(
        tomogram, needs_wedge=needs_wedge, learned=TrainedOn(Recording(tilt_range=(-60, 60)))
    ).findings
    assert "was given" in other.sentence


@pytest.mark.parametrize("needs_wedge", [True, False])
def test_a_wrong_axis_with_which_a_model_learned_is_named_after_its_run(
    tmp_path: Path, needs_wedge: bool
) -> None:
    even, odd = make(tmp_path)
    tomogram = open_tomogram((even, odd), recording=Recording(tilt_range=(-62, 62), tilt_axis="x"))
    learned = TrainedOn(Recording(tilt_range=(-62, 62), tilt_axis="x"))
    (finding,) = examine(tomogram, needs_wedge=needs_wedge, learned=learned).findings
    assert finding.sentence == "The tilt axis x is from the run, but the spectrum shows the tilt axis y."
    assert finding.remedy.startswith("Train again with the tilt axis y") is needs_wedge
    (other,) = examine(tomogram, needs_wedge=needs_wedge, learned=TrainedOn()).findings
    assert "was given" in other.sentence


def test_the_axis_of_the_spectrum_is_taken_and_said(tmp_path: Path) -> None:
    found = look(make(tmp_path, lambda half: half.transpose(0, 2, 1)), tilt_range=(-60, 60))
    assert (found.tomogram.recording.tilt_axis, found.axis_source) == ("x", "spectrum")
    assert [finding.text for finding in found.findings] == ["TS: The tilt axis is x, as the spectrum shows."]


def test_a_given_axis_that_disagrees_stays_with_a_warning(tmp_path: Path) -> None:
    pair = make(tmp_path, lambda half: half.transpose(0, 2, 1))
    found = look(pair, tilt_range=(-60, 60), tilt_axis="y")
    assert (found.tomogram.recording.tilt_axis, found.axis_source) == ("y", "given")
    assert told(found) == [("warning", "tilt axis")]
    assert "--tilt-axis x" in found.findings[0].remedy
    assert look(pair, tilt_range=(-60, 60), tilt_axis="x").findings == ()


def test_exchanged_axes_are_told_with_what_turns_them(tmp_path: Path) -> None:
    pair = make(tmp_path, lambda half: half[16:48].transpose(1, 0, 2))
    found = look(pair, tilt_range=(-60, 60))
    assert told(found) == [("warning", "axes")]
    assert "y and z look exchanged" in found.findings[0].sentence
    assert "trimvol -rx" in found.findings[0].remedy
    assert "both halves" in found.findings[0].remedy
    other = make(tmp_path, lambda half: half.transpose(2, 1, 0), name="b")
    alone = examine(open_tomogram(other[0], recording=Recording(tilt_range=(-60, 60))), needs_wedge=True)
    assert "x and z look exchanged" in alone.findings[0].sentence
    assert alone.findings[0].remedy == "Turn the volume first, so that the beam is along z."


def test_of_two_tilt_files_the_spectrum_is_the_judge(tmp_path: Path) -> None:
    pair = make(tmp_path)
    tilts(tmp_path / "TS.tlt", [angle - 9.5 for angle in TILTS])
    tilts(tmp_path / "TS.aln", list(TILTS))
    found = look(pair)
    assert (found.tilt_range, found.tilt_source) == ((-60, 60), "TS.aln")
    assert told(found) == [("note", "tilt range")]
    assert "TS.aln (−60…60°), TS.tlt (−69.5…50.5°)" in found.findings[0].sentence
    (tmp_path / "TS.aln").rename(tmp_path / "TS.rawtlt")
    found = look(pair)
    assert (found.tilt_range, found.tilt_source) == ((-60, 60), "TS.rawtlt")
    assert "agrees with TS.rawtlt" in found.findings[0].remedy


def test_signs_that_are_the_other_way_round_in_a_file_are_turned_after_the_spectrum(tmp_path: Path) -> None:
    rng, wedge = np.random.default_rng(1), Wedge(-66, 45)
    import torch

    from napari_cryorestore.physics.wedge import apply_mask

    noise = torch.from_numpy(rng.standard_normal((48, 64, 64), dtype=np.float32))
    path = tmp_path / "TS.mrc"
    write_volume(path, apply_mask(noise, wedge.mask(noise.shape)).numpy(), voxel_size=10.0, label="test")
    tilts(tmp_path / "TS.tlt", range(-45, 67, 3))
    found = examine(open_tomogram(path), needs_wedge=True)
    assert (found.tilt_range, found.tilt_source) == ((-66, 45), "TS.tlt")
    assert told(found) == [("note", "tilt range")]
    given = examine(open_tomogram(path, recording=Recording(tilt_range=(-45, 66))), needs_wedge=True)
    assert given.tilt_range == (-45, 66)
    assert "Check the sign: the range may have to be −66…45°." in given.findings[0].remedy


@pytest.mark.parametrize("plane", [4, 17, 63])
def test_a_plane_that_is_not_finite_is_a_problem_wherever_it_lies(tmp_path: Path, plane: int) -> None:
    pair = make(tmp_path)
    tomogram = open_tomogram(pair, recording=Recording(tilt_range=(-60, 60)))
    spoiled = np.array(tomogram.odd)
    spoiled[plane] = np.inf
    found = examine(replace(tomogram, maps=(tomogram.even, spoiled)), needs_wedge=True)
    assert [finding.sentence for finding in found.problems] == [
        "The odd half (TS_odd.mrc) contains NaN or infinite voxels."
    ]


def test_a_black_half_is_named_with_its_tomogram(tmp_path: Path) -> None:
    even, _ = make(tmp_path)
    black = tmp_path / "TS_black.mrc"
    write_volume(black, np.zeros((64, 76, 162), np.float32), voxel_size=40.0, label="test")
    found = look((even, black), tilt_range=(-60, 60))
    assert found.problems[0].text == (
        "TS: The odd half (TS_black.mrc) is constant (every voxel looked at is 0). Choose another file."
    )


def test_a_voxel_size_of_exactly_one_is_doubted_unless_it_was_given(tmp_path: Path) -> None:
    pair = make(tmp_path, voxel_size=1.0)
    found = look(pair, tilt_range=(-60, 60))
    assert told(found) == [("warning", "voxel size")]
    assert "exactly 1.00 Å" in found.findings[0].sentence
    assert "--voxel-size, or in the panel" in found.findings[0].remedy
    assert look(pair, tilt_range=(-60, 60), voxel_size=1.0).findings == ()


def test_what_cannot_be_checked_is_said_where_it_matters(tmp_path: Path) -> None:
    pair = make(tmp_path, lambda half: np.random.default_rng(0).permutation(half.ravel()).reshape(half.shape))
    found = look(pair, tilt_range=(-60, 60))
    assert "could not be checked; the tilt axis y is assumed." in found.findings[-1].text
    assert look(pair, tilt_range=(-60, 60), needs_wedge=False).findings == found.findings[:-1]


def test_an_examination_of_what_was_examined_says_the_same(tmp_path: Path) -> None:
    found = look(make(tmp_path))
    assert examine(replace(found.tomogram), needs_wedge=True) == replace(found)


@pytest.mark.parametrize("given", [(-60.0, 60.0), (-30.0, 30.0)])
def test_a_look_made_before_tells_the_same(tmp_path: Path, given: tuple[float, float]) -> None:
    even, odd = make(tmp_path)
    seen = look_at(open_tomogram((even, odd)))
    typed = open_tomogram((even, odd), recording=Recording(tilt_range=given))
    again = examine(typed, needs_wedge=True, look=seen)
    assert again.findings == examine(typed, needs_wedge=True).findings
    assert bool(again.findings) is (given == (-30.0, 30.0))


def test_a_mask_inside_a_blank_is_a_problem(tmp_path: Path) -> None:
    def blank(half: NDArray[np.float32]) -> NDArray[np.float32]:
        half[:, :, :60] = 0
        return half

    pair = make(tmp_path, blank)
    mask = np.zeros(open_tomogram(pair[0]).shape, dtype=np.int8)
    mask[:, :, :40] = 1
    write_volume(tmp_path / "mask.mrc", mask, voxel_size=40.0, label="test")
    found = look(pair, tilt_range=(-60, 60), mask=tmp_path / "mask.mrc")
    (problem,) = found.problems
    assert (problem.topic, problem.about) == ("no data", "TS")
    assert "37 % of the tomogram holds none, and 100 % of the mask lies there" in problem.sentence
    assert look(pair, tilt_range=(-60, 60)).problems == ()


def test_a_half_that_wrapped_is_warned_of_and_the_halves_are_compared(tmp_path: Path) -> None:
    pair, rng = make(tmp_path), np.random.default_rng(0)
    smooth = gaussian_filter(rng.standard_normal((64, 76, 162)), 2)
    wrapped = np.round(20_000 + 8000 * smooth / smooth.std()).astype(np.int64).astype(np.int16)
    found = examine(
        replace(open_tomogram(pair), maps=(open_tomogram(pair[0]).even, wrapped)), needs_wedge=False
    )
    (finding,) = (item for item in found.findings if item.topic == "wrapped values")
    assert finding.severity == "warning"
    assert finding.text.startswith("TS: The odd half (TS_odd.mrc) has wrapped: neighbouring voxels jump")
    assert found.halves is not None  # they are compared all the same
    assert "halves" in [item.topic for item in found.findings]


def test_of_more_than_two_maps_each_is_compared_with_the_one_before(tmp_path: Path) -> None:
    truth = np.random.default_rng(1).normal(size=(32, 48, 48)).astype(np.float32)
    noise = np.random.default_rng(2).normal(size=(3, 32, 48, 48)).astype(np.float32)
    paths = [tmp_path / f"TS_{number}.mrc" for number in range(3)]
    for path, own in zip(paths, noise, strict=True):
        write_volume(path, truth + own, voxel_size=10.0, label="test")
    found = examine(open_tomogram(paths), needs_wedge=False)
    assert found.halves is not None
    assert found.halves.correlation == pytest.approx(0.5, abs=0.05)
    assert [item for item in found.findings if item.topic == "halves"] == []
    paths[2] = tmp_path / "inverted.mrc"
    write_volume(paths[2], -truth - noise[2], voxel_size=10.0, label="test")
    (finding,) = (
        item for item in examine(open_tomogram(paths), needs_wedge=False).findings if item.topic == "halves"
    )
    assert finding.sentence.startswith("Maps 2 (even) and 3 (odd): The halves have opposite contrast")
    paths[2] = tmp_path / "constant.mrc"
    write_volume(paths[2], np.ones_like(truth), voxel_size=10.0, label="test")
    (constant,) = examine(open_tomogram(paths), needs_wedge=False).problems
    assert constant.sentence.startswith("Map 3 (constant.mrc) is constant")
