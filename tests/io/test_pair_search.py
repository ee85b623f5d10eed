"""Folders are searched for pairs: how deep, what counts as a tomogram, and names that occur twice."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from napari_cryorestore.io.pair_search import distinct_names, find_pairs


def made(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(folder: Path) -> list[str]:
    return [pair.name for pair in find_pairs([folder])]


def test_pairs_are_ordered_by_name_and_know_their_files(tmp_path: Path) -> None:
    made(tmp_path, "TS02_odd.mrc", "TS02_even.mrc", "TS01_EVN_Vol.rec", "TS01_ODD_Vol.rec", "alone_even.mrc")
    pairs = find_pairs([tmp_path])
    assert [pair.name for pair in pairs] == ["TS01_Vol", "TS02"]
    assert (pairs[1].even, pairs[1].odd) == (tmp_path / "TS02_even.mrc", tmp_path / "TS02_odd.mrc")


def test_folders_of_halves_and_three_levels_below(tmp_path: Path) -> None:
    made(tmp_path, "even/TS01.mrc", "odd/TS01.mrc", "a/b/c/TS2_even.mrc", "a/b/c/TS2_odd.mrc")
    made(tmp_path, "a/b/c/d/TS3_even.mrc", "a/b/c/d/TS3_odd.mrc", ".trash/T_even.mrc", ".trash/T_odd.mrc")
    assert names(tmp_path) == ["TS01", "TS2"]


def test_tilt_series_are_no_tomograms(tmp_path: Path) -> None:
    made(tmp_path, "TS1_even.st", "TS1_odd.st", "TS2_even.mrc.gz", "TS2_odd.mrc.gz", "TS3_even.tlt")
    assert names(tmp_path) == ["TS2"]


def test_files_may_be_given_one_by_one(tmp_path: Path) -> None:
    made(tmp_path, "TS1_even.mrc", "TS1_odd.mrc", "TS2_even.mrc", "TS2_odd.mrc")
    found = find_pairs([tmp_path / "TS2_odd.mrc", tmp_path / "TS2_even.mrc"])
    assert [pair.name for pair in found] == ["TS2"]


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    for session in ("monday", "tuesday"):
        made(tmp_path, f"{session}/even/TS1.mrc", f"{session}/odd/TS1.mrc")
    made(tmp_path, "TS2_even.mrc", "TS2_odd.mrc")
    assert names(tmp_path) == ["TS2", "monday_TS1", "tuesday_TS1"]
    made(tmp_path, "monday/TS1_even.mrc", "monday/TS1_odd.mrc")
    assert names(tmp_path) == ["TS2", "monday_TS1", "monday_TS1_2", "tuesday_TS1"]


def test_as_many_folders_tell_names_apart_as_it_takes() -> None:
    files = [Path(f"/data/{folder}/recon/even/TS1.mrc") for folder in ("a", "b", "c")]
    assert distinct_names(["TS1"] * 3, files) == ["a_recon_TS1", "b_recon_TS1", "c_recon_TS1"]
    assert distinct_names(["TS1", "TS2", "TS1"], files) == ["a_recon_TS1", "TS2", "c_recon_TS1"]
    assert distinct_names(["TS1", "TS1"], [files[0], files[0]]) == ["TS1", "TS1_2"]
    assert distinct_names(["TS1", "TS1", "TS1_2"], [None, None, files[0]]) == ["TS1", "TS1_3", "TS1_2"]
    assert distinct_names(["a_recon_TS1", "TS1", "mine"], files) == ["a_recon_TS1", "b_recon_TS1", "mine"]
    assert distinct_names(["recon_TS1", "TS2", "b_recon_TS1"], files) == ["recon_TS1", "TS2", "b_recon_TS1"]


def test_nothing_found_is_said_with_the_reason(tmp_path: Path) -> None:
    made(tmp_path, "TS1_even.mrc", "TS2_even.mrc", "whole.mrc")
    with pytest.raises(
        ValueError, match=r"among 3 volumes \(without a partner: TS1_even.mrc, TS2_even.mrc\)"
    ):
        find_pairs([tmp_path])
    with pytest.raises(FileNotFoundError, match="check the folder of the pairs"):
        find_pairs([tmp_path / "gone"])


def test_tilt_series_of_aretomo_are_left_out(tmp_path: Path) -> None:
    ends = ("", "_EVN", "_ODD", "_Vol", "_EVN_Vol", "_ODD_Vol")
    made(tmp_path, *(f"TS1{end}.mrc" for end in ends))
    (pair,) = find_pairs([tmp_path])
    assert (pair.even.name, pair.odd.name) == ("TS1_EVN_Vol.mrc", "TS1_ODD_Vol.mrc")


def test_folders_of_warp_and_relion(tmp_path: Path) -> None:
    warp, relion = tmp_path / "warp/reconstruction", tmp_path / "Tomograms/job006/tomograms"
    made(warp, "TS_1_10.00Apx.mrc", *(f"{sub}/TS_1_10.00Apx.mrc" for sub in ("even", "odd", "deconv")))
    made(relion, "rec_Position_1_half1.mrc", "rec_Position_1_half2.mrc")
    pairs = find_pairs([tmp_path])
    assert [(pair.even, pair.odd) for pair in pairs] == [
        (warp / "even/TS_1_10.00Apx.mrc", warp / "odd/TS_1_10.00Apx.mrc"),
        (relion / "rec_Position_1_half1.mrc", relion / "rec_Position_1_half2.mrc"),
    ]


def test_other_formats_are_named(tmp_path: Path) -> None:
    made(tmp_path, "tomograms.star", "store/.zgroup")
    with pytest.raises(ValueError, match=r"tomograms\.star is a STAR list, which is not read: give"):
        find_pairs([tmp_path / "tomograms.star"])
    with pytest.raises(ValueError, match="store is a Zarr store"):
        find_pairs([tmp_path / "store"])


@pytest.mark.skipif(sys.platform == "win32", reason="makes no links by default")
def test_a_pair_that_links_lead_to_twice_is_one(tmp_path: Path) -> None:
    made(tmp_path, "data/TS1_even.mrc", "data/TS1_odd.mrc")
    (tmp_path / "again").symlink_to("data")
    assert names(tmp_path) == ["TS1"]


@pytest.mark.skipif(sys.platform == "win32", reason="makes no links by default")
def test_links_to_files_without_such_names_pair(tmp_path: Path) -> None:
    made(tmp_path, "data/one.mrc", "data/other.mrc")
    (tmp_path / "TS1_even.mrc").symlink_to("data/one.mrc")
    (tmp_path / "TS1_odd.mrc").symlink_to("data/other.mrc")
    assert names(tmp_path) == ["TS1"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with names")
def test_pipes_are_passed_over(tmp_path: Path) -> None:
    made(tmp_path, "TS1_even.mrc", "TS2_even.mrc", "TS2_odd.mrc")
    os.mkfifo(tmp_path / "TS1_odd.mrc")
    assert names(tmp_path) == ["TS2"]
    with pytest.raises(ValueError, match=r"TS1_odd\.mrc is a pipe"):
        find_pairs([tmp_path / "TS1_odd.mrc"])
