"""Numbers of a comparison as plain rows, and their file."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from napari_cryorestore.comparison.number_words import NUMBER_WORDS
from napari_cryorestore.whole_file import require_new, write_text

SUFFIXES = (".csv", ".json")
_LIMIT = "resolution_"
_WITHOUT = {"pr_auc": "no scores", "average_precision": "no scores", "mean_distance": "none found"}
_SHORT = {"below from the start": "starts below", "not within the range measured": "stays above"}


@dataclass(frozen=True)
class Number:
    """One number.

    Attributes
    ----------
    row : str
        What was measured: the volume's name, or that of a list of picks.
    name : str
        Which number, a key of `NUMBER_WORDS`, perhaps with ``_spread`` or ``_boxes`` behind it.
    value : float
        NaN where there is none.
    unit : str
        ``Å``, ``dB``, ``boxes``, or empty.
    against : str
        What the row was held against: another row's name, ``halves``, ``raw halves``, or empty.
    region : str
        ``all``, ``measured``, ``wedge``, a band of detail, or empty.
    at : float or None
        For points of a curve: the frequency in 1/Å, or the score of the picks.
    """

    row: str
    name: str
    value: float
    unit: str = ""
    against: str = ""
    region: str = ""
    at: float | None = None

    @property
    def on_curve(self) -> bool:
        """Whether it is one point of a curve rather than a number of its own."""
        return self.at is not None and self.name != "f1"


@dataclass(frozen=True)
class Evaluation:
    """All numbers of a comparison, and what could not be measured.

    Attributes
    ----------
    numbers : tuple of Number
    problems : tuple of str
        One sentence for everything that is missing, with the reason.
    """

    numbers: tuple[Number, ...]
    problems: tuple[str, ...] = ()

    @property
    def summary(self) -> tuple[Number, ...]:
        """The numbers without the points of curves."""
        return tuple(number for number in self.numbers if not number.on_curve)

    @property
    def sentences(self) -> dict[str, str]:
        """What the numbers that occur can and cannot tell, by their titles."""
        names = dict.fromkeys(number.name for number in self.numbers)
        words = (NUMBER_WORDS[name] for name in names if name in NUMBER_WORDS)
        return {item.title: item.sentence for item in words}

    def words_of(self, number: Number) -> str:
        """Return a number with its unit, or why there is none: of a limit not fallen to, on which side."""
        if not math.isnan(number.value):
            return f"{number.value:.4g} {number.unit}".rstrip()
        if not number.name.startswith(_LIMIT):
            return missing_words(number.name)
        curve = [
            (item.at, item.value)
            for item in self.numbers
            if (item.row, item.name, item.against, item.region)
            == (number.row, "fsc", number.against, number.region)
            and item.at is not None
            and item.value  # exactly 0 where a shell has too few coefficients
            and math.isfinite(item.value)
        ]
        if not curve:
            return "not measured"
        below = min(curve)[1] < float(number.name.removeprefix(_LIMIT))
        return "below from the start" if below else "not within the range measured"

    def short_words_of(self, number: Number) -> str:
        """Return the same in a word or two, for a table under the number's title."""
        words = self.words_of(number)
        return _SHORT.get(words, words)


def missing_words(name: str) -> str:
    """Return why there is no such number where it could be measured otherwise."""
    return _WITHOUT.get(name, "none")


def check_table(path: Path | str) -> Path:
    """Return the path of a table of numbers that can be written.

    Raises
    ------
    ValueError
        If its name ends neither in .csv nor in .json.
    FileExistsError, FileNotFoundError
        If it exists, or its folder does not.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path.name} is no name for a table of numbers: let it end in .csv or .json.")
    require_new(path)
    return path


def write_numbers(path: Path | str, evaluation: Evaluation) -> Path:
    """Write all numbers, points of curves included, to a new file, which appears whole or not at all.

    Parameters
    ----------
    path : Path or str
        A .csv has one number in a line; a .json the sentences and problems besides, and null for NaN.
    evaluation : Evaluation

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError, FileExistsError, FileNotFoundError
        As `check_table`.
    OSError
        If it cannot be written.
    """
    path = check_table(path)
    write_text(path, _as_csv(evaluation) if path.suffix.lower() == ".csv" else _as_json(evaluation))
    return path


def _as_csv(evaluation: Evaluation) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Number)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(number) for number in evaluation.numbers)
    return text.getvalue()


def _as_json(evaluation: Evaluation) -> str:
    numbers = [asdict(number) for number in evaluation.numbers]
    for number in numbers:
        for key in ("value", "at"):
            if number[key] is not None and not math.isfinite(number[key]):
                number[key] = None
    content = {
        "numbers": numbers,
        "meaning": evaluation.sentences,
        "problems": list(evaluation.problems),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


__all__ = ["SUFFIXES", "Evaluation", "Number", "check_table", "missing_words", "write_numbers"]
