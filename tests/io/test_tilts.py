"""Tilt angles come from the right column of the right file, or a sentence says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.io.tilts import find_tilt_file, range_of, read_tilt_angles

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
