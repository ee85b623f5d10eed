"""Numbers of a comparison: plain rows, what each is called and can and cannot tell, and their file."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from napari_cryorestore.runs.metric_words import MetricWords
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
        What the row was compared with: another row's name, ``halves``, ``raw halves``, or empty.
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
        """Return a number with its unit, or why it is missing: on which side a curve stays of a limit."""
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
    """Return the words for a number that is missing, though it can be measured elsewhere."""
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
        raise ValueError(f"{path.name} is not a name for a table of numbers: end it in .csv or .json.")
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


NUMBER_WORDS: dict[str, MetricWords] = {
    "fsc": MetricWords(
        "Shell correlation",
        "How alike two volumes are at each size of detail. A high value between two restored halves does "
        "not prove that the detail is real: one network, with the same habits, made both, and what it "
        "invents in one it invents in the other.",
    ),
    "resolution_0.5": MetricWords(
        "Shell correlation falls to 0.5",
        "The size of detail at which the correlation first falls below 0.5. Between restored halves it is "
        "no resolution of the specimen; only against a truth or data that the network never saw does it "
        "tell what is right.",
    ),
    "resolution_0.143": MetricWords(
        "Shell correlation falls to 0.143",
        "The size of detail at which the correlation first falls below 0.143, the usual limit for half "
        "maps of raw data. Between restored halves it is not the resolution of the specimen.",
    ),
    "correlation": MetricWords(
        "Correlation with the reference",
        "How alike a volume and the reference are, over all detail. Strong coarse features decide it, so "
        "it says little about fine detail; in the wedge, the reference alone knows what belongs there.",
    ),
    "power": MetricWords(
        "Radial power",
        "How strong the spectrum is at each size of detail. A fall below the raw data's is smoothing; more "
        "power is not more truth.",
    ),
    "wedge_power": MetricWords(
        "Power in the wedge",
        "How strong a coefficient inside the missing wedge is, on average, against one in the measured "
        "region of the same detail: near 0 is an empty wedge, 1 as strong as what was measured. It says "
        "how much was supplied, not whether it is true.",
    ),
    "supplied_share": MetricWords(
        "Supplied by the network",
        "The share of the volume's variation that lies in the missing wedge, where the microscope saw "
        "nothing. It is exact bookkeeping: neither good nor bad, and no sign of error.",
    ),
    "agreement": MetricWords(
        "Agreement with the other half",
        "How well the measured part of a restored half predicts the raw data of the other half, which it "
        "was not made from. The other half's noise keeps it far below 1, so compare methods with it on the "
        "same data. Where the network was trained it may know that noise by heart, and agree too well; of "
        "what was supplied in the wedge it knows nothing.",
    ),
    "half_disagreement": MetricWords(
        "Half-map disagreement",
        "How far the two restored halves differ, as a share of the volume's variation. It is not a map "
        "of errors: where both halves are wrong in the same way, they agree.",
    ),
    "snr_squared": MetricWords(
        "Signal-to-noise ratio",
        "How far structure stands out from the background, squared, against the background's variance. It "
        "rewards smoothing: a volume without any detail has the best one.",
    ),
    "snr_literal": MetricWords(
        "Signal-to-noise ratio, Eq. 8 as printed",
        "As printed by Jones et al. 2026: contrast, not squared, against the background's variance, with "
        "the volume scaled to standard deviation 1. It rewards smoothing even more.",
    ),
    "precision": MetricWords(
        "Precision",
        "The share of the picks that are in the reference list. Particles missing from the reference count "
        "against it, however real they are.",
    ),
    "recall": MetricWords(
        "Recall",
        "The share of the reference list that was picked. It grows with the number of picks, so read it "
        "together with the precision.",
    ),
    "f1": MetricWords(
        "F1",
        "Precision and recall in one number, their harmonic mean, at the score where it is highest. That "
        "score was chosen with the reference in hand, so the number flatters a little.",
    ),
    "pr_auc": MetricWords(
        "Area under precision and recall",
        "Precision averaged over recall, by trapezoids: 1 is perfect. It flatters lists that end early "
        "less than usual, as nothing is added beyond the recall that was reached.",
    ),
    "average_precision": MetricWords(
        "Average precision",
        "The same area by steps, without interpolation: the stricter of the two.",
    ),
    "mean_distance": MetricWords(
        "Mean distance",
        "How far the picks that were found lie from their partners in the reference. It cannot be larger "
        "than the tolerance.",
    ),
}
"""By the number's name, in the order in which numbers are shown."""


def number_words(name: str) -> MetricWords:
    """Return the words of a number; those for its spread and count are its own."""
    for ending, added in (("_spread", ", spread"), ("_boxes", ", boxes")):
        if name.endswith(ending):
            whole = NUMBER_WORDS[name.removesuffix(ending)]
            return MetricWords(whole.title + added, whole.sentence)
    return NUMBER_WORDS[name]


def plain(value: float) -> str:
    """Write a number with three digits, and never with a power of ten."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


__all__ = [
    "NUMBER_WORDS",
    "SUFFIXES",
    "Evaluation",
    "Number",
    "check_table",
    "missing_words",
    "number_words",
    "plain",
    "write_numbers",
]
