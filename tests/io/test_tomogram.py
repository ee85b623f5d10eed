"""A tomogram opens with its scale and tilt range, or says what does not fit."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.io.tomogram import open_configured, open_tomogram
from napari_cryorestore.recording import Recording, TomogramConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Maker = Callable[..., Path]

NOISE = np.random.default_rng(0).normal(size=(2, 6, 7, 8)).astype(np.float32)


@pytest.fixture
def pair(make_mrc: Maker) -> tuple[Path, Path]:
    return (
        make_mrc("TS_even.mrc", NOISE[0], origin=(1.0, 2.0, 3.0), start=(4, 5, 6)),
        make_mrc("TS_odd.mrc", NOISE[1]),
    )


def test_everything_given(pair: tuple[Path, Path], make_mrc: Maker) -> None:
    mask = make_mrc("mask.mrc", (NOISE[0] > 0).astype(np.int8), mode=0)
    tomogram = open_tomogram(
        (pair[0], pair[1]),
        mask=mask,
        name="mine",
        recording=Recording(voxel_size=9.5, tilt_range=(-60, 50), tilt_axis="x"),
    )
    np.testing.assert_array_equal(tomogram.even, NOISE[0])
    assert tomogram.odd is not None
    np.testing.assert_array_equal(tomogram.odd, NOISE[1])
    assert tomogram.mask is not None
    np.testing.assert_array_equal(tomogram.mask, NOISE[0] > 0)
    assert tomogram.recording == Recording(voxel_size=9.5, tilt_range=(-60, 50), tilt_axis="x")
    assert (tomogram.name, tomogram.shape) == ("mine", (6, 7, 8))


def test_everything_found(pair: tuple[Path, Path]) -> None:
    pair[0].with_name("TS.tlt").write_text("-58\n0\n61\n", encoding="utf-8")
    tomogram = open_tomogram(pair)
    assert tomogram.recording == Recording(voxel_size=8, tilt_range=(-58, 61))
    assert (tomogram.voxel_size, tomogram.name) == (8, "TS")
    assert (tomogram.origin, tomogram.start) == ((1.0, 2.0, 3.0), (4, 5, 6))


def test_what_was_noticed_in_reading_is_collected(pair: tuple[Path, Path]) -> None:
    packed = pair[1].with_name("TS_odd.mrc.gz")
    packed.write_bytes(gzip.compress(pair[1].read_bytes()))
    assert open_tomogram(pair).findings == ()
    (finding,) = open_tomogram((pair[0], packed)).findings
    assert (finding.topic, finding.about) == ("compressed file", "TS_odd.mrc.gz")


def test_only_what_is_there(pair: tuple[Path, Path]) -> None:
    tomogram = open_tomogram(pair[0])
    assert (tomogram.odd, tomogram.mask, tomogram.recording.tilt_range) == (None, None, None)


def test_no_map_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="No map is given"):
        open_tomogram([])


def test_any_number_of_maps(pair: tuple[Path, Path], make_mrc: Maker) -> None:
    third = make_mrc("TS_third.mrc", NOISE[1] + 1)
    tomogram = open_tomogram((*pair, third))
    assert len(tomogram.maps) == 3
    np.testing.assert_array_equal(tomogram.maps[2], NOISE[1] + 1)
    assert tomogram.files == ("TS_even.mrc", "TS_odd.mrc", "TS_third.mrc")
    np.testing.assert_array_equal(tomogram.maps[1], tomogram.odd)
    with pytest.raises(ValueError, match=r"TS_odd\.mrc was given twice, but every map needs a file"):
        open_tomogram((*pair, pair[1]))
    with pytest.raises(ValueError, match="differ in size"):
        open_tomogram((*pair, make_mrc("small.mrc", NOISE[1, :5])))


def test_what_is_given_holds_before_what_files_say_and_a_configuration_says_all(
    pair: tuple[Path, Path],
) -> None:
    pair[0].with_name("TS.tlt").write_text("-58\n0\n61\n", encoding="utf-8")
    given = Recording(tilt_range=(-50, 50), tilt_axis="x")
    config = TomogramConfig(maps=pair, name="mine", recording=given)
    tomogram = open_configured(config)
    assert tomogram.recording == Recording(voxel_size=8, tilt_range=(-50, 50), tilt_axis="x")
    assert (tomogram.name, tomogram.tilts, len(tomogram.maps)) == ("mine", None, 2)
    assert open_tomogram(str(pair[0])).recording.tilt_range == (-58, 61)


def test_a_broken_tilt_file_is_told_unless_the_range_is_given(pair: tuple[Path, Path]) -> None:
    pair[0].with_name("TS.tlt").write_text("nothing\n", encoding="utf-8")
    given = open_tomogram(pair[0], recording=Recording(tilt_range=(-50, 50)))
    assert (given.recording.tilt_range, given.findings) == ((-50, 50), ())
    told = open_tomogram(pair[0])
    assert told.recording.tilt_range is None
    assert [(finding.severity, finding.topic) for finding in told.findings] == [("warning", "tilt file")]
    assert "TS.tlt holds 'nothing'" in told.findings[0].sentence


def test_an_axis_that_nobody_gave_is_left_open(pair: tuple[Path, Path]) -> None:
    for given in ("auto", "y", "x"):
        tomogram = open_tomogram(pair[0], recording=Recording.known({"tilt_axis": given}))
        assert tomogram.recording.tilt_axis == given


def test_an_unknown_voxel_size_must_be_given(make_mrc: Maker) -> None:
    path = make_mrc("a.mrc", NOISE[0], voxel_size=(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"a\.mrc has no voxel size in its header: give it in Å"):
        open_tomogram(path)
    assert open_tomogram(path, recording=Recording(voxel_size=13.5)).voxel_size == 13.5


def test_anisotropic_voxels(make_mrc: Maker) -> None:
    path = make_mrc("a.mrc", NOISE[0], voxel_size=(8.0, 8.0, 16.0))
    with pytest.raises(ValueError, match="needs the same voxel size along all axes"):
        open_tomogram(path)
    assert open_tomogram(path, recording=Recording(voxel_size=8.0)).voxel_size == 8.0


@pytest.mark.parametrize("shape", [(1, 7, 8), (6, 1, 8)])
def test_single_image(make_mrc: Maker, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="is a single image"):
        open_tomogram(make_mrc("a.mrc", np.ones(shape, np.float32)))


def test_non_finite_voxels(make_mrc: Maker) -> None:
    data = NOISE[0].copy()
    data[3, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"a\.mrc contains NaN or infinite voxels \(1 of 56 looked at\)"):
        open_tomogram(make_mrc("a.mrc", data))


def test_same_file_twice(pair: tuple[Path, Path]) -> None:
    link = pair[0].with_name("link.mrc")
    link.symlink_to(pair[0])
    for odd in (pair[0], link):
        with pytest.raises(ValueError, match=r"TS_even\.mrc was given as both halves"):
            open_tomogram((pair[0], odd))


def test_halves_of_different_shape(pair: tuple[Path, Path], make_mrc: Maker) -> None:
    with pytest.raises(ValueError, match="halves differ in size: even is 6×7×8, odd is 5×7×8"):
        open_tomogram((pair[0], make_mrc("b.mrc", NOISE[1, :5])))


def test_halves_of_different_voxel_size(pair: tuple[Path, Path], make_mrc: Maker) -> None:
    odd = make_mrc("b.mrc", NOISE[1], voxel_size=(10.0, 10.0, 10.0))
    with pytest.raises(ValueError, match=r"differ in voxel size: TS_even\.mrc has 8 Å, b\.mrc has 10 Å"):
        open_tomogram((pair[0], odd))


def test_half_without_voxel_size_takes_the_other_ones(pair: tuple[Path, Path], make_mrc: Maker) -> None:
    odd = make_mrc("b.mrc", NOISE[1], voxel_size=(0.0, 0.0, 0.0))
    assert open_tomogram((pair[0], odd)).voxel_size == 8.0


def test_missing_odd_half(pair: tuple[Path, Path]) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_tomogram((pair[0], pair[0].with_name("none.mrc")))


def test_mask_of_different_shape(pair: tuple[Path, Path], make_mrc: Maker) -> None:
    with pytest.raises(ValueError, match=r"mask m\.mrc has the shape \(5, 7, 8\)"):
        open_tomogram(pair[0], mask=make_mrc("m.mrc", NOISE[1, :5]))


def test_real_pair(real_data: Path) -> None:
    tomogram = open_tomogram((real_data / "mpn20_A_even.mrc", real_data / "mpn20_A_odd.mrc"))
    assert (tomogram.name, tomogram.voxel_size, tomogram.shape) == ("mpn20_A", 20.0, (96, 144, 144))
    assert tomogram.origin == (160.0, 120.0, 160.0)


@pytest.mark.parametrize("scale", [1e13, 1e18, 1e-17, 1e-32])
def test_values_that_no_spectrum_can_be_computed_of(make_mrc: Maker, scale: float) -> None:
    path = make_mrc("TS.mrc", (NOISE[0] * scale).astype(np.float32))
    with pytest.raises(ValueError, match=r"TS\.mrc has values from .* scale it to a standard deviation"):
        open_tomogram(path)


@pytest.mark.parametrize("scale", [1e11, 1e-14, 0.0])
def test_other_values_are_computed_with(make_mrc: Maker, scale: float) -> None:
    path = make_mrc("TS.mrc", (NOISE[0] * scale).astype(np.float32))
    assert open_tomogram(path).shape == (6, 7, 8)


def test_a_stack_as_tall_as_its_list_of_tilts_is_doubted(make_mrc: Maker) -> None:
    path = make_mrc("TS_EVN.mrc", NOISE[0])
    angles = [-50.0, -30.0, -10.0, 10.0, 30.0]
    tilts = path.with_name("TS.rawtlt")
    tilts.write_text("\n".join(map(str, angles)), encoding="utf-8")
    assert doubts(path) == []
    tilts.write_text("\n".join(map(str, [*angles, 50.0])), encoding="utf-8")
    assert doubts(path) == [
        "TS_EVN.mrc: It has 6 sections, as many as TS.rawtlt has tilts: it looks like a tilt series, which "
        "is no tomogram. If so, choose the volume made of it."
    ]


def test_a_stack_beside_its_volume_is_doubted(make_mrc: Maker) -> None:
    path = make_mrc("TS_EVN.mrc", NOISE[0])
    volume = make_mrc("TS_EVN_Vol.mrc", NOISE[0])
    (told,) = doubts(path)
    assert told.endswith("the volume TS_EVN_Vol.mrc lies beside it. Choose TS_EVN_Vol.mrc.")
    assert doubts(volume) == []


def doubts(path: Path) -> list[str]:
    return [finding.text for finding in open_tomogram(path).findings if finding.topic == "tilt series"]
