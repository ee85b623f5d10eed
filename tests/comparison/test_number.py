"""The table of numbers, and what each of them means."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.comparison.number import (
    NUMBER_WORDS,
    Evaluation,
    Number,
    check_table,
    number_words,
    write_numbers,
)

if TYPE_CHECKING:
    from pathlib import Path

FOUND = Evaluation(
    (
        Number("A", "resolution_0.5", 12.5, "Å", against="halves", region="wedge"),
        Number("A", "fsc", math.nan, against="halves", region="wedge", at=0.01),
        Number("A", "snr_squared", 3.0, "dB"),
        Number("A", "snr_squared_spread", 1.0, "dB"),
        Number("picks.star", "f1", 0.5, at=0.25),
    ),
    ("B has no numbers.",),
)


def test_the_csv_has_one_number_in_a_line(tmp_path: Path) -> None:
    path = write_numbers(tmp_path / "n.csv", FOUND)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["row", "name", "value", "unit", "against", "region", "at"]
    assert rows[0] == {
        "row": "A",
        "name": "resolution_0.5",
        "value": "12.5",
        "unit": "Å",
        "against": "halves",
        "region": "wedge",
        "at": "",
    }
    assert rows[1]["value"] == "nan"
    assert len(rows) == 5


def test_the_json_has_meaning_and_problems_too(tmp_path: Path) -> None:
    content = json.loads(write_numbers(tmp_path / "n.json", FOUND).read_text(encoding="utf-8"))
    assert content["problems"] == ["B has no numbers."]
    assert content["numbers"][1]["value"] is None
    assert content["numbers"][0]["at"] is None
    assert "no resolution of the specimen" in content["meaning"]["Shell correlation falls to 0.5"]
    assert len(content["meaning"]) == 4


def test_points_of_curves_are_left_out_of_the_summary() -> None:
    assert [number.name for number in FOUND.summary] == [
        "resolution_0.5",
        "snr_squared",
        "snr_squared_spread",
        "f1",
    ]


def test_nothing_is_overwritten_and_names_must_say_what_they_are(tmp_path: Path) -> None:
    path = write_numbers(tmp_path / "n.csv", FOUND)
    with pytest.raises(FileExistsError, match="never overwritten"):
        check_table(path)
    with pytest.raises(ValueError, match=r"n.txt is not a name .* \.csv or \.json"):
        check_table(tmp_path / "n.txt")
    with pytest.raises(FileNotFoundError, match=r"folder .* does not exist"):
        check_table(tmp_path / "none" / "n.csv")


def test_every_number_has_words_that_say_what_it_cannot_tell() -> None:
    for words in NUMBER_WORDS.values():
        assert words.title[0].isupper()
        assert words.sentence.endswith(".")
        assert len(words.sentence.split()) > 8
    assert "does not prove that the detail is real" in NUMBER_WORDS["fsc"].sentence
    assert "not a map of errors" in NUMBER_WORDS["half_disagreement"].sentence
    assert number_words("snr_squared_boxes").title == "Signal-to-noise ratio, boxes"
    with pytest.raises(KeyError):
        number_words("unheard of")


@pytest.mark.parametrize(
    ("curve", "words", "short"),
    [
        ((0.0, math.nan, 0.9, 0.6), "not within the range measured", "stays above"),
        ((0.0, math.nan, 0.1, 0.9), "below from the start", "starts below"),
        ((0.0, math.nan), "not measured", "not measured"),
    ],
)
def test_a_limit_that_is_not_reached_says_on_which_side(
    curve: tuple[float, ...], words: str, short: str
) -> None:
    place = {"against": "halves", "region": "wedge"}
    limit = Number("A", "resolution_0.5", math.nan, "Å", **place)
    points = [Number("A", "fsc", value, at=0.01 * i, **place) for i, value in enumerate(curve, 1)]
    others = [Number("B", "fsc", 0.3, at=0.001, **place), Number("A", "fsc", 0.8, against="C", at=0.001)]
    found = Evaluation((limit, *points, *others))
    assert (found.words_of(limit), found.short_words_of(limit)) == (words, short)


def test_numbers_are_told_with_their_unit() -> None:
    assert [FOUND.words_of(number) for number in FOUND.summary] == ["12.5 Å", "3 dB", "1 dB", "0.5"]
    assert [FOUND.short_words_of(number) for number in FOUND.summary] == ["12.5 Å", "3 dB", "1 dB", "0.5"]
    missing = ("wedge_power", "pr_auc", "average_precision", "mean_distance")
    words = [FOUND.words_of(Number("A", name, math.nan)) for name in missing]
    assert words == ["none", "no scores", "no scores", "none found"]
