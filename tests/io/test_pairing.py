"""Halves pair by the naming habits of the field's programs, and by nothing else."""

from __future__ import annotations

import os
import sys
from itertools import permutations
from pathlib import Path

import pytest

from napari_cryorestore.io.pairing import Pair, find_other_half, half_of, pair_halves, tomogram_name
from napari_cryorestore.io.tilt_series import volume_beside

HABITS = [
    ("TS_01_even.mrc", "TS_01_odd.mrc", "TS_01"),
    ("TS_01_EVN.mrc", "TS_01_ODD.mrc", "TS_01"),
    ("TS_01_EVEN.mrc", "TS_01_ODD.mrc", "TS_01"),
    ("TS_01_EVN_Vol.mrc", "TS_01_ODD_Vol.mrc", "TS_01_Vol"),
    ("TS_01_evn.rec", "TS_01_odd.rec", "TS_01"),
    ("TS-01-even.rec", "TS-01-odd.rec", "TS-01"),
    ("TS 01 Even.mrc", "TS 01 Odd.mrc", "TS 01"),
    ("TS.01.even.mrc", "TS.01.odd.mrc", "TS.01"),
    ("even_TS_01.mrc", "odd_TS_01.mrc", "TS_01"),
    ("rec_TS_01_half1.mrc", "rec_TS_01_half2.mrc", "rec_TS_01"),
    ("half1_TS_01.mrc", "half2_TS_01.mrc", "TS_01"),
    ("TS_01_half_1.mrc", "TS_01_half_2.mrc", "TS_01"),
    ("TS_01_half-1.mrc", "TS_01_half-2.mrc", "TS_01"),
    ("TS_01_halfmap1.map", "TS_01_halfmap2.map", "TS_01"),
    ("TS_01_half_map_1.map", "TS_01_half_map_2.map", "TS_01"),
    ("TS_01_h1.mrc", "TS_01_h2.mrc", "TS_01"),
    ("TS_01_even.mrc.gz", "TS_01_odd.mrc.gz", "TS_01"),
    ("reconstruction/even/TS_01_10.00Apx.mrc", "reconstruction/odd/TS_01_10.00Apx.mrc", "TS_01_10.00Apx"),
    ("even/TS_01_even.mrc", "odd/TS_01_odd.mrc", "TS_01"),
    ("half1/rec/TS_01.mrc", "half2/rec/TS_01.mrc", "TS_01"),
    ("TS_01/even.mrc", "TS_01/odd.mrc", "TS_01"),
    ("odd_samples/TS_01_even.mrc", "odd_samples/TS_01_odd.mrc", "TS_01"),
    ("TS_EVEN.mrc", "TS_odd.mrc", "TS"),
    ("ts01Even.mrc", "ts01Odd.mrc", "ts01"),
    ("ts01even.mrc", "ts01odd.mrc", "ts01"),
    ("tomoEven01.mrc", "tomoOdd01.mrc", "tomo01"),
    ("TS_01EVN.mrc", "TS_01ODD.mrc", "TS_01"),
    ("TS_01_evenframes.mrc", "TS_01_oddframes.mrc", "TS_01"),
    ("TS_01_EvenTilts.mrc", "TS_01_OddTilts.mrc", "TS_01"),
    ("evenframes/TS_01.rec", "oddframes/TS_01.rec", "TS_01"),
    ("evenTomos/TS_01.mrc", "oddTomos/TS_01.mrc", "TS_01"),
    ("tomos_even/TS_01.mrc", "tomos_odd/TS_01.mrc", "TS_01"),
    ("EvenTomograms/TS_01.mrc", "OddTomograms/TS_01.mrc", "TS_01"),
    ("TS_01_halfA.mrc", "TS_01_halfB.mrc", "TS_01"),
    ("TS_01_half_a.mrc", "TS_01_half_b.mrc", "TS_01"),
    ("TS_01_HALFA.mrc", "TS_01_HALFB.mrc", "TS_01"),
    ("tomoHalf1.mrc", "tomoHalf2.mrc", "tomo"),
    ("TS_01_f1.mrc", "TS_01_f2.mrc", "TS_01"),
    ("TS_01_f1_rec.mrc", "TS_01_f2_rec.mrc", "TS_01_rec"),
    ("TS_01_even.rec", "TS_01_odd.mrc", "TS_01"),
    ("TS_01_even.mrc", "TS_01_odd.mrc.gz", "TS_01"),
    ("even/TS_01.rec", "odd/TS_01.mrc", "TS_01"),
]
STRANGERS = [
    ("TS_01_even.mrc", "TS_02_odd.mrc"),
    ("TS_01_even.mrc", "TS_01_half2.mrc"),
    ("TS_01_even.mrc", "TS_01_even.mrc"),
    ("TS_01_even.mrc", "TS_01_odd.st"),
    ("TS_01_1.mrc", "TS_01_2.mrc"),
    ("seven.mrc", "sodd.mrc"),
    ("seven_TS.mrc", "odd_TS.mrc"),
    ("event_TS.mrc", "oddt_TS.mrc"),
    ("goodall_TS.mrc", "gevenall_TS.mrc"),
    ("TS_h10.mrc", "TS_h20.mrc"),
    ("TS_half1.mrc", "TS_half3.mrc"),
    ("even/TS_01.mrc", "odd/TS_02.mrc"),
    ("even/TS_even.mrc", "odd/TS_even.mrc"),
    ("a/TS_even.mrc", "b/TS_odd.mrc"),
    ("Seven.mrc", "Sodd.mrc"),
    ("SEVEN.mrc", "SODD.mrc"),
    ("evenfall.mrc", "oddfall.mrc"),
    ("EVENT_1.mrc", "ODDT_1.mrc"),
    ("evenings.mrc", "oddings.mrc"),
    ("behalf1.mrc", "behalf2.mrc"),
    ("TS_half_bin4.mrc", "TS_half_ain4.mrc"),
    ("halfalive.mrc", "halfblive.mrc"),
    ("wolf1.mrc", "wolf2.mrc"),
    ("TS_rf1.mrc", "TS_rf2.mrc"),
    ("grid_f1_TS_03.mrc", "grid_f2_TS_03.mrc"),
    ("f1/TS_03.mrc", "f2/TS_03.mrc"),
    ("f1.mrc", "f2.mrc"),
    ("TS_h1a.mrc", "TS_h2a.mrc"),
]
SERIES = [
    ("TS_f1.mrc", "TS_f2.mrc", "TS_f3.mrc"),
    ("TS_h0.mrc", "TS_h1.mrc", "TS_h2.mrc"),
    ("TS_half1.mrc", "TS_half2.mrc", "TS_half3.mrc"),
    ("TS_halfA.mrc", "TS_halfB.mrc", "TS_halfC.mrc"),
]


@pytest.mark.parametrize(("even", "odd", "name"), HABITS)
def test_habits_pair_whatever_the_order(even: str, odd: str, name: str) -> None:
    expected = [Pair(even=Path(even), odd=Path(odd), name=name)]
    assert pair_halves([even, odd]) == expected
    assert pair_halves([Path(odd), "noise.mrc", Path(even)]) == expected
    assert (half_of(even), half_of(odd)) == ("even", "odd")


@pytest.mark.parametrize(("even", "odd", "name"), HABITS)
def test_other_half_is_found_on_disk(tmp_path: Path, even: str, odd: str, name: str) -> None:
    for half in (even, odd):
        (tmp_path / half).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / half).touch()
    assert find_other_half(tmp_path / even) == tmp_path / odd
    assert find_other_half(str(tmp_path / odd)) == tmp_path / even
    assert tomogram_name(tmp_path / odd) == name


@pytest.mark.parametrize(("first", "second"), STRANGERS)
def test_strangers_do_not_pair(tmp_path: Path, first: str, second: str) -> None:
    assert pair_halves([first, second]) == []
    for name in (first, second):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_other_half(tmp_path / first) is None
    assert find_other_half(tmp_path / second) is None


@pytest.mark.parametrize("series", SERIES)
def test_members_of_a_longer_series_are_no_halves(tmp_path: Path, series: tuple[str, ...]) -> None:
    assert pair_halves(series) == []
    for name in series:
        (tmp_path / name).touch()
    assert [find_other_half(tmp_path / name) for name in series] == [None] * 3


def test_two_ways_of_splitting_make_two_pairs(tmp_path: Path) -> None:
    names = ["TS_even.mrc", "TS_odd.mrc", "TS_EVN.mrc", "TS_ODD.mrc"]
    expected = {("TS_even.mrc", "TS_odd.mrc"), ("TS_EVN.mrc", "TS_ODD.mrc")}
    for order in permutations(names):
        assert {(str(pair.even), str(pair.odd)) for pair in pair_halves(order)} == expected
    for name in names:
        (tmp_path / name).touch()
    if len(list(tmp_path.iterdir())) < len(names):
        pytest.skip("a file system that knows no upper and lower case")
    found = {name: find_other_half(tmp_path / name) for name in names}
    assert found == {
        "TS_even.mrc": tmp_path / "TS_odd.mrc",
        "TS_odd.mrc": tmp_path / "TS_even.mrc",
        "TS_EVN.mrc": tmp_path / "TS_ODD.mrc",
        "TS_ODD.mrc": tmp_path / "TS_EVN.mrc",
    }


def test_the_same_ending_comes_first() -> None:
    names = ["TS_even.mrc", "TS_odd.rec", "TS_even.rec", "TS_odd.mrc"]
    pairs = {(str(pair.even), str(pair.odd)) for pair in pair_halves(names)}
    assert pairs == {("TS_even.mrc", "TS_odd.mrc"), ("TS_even.rec", "TS_odd.rec")}


def test_tilt_series_beside_their_volumes_are_no_tomograms(tmp_path: Path) -> None:
    ends = ("", "_EVN", "_ODD", "_Vol", "_EVN_Vol", "_ODD_Vol", "_2ND_Vol")
    names = [f"TS_01{end}.mrc" for end in ends]
    (pair,) = pair_halves(names)
    assert (str(pair.even), str(pair.odd)) == ("TS_01_EVN_Vol.mrc", "TS_01_ODD_Vol.mrc")
    for name in names:
        (tmp_path / name).touch()
    assert find_other_half(tmp_path / "TS_01_EVN_Vol.mrc") == tmp_path / "TS_01_ODD_Vol.mrc"
    assert find_other_half(tmp_path / "TS_01_EVN.mrc") is None
    assert volume_beside(tmp_path / "TS_01_ODD.mrc") == tmp_path / "TS_01_ODD_Vol.mrc"
    assert volume_beside(tmp_path / "TS_01_ODD_Vol.mrc") is None
    assert volume_beside(tmp_path / "gone" / "TS.mrc") is None


def test_a_word_that_looks_like_a_half_pairs_with_nothing(tmp_path: Path) -> None:
    for name in ("odd_looking.mrc", "seven.mrc", "evenfall.mrc", "TS_01_even.mrc"):
        (tmp_path / name).touch()
    assert [find_other_half(path) for path in tmp_path.iterdir()] == [None] * 4


@pytest.mark.timeout(20)
@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with names")
def test_a_pipe_is_no_half(tmp_path: Path) -> None:
    (tmp_path / "TS_even.mrc").touch()
    os.mkfifo(tmp_path / "TS_odd.mrc")
    assert find_other_half(tmp_path / "TS_even.mrc") is None


def test_folders_found_whatever_their_case(tmp_path: Path) -> None:
    for folder in ("Even", "Odd"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "TS.mrc").touch()
    assert find_other_half(tmp_path / "Even" / "TS.mrc") == tmp_path / "Odd" / "TS.mrc"


def test_many_tomograms_pair_in_the_order_given() -> None:
    names = [f"TS_{i:02}_{half}.mrc" for half in ("odd", "even") for i in (3, 1, 2)]
    assert [pair.name for pair in pair_halves(names)] == ["TS_03", "TS_01", "TS_02"]


def test_each_file_is_in_one_pair() -> None:
    pairs = pair_halves(["TS_even.mrc", "TS_evn.mrc", "TS_odd.mrc"])
    assert [(pair.even.name, pair.odd.name) for pair in pairs] == [("TS_even.mrc", "TS_odd.mrc")]


def test_file_without_half_word() -> None:
    assert half_of("TS_01.mrc") is None
    assert tomogram_name("TS_01.rec") == "TS_01"
    assert tomogram_name("TS_01.dat") == "TS_01.dat"


def test_folder_of_that_name_is_no_half(tmp_path: Path) -> None:
    (tmp_path / "TS_odd.mrc").mkdir()
    assert find_other_half(tmp_path / "TS_even.mrc") is None


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "even").mkdir()
    (tmp_path / "even" / "TS.mrc").touch()
    (tmp_path / "odd").touch()
    assert find_other_half(tmp_path / "even" / "TS.mrc") is None


def test_real_halves(real_data: Path) -> None:
    names = sorted(path.name for path in pair_and_flatten(real_data))
    assert names == ["mpn20_A_even.mrc", "mpn20_A_odd.mrc", "mpn40_A_even.mrc", "mpn40_A_odd.mrc"]


def pair_and_flatten(folder: Path) -> list[Path]:
    return [half for pair in pair_halves(folder.glob("*.mrc")) for half in (pair.even, pair.odd)]
