"""Tilt angles come from the right column of the right file, or a sentence says why not."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.io.tilts_beside import (
    TiltsBeside,
    find_tilt_file,
    range_of,
    read_tilt_angles,
    tilts_beside,
)

if TYPE_CHECKING:
    from pathlib import Path

ALN = """# AreTomo Alignment / Priims bprmMn
# RawSize = 4092 5760 3
# NumPatches = 1
# DarkFrame =     0   0   -65.00
# SEC     ROT         GMAG       TX          TY      SMEAN     SFIT    SCALE     BASE     TILT
    0    85.1000    1.00000     10.000     20.000     1.00     1.00     1.00     0.00    -60.01
    1    85.1000    1.00000     11.000     21.000     1.00     1.00     1.00     0.00      0.00
    2    85.1000    1.00000     12.000     22.000     1.00     1.00     1.00     0.00     54.02
# Local Alignment
  0    0  100.00  200.00  1.5  900.0  1.0
"""


RISING = "-60\n0\n60\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["a.tlt", "a.rawtlt", "A.TLT", "a_tlt.txt"])
def test_first_column(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, "# angles\n -60.0\n\n  0.5  3\n+57  # last\n")
    assert read_tilt_angles(path) == (-60.0, 0.5, 57.0)
    assert range_of(read_tilt_angles(str(path)), name=name) == (-60.0, 57.0)


def test_aretomo_alignment(tmp_path: Path) -> None:
    path = write(tmp_path, "a.aln", ALN)
    assert read_tilt_angles(path) == (-60.01, 0.0, 54.02)


@pytest.mark.parametrize("text", ["", "\n \n", "# only a comment\n"])
def test_empty_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"a\.tlt holds no tilt angles"):
        read_tilt_angles(write(tmp_path, "a.tlt", text))


def test_words_instead_of_numbers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds 'minus' where a tilt angle"):
        read_tilt_angles(write(tmp_path, "a.tlt", "-60\nminus sixty\n"))


@pytest.mark.parametrize("text", ["123.5", "-90.5"])
def test_numbers_that_are_no_angles(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=rf"holds {text} where a tilt angle between −90° and 90°"):
        read_tilt_angles(write(tmp_path, "a.tlt", f"-60\n{text}\n"))


def test_single_angle_is_no_range(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"only the angle 3°"):
        range_of(read_tilt_angles(write(tmp_path, "a.tlt", "3\n3.0\n")), name="a.tlt")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_tilt_angles(tmp_path / "a.tlt")


@pytest.mark.parametrize(
    ("tomogram", "tilts"),
    [
        ("TS_01.mrc", "TS_01.tlt"),
        ("TS_01.mrc", "ts_01.TLT"),
        ("TS_01.mrc", "TS_01_TLT.txt"),
        ("TS_01_even.mrc", "TS_01.rawtlt"),
        ("TS_01_even.mrc", "TS_01_even.tlt"),
        ("TS_01_EVN.mrc", "TS_01.aln"),
        ("TS_01_EVN_Vol.mrc", "TS_01.aln"),
        ("TS_01_full_rec.mrc", "TS_01.tlt"),
        ("TS_01_rec_bin4_even.mrc", "TS_01.tlt"),
        ("rec_TS_01_half1.mrc", "TS_01.tlt"),
        ("TS_01_10.00Apx.mrc", "TS_01.tlt"),
        ("even/TS_01.mrc", "TS_01.tlt"),
        ("even/TS_01.mrc", "even/TS_01.tlt"),
    ],
)
def test_tilt_file_is_found(tmp_path: Path, tomogram: str, tilts: str) -> None:
    (tmp_path / tomogram).parent.mkdir(exist_ok=True)
    write(tmp_path, tilts, RISING)
    assert find_tilt_file(tmp_path / tomogram) == tmp_path / tilts


@pytest.mark.parametrize("other", ["TS_02.tlt", "TS_01.xf", "TS_01.txt", "TS_010.tlt"])
def test_other_files_are_left_alone(tmp_path: Path, other: str) -> None:
    write(tmp_path, other, RISING)
    assert find_tilt_file(tmp_path / "TS_01.mrc") is None


def test_aligned_angles_come_before_raw_ones(tmp_path: Path) -> None:
    for name in ("TS.rawtlt", "TS.aln", "TS.tlt"):
        write(tmp_path, name, RISING)
    assert find_tilt_file(tmp_path / "TS.mrc") == tmp_path / "TS.aln"


def test_folder_above_counts_only_for_folders_of_halves(tmp_path: Path) -> None:
    (tmp_path / "bin4").mkdir()
    write(tmp_path, "TS.tlt", RISING)
    assert find_tilt_file(tmp_path / "bin4" / "TS.mrc") is None


def test_missing_folder_holds_no_tilt_file(tmp_path: Path) -> None:
    assert find_tilt_file(tmp_path / "none" / "TS.mrc") is None


ANGLES = tuple(float(angle) for angle in range(-60, 61, 3))


def lines(*columns: object, end: str = "\n") -> str:
    return "".join(" ".join(map(str, row)) + end for row in zip(*columns, strict=True))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "ascii"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "a.tlt"
    path.write_bytes(lines(ANGLES, end=end).encode(encoding))
    assert read_tilt_angles(path) == ANGLES


@pytest.mark.parametrize(
    ("text", "angles"),
    [
        ("-60,5\n0,0\n60,25\n", (-60.5, 0, 60.25)),
        ("-60,5 3,0\n0,0 3,0\n60,25 3,0\n", (-60.5, 0, 60.25)),
        ("1,-60\n2,0\n3,60\n", (-60, 0, 60)),
        ("-60.5,1\n0.0,2\n60.25,3\n", (-60.5, 0, 60.25)),
        ("1;-60,5\n2;0\n3;60,25\n", (-60.5, 0, 60.25)),
        ("\N{MINUS SIGN}60\n0\n60\n", (-60, 0, 60)),
        ("angle dose\n-60 3\n0 3\n60 3\n", (-60, 0, 60)),
    ],
)
def test_ways_of_writing_numbers(tmp_path: Path, text: str, angles: tuple[float, ...]) -> None:
    assert read_tilt_angles(write(tmp_path, "a.tlt", text)) == angles


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_is_never_taken(tmp_path: Path, first: int) -> None:
    count = range(first, first + len(ANGLES))
    assert read_tilt_angles(write(tmp_path, "a.tlt", lines(count, ANGLES))) == ANGLES
    assert read_tilt_angles(write(tmp_path, "b.tlt", lines(ANGLES, count))) == ANGLES
    with pytest.raises(ValueError, match=rf"c\.tlt counts from {first} to {first + 40}"):
        read_tilt_angles(write(tmp_path, "c.tlt", lines(count)))


def test_a_dose_or_a_constant_is_no_tilt(tmp_path: Path) -> None:
    dose = [2.0 * number for number in range(len(ANGLES))]
    assert read_tilt_angles(write(tmp_path, "a.tlt", lines(dose, ANGLES))) == ANGLES
    upward = [angle + 60.0 for angle in ANGLES if angle < 30]
    constant = [3.0] * len(upward)
    assert read_tilt_angles(write(tmp_path, "b.tlt", lines(constant, upward))) == tuple(upward)


def test_radians_are_turned_into_degrees_and_said(tmp_path: Path) -> None:
    write(tmp_path, "TS.tlt", lines([f"{math.radians(angle):.6f}" for angle in ANGLES]))
    found = tilts_beside(tmp_path / "TS.mrc")
    assert found.range == pytest.approx((-60, 60), abs=1e-3)
    assert [finding.severity for finding in found.findings] == ["note"]
    assert "read as radians" in found.findings[0].sentence


def test_the_next_file_is_tried_where_one_is_of_no_use(tmp_path: Path) -> None:
    write(tmp_path, "TS.tlt", "0\n" * 41)
    found = tilts_beside(tmp_path / "TS.mrc")
    assert (found.range, found.file) == (None, None)
    assert [finding.severity for finding in found.findings] == ["warning"]
    assert "holds only the angle 0°" in found.findings[0].sentence
    assert "give" not in found.findings[0].sentence  # its remedy says that
    assert "--tilt-range" in found.findings[0].remedy
    write(tmp_path, "TS.rawtlt", lines(ANGLES))
    found = tilts_beside(tmp_path / "TS.mrc")
    assert (found.range, found.file) == ((-60, 60), tmp_path / "TS.rawtlt")
    assert [finding.severity for finding in found.findings] == ["note"]
    assert found.findings[0].remedy == "TS.rawtlt is taken instead."


def test_what_other_files_say_is_kept_for_the_spectrum_to_judge(tmp_path: Path) -> None:
    write(tmp_path, "TS_TLT.txt", lines([angle + 9.5 for angle in ANGLES], range(41), [3.0] * 41))
    write(tmp_path, "TS.aln", ALN)
    found = tilts_beside(tmp_path / "TS_EVN_Vol.mrc")
    assert (found.range, found.file) == ((-60.01, 54.02), tmp_path / "TS.aln")
    assert found.others == (("TS_TLT.txt", (-50.5, 69.5)),)


def test_only_regular_files_of_a_sensible_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "TS.tlt")
    assert tilts_beside(tmp_path / "TS.mrc") == TiltsBeside()
    (tmp_path / "TS.aln").write_bytes(b"0 1\n" * 1_100_000)
    assert "too large" in tilts_beside(tmp_path / "TS.mrc").findings[0].sentence


def test_a_file_that_must_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "TS.tlt", RISING)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)  # the tests may run as root, who may read all
    (finding,) = tilts_beside(tmp_path / "TS.mrc").findings
    assert finding.sentence == "TS.tlt cannot be read (Permission denied)."


def test_a_link_has_the_tilts_of_what_it_links_to(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for folder in (there, here):
        folder.mkdir()
    (there / "TS_01_even.mrc").touch()
    write(there, "TS_01.tlt", RISING)
    (here / "mine.mrc").symlink_to(there / "TS_01_even.mrc")
    assert tilts_beside(here / "mine.mrc").range == (-60, 60)
    write(here, "mine.tlt", "-40\n40\n")
    assert tilts_beside(here / "mine.mrc").range == (-40, 40)


def test_the_longest_names_are_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".mrc")
    path.touch()
    assert tilts_beside(path) == TiltsBeside()


WARP = '<?xml version="1.0"?><TiltSeries AreAnglesInverted="{}" LevelAngleY="{}"><Angles>{}</Angles></TiltSeries>'  # noqa: E501


def test_warp_keeps_tilts_two_folders_up(tmp_path: Path) -> None:
    tomogram = tmp_path / "reconstruction" / "even" / "TS_1_10.00Apx.mrc"
    stack = tmp_path / "tiltstack" / "TS_1"
    for folder in (tomogram.parent, stack):
        folder.mkdir(parents=True)
    write(stack, "TS_1.rawtlt", lines(ANGLES))
    found = tilts_beside(tomogram)
    assert (found.range, found.file) == ((-60, 60), stack / "TS_1.rawtlt")
    write(tmp_path, "TS_1.xml", WARP.format("True", "-4", "\n".join(map(str, ANGLES))))
    found = tilts_beside(tomogram)
    assert (found.range, found.file) == ((-64, 56), tmp_path / "TS_1.xml")
    assert found.others == (("TS_1.xml", (-56, 64)), ("TS_1.rawtlt", (-60, 60)))


@pytest.mark.parametrize(
    "text", ["<TiltSeries><Angles>", "<Movie/>", WARP.format("", "x", "1 2"), "<TiltSeries/>"]
)
def test_other_xml_is_of_no_use(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"TS\.xml is no tilt series of Warp"):
        read_tilt_angles(write(tmp_path, "TS.xml", text))


STAR = "data_TS_1\n\nloop_\n_rlnMicrographName #1\n{}\n"


def test_relion_keeps_tilts_in_the_star_of_the_series(tmp_path: Path) -> None:
    (tmp_path / "tomograms").mkdir()
    (tmp_path / "tilt_series").mkdir()
    tomogram = tmp_path / "tomograms" / "rec_TS_1_half1.mrc"
    both = "_rlnTomoNominalStageTiltAngle #2\n_rlnTomoYTilt #3"
    rows = "".join(f"m.mrc {angle - 9.5} {angle}\n" for angle in ANGLES)
    star = write(tmp_path / "tilt_series", "TS_1.star", STAR.format(both) + rows)
    assert tilts_beside(tomogram) == TiltsBeside((-60, 60), star)
    write(
        tmp_path / "tilt_series",
        "TS_1.star",
        STAR.format("_rlnTomoNominalStageTiltAngle #2") + "m -50\nm 50\n",
    )
    assert tilts_beside(tomogram).range == (-50, 50)
    write(tmp_path / "tilt_series", "TS_1.star", STAR.format("_rlnCtf #2") + "m 1\n")
    assert "none of the columns rlnTomoYTilt" in tilts_beside(tomogram).findings[0].sentence


def test_warp_says_which_tilts_it_uses(tmp_path: Path) -> None:
    words = "\n".join(map(str, ANGLES))
    used = "\n".join(str(abs(angle) < 50) for angle in ANGLES)
    text = WARP.format("", "2", words).replace("</Angles>", f"</Angles><UseTilt>{used}</UseTilt>")
    write(tmp_path, "TS.xml", text)
    assert tilts_beside(tmp_path / "TS.mrc").range == (-46, 50)
    write(tmp_path, "TS.xml", text.replace("True", "False"))
    assert "uses none of its tilts" in tilts_beside(tmp_path / "TS.mrc").findings[0].sentence


@pytest.mark.parametrize("level", ["nan", "inf", "-inf", "40"])
def test_a_level_angle_beyond_reason_makes_the_file_useless(tmp_path: Path, level: str) -> None:
    write(tmp_path, "TS.xml", WARP.format("", level, "\n".join(map(str, ANGLES))))
    found = tilts_beside(tmp_path / "TS.mrc")
    assert (found.range, found.others) == (None, ())
    assert f"TS.xml has the level angle {level}°" in found.findings[0].sentence
    (tmp_path / "tiltstack" / "TS").mkdir(parents=True)
    write(tmp_path / "tiltstack" / "TS", "TS.rawtlt", lines(ANGLES))
    found = tilts_beside(tmp_path / "TS.mrc")
    assert found.range == (-60, 60)
    assert found.findings[0].remedy == "TS.rawtlt is taken instead."


def test_a_level_angle_is_subtracted_where_only_that_is_possible(tmp_path: Path) -> None:
    write(tmp_path, "TS.xml", WARP.format("", "-20", "-80 -40 0 30"))
    found = tilts_beside(tmp_path / "TS.mrc")
    assert (found.range, found.others) == ((-60, 50), ())
    assert "-20°, was subtracted" in found.findings[0].sentence


ONE_SIDED = tuple(float(angle) for angle in range(5, 66, 3))


@pytest.mark.parametrize("angles", [ANGLES, ONE_SIDED, ANGLES[20:] + ANGLES[:20]])
@pytest.mark.parametrize("reach", [0.3, 0.9, 7.0, 12.0])
@pytest.mark.parametrize("drifts", [True, False])
def test_shifts_of_both_signs_are_no_tilts(
    tmp_path: Path, angles: tuple[float, ...], reach: float, drifts: bool
) -> None:
    places = range(len(angles))
    shifts = [round(reach * (2 * n / places[-1] - 1 if drifts else math.sin(n * n)), 3) for n in places]
    assert read_tilt_angles(write(tmp_path, "a.tlt", lines(shifts, angles))) == angles
    assert read_tilt_angles(write(tmp_path, "b.tlt", lines(angles, shifts))) == angles


@pytest.mark.parametrize("turned", [True, False])
def test_numbers_and_whole_angles_may_be_joined_by_a_comma(tmp_path: Path, turned: bool) -> None:
    pairs = [(n, 3 * (n - 1)) for n in range(1, 22)]
    text = "".join(f"{angle},{number}\n" if turned else f"{number},{angle}\n" for number, angle in pairs)
    assert read_tilt_angles(write(tmp_path, "a.tlt", text)) == tuple(float(angle) for _, angle in pairs)
    assert read_tilt_angles(write(tmp_path, "b.tlt", "n,angle\n" + text)) == read_tilt_angles(
        tmp_path / "a.tlt"
    )
    decimals = "".join(f"{3 * n},5\n" for n in range(20))
    assert read_tilt_angles(write(tmp_path, "c.tlt", decimals)) == tuple(3 * n + 0.5 for n in range(20))


@pytest.mark.parametrize("joint", [" ", ", ", ",", ";", "\t"])
def test_all_angles_may_stand_in_one_line(tmp_path: Path, joint: str) -> None:
    for angles in (ANGLES, ANGLES[20:] + ANGLES[:20], (-60.0, 3.0, 58.0)):
        path = tmp_path / f"{len(angles)}{angles[0]}.tlt"
        path.write_text(joint.join(f"{angle:g}" for angle in angles))
        assert read_tilt_angles(path) == angles
    with pytest.raises(ValueError, match="only the angle"):
        range_of(read_tilt_angles(write(tmp_path, "one.tlt", "1 -60 3.0\n")), name="one.tlt")


def test_numbers_that_are_too_small_or_twofold_are_not_read_as_radians(tmp_path: Path) -> None:
    radians = [f"{math.radians(angle):.5f}" for angle in ANGLES]
    for name, text in (("a", lines([0.3 * float(r) for r in radians])), ("b", lines(radians, radians))):
        write(tmp_path, f"{name}.tlt", text)
        found = tilts_beside(tmp_path / f"{name}.mrc")
        assert found.range is None
        assert f"{name}.tlt holds only angles from" in found.findings[0].sentence
