"""Reading the tilt angles of one file, as IMOD, AreTomo, Warp and RELION write them."""

from __future__ import annotations

import codecs
import math
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NoReturn
from xml.etree import ElementTree

from napari_cryorestore.io.star import read_star

if TYPE_CHECKING:
    from collections.abc import Sequence

    Range = tuple[float, float]

_LARGEST_ANGLE = 90.0
_NARROWEST = 5.0  # degrees: what spans less was never a tilt series
_LARGEST_FILE = 1 << 22  # bytes; a thousand tilts take a hundredth of it
_RADIANS = (0.5, 1.571)  # what the largest angle of a list in radians lies between
_BOTH_SIGNS = 2.0  # a column of both signs is worth one of twice its range
_ALIKE = 0.25  # share by which steps differ that are regular
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SEPARATING_COMMA = re.compile(r",\s|,[-+]|\.\d*,|,\d*\.|,[^,\s]*,")
_TWO_WHOLE = re.compile(r"\s*(\d+),(\d+)\s*")  # two columns, or a decimal comma
_STAR_COLUMNS = ("rlnTomoYTilt", "rlnTomoNominalStageTiltAngle")  # aligned before nominal
_CHOOSE = "choose a file of tilt angles in degrees"


@dataclass(frozen=True)
class TiltFile:
    """What a file says about how a specimen was tilted.

    Attributes
    ----------
    angles : tuple of float
        Degrees, in the order of the file.
    others : tuple of (float, float)
        Ranges in degrees that the file may mean instead, where programs differ in a sign.
    assumed : str
        What had to be assumed in reading it, as a sentence; empty if nothing.
    """

    angles: tuple[float, ...]
    others: tuple[Range, ...] = ()
    assumed: str = ""


def read_tilt_file(path: Path | str) -> TiltFile:
    """Read the angles of a tilt series.

    Parameters
    ----------
    path : Path or str
        A list of angles (.tlt, .rawtlt, .txt), an .aln file of AreTomo, an .xml file of Warp, or the .star
        file of one tilt series of RELION. In a list with several columns, the one that runs like tilt angles
        counts; all angles may stand in one line. UTF-8 and UTF-16, any line ends, decimal commas, the sign −
        and radians are understood; blank lines and comments after # are skipped, and so are tilts that Warp
        does not use.

    Returns
    -------
    TiltFile

    Raises
    ------
    FileNotFoundError
        If there is no such regular file.
    OSError
        If it cannot be read.
    ValueError
        If the file holds no angles, something else than numbers, or angles beyond ±90°.
    """
    path = Path(path)
    if not path.is_file():  # a pipe would be waited for
        raise FileNotFoundError(f"{path} does not exist: choose a .tlt, .rawtlt, .txt, .aln, .xml or .star.")
    text = _text(path)
    kind = path.suffix.lower()
    if kind == ".xml":
        return _warp(text, name=path.name)
    if kind == ".star":
        return TiltFile(_relion(text, name=path.name))
    return _read_list(_rows(text), last_first=kind == ".aln", name=path.name)


def read_tilt_angles(path: Path | str) -> tuple[float, ...]:
    """Return the angles of a tilt series in degrees; parameters and errors as of `read_tilt_file`."""
    return read_tilt_file(path).angles


def range_of(angles: Sequence[float], *, name: str) -> Range:
    """Return the smallest and the largest angle.

    Raises
    ------
    ValueError
        If they lie too close together for a tilt series; the sentence begins with the file's name.
    """
    low, high = min(angles), max(angles)
    if high - low < _NARROWEST:
        held = f"the angle {low:g}°" if low == high else f"angles from {low:g}° to {high:g}°"
        raise ValueError(f"{name} holds only {held}, which is no tilt range.")
    return low, high


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST_FILE:
        raise ValueError(f"{path.name} is too large for a list of tilt angles: {_CHOOSE}.")
    raw = path.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in raw[:2]:
        encoding = "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    return raw.decode(encoding, errors="replace").replace("\N{MINUS SIGN}", "-")


def _rows(text: str) -> list[list[str]]:
    lines = []
    for line in text.splitlines():
        content, _, comment = line.partition("#")
        if "local alignment" in comment.casefold():
            break  # what follows in an .aln file are local shifts, not tilts
        if content.strip():
            lines.append(content.replace(";", " "))
    separates = any(_SEPARATING_COMMA.search(line) for line in lines) or _is_numbered(lines)
    rows = [line.replace(",", " " if separates else ".").split() for line in lines]
    if len(rows) > 1 and not any(_NUMBER.fullmatch(word) for word in rows[0]):
        rows = rows[1:]  # titles
    return [[word] for word in rows[0]] if len(rows) == 1 and _runs(rows[0]) else rows


def _is_numbered(lines: list[str]) -> bool:
    """Tell whether the comma in lines like ``3,6`` separates the number of a tilt from its angle."""
    found = [match for line in lines if (match := _TWO_WHOLE.fullmatch(line))]
    if len(found) < max(len(lines) - 1, 3):  # but for titles
        return False
    first, second = ([float(match[group]) for match in found] for group in (1, 2))
    return any(
        _counts(one) and _span(other) >= _NARROWEST for one, other in ((first, second), (second, first))
    )


def _runs(words: list[str]) -> bool:
    """Tell whether a line holds a whole tilt series rather than what belongs to one tilt."""
    if len(words) < 3 or not all(map(_is_angle, words)):
        return False
    angles = [float(word) for word in words]
    rising = sorted(angles)
    return _is_regular(angles) or angles in (rising, rising[::-1])


def _read_list(rows: list[list[str]], *, last_first: bool, name: str) -> TiltFile:
    """Take the column that runs like tilt angles; one that counts the rows never does."""
    if not rows:
        raise ValueError(f"{name} holds no tilt angles: it needs one line per tilt, in degrees.")
    places = range(min(map(len, rows)))
    columns = [[row[place] for row in rows] for place in (reversed(places) if last_first else places)]
    numbers = [[float(word) for word in words] for words in columns if all(map(_is_angle, words))]
    if not numbers:
        _refuse(columns[0], name)
    angles = [column for column in numbers if not _counts(column)]
    if not angles:
        raise ValueError(
            f"{name} counts from {min(numbers[0]):g} to {max(numbers[0]):g} where tilt angles are expected: "
            f"{_CHOOSE}."
        )
    wide = [column for column in angles if _span(column) >= _NARROWEST]
    if wide:
        likeliest: list[float] = wide[0] if last_first else max(wide, key=_likeness)
        return TiltFile(tuple(likeliest))
    radians = [column for column in angles if _is_in_radians(column)]
    if len(radians) != 1:
        return TiltFile(tuple(angles[0]))
    assumed = f"{name} holds numbers up to {max(radians[0]):.3g}, which were read as radians."
    return TiltFile(tuple(map(math.degrees, radians[0])), assumed=assumed)


def _span(column: list[float]) -> float:
    return max(column) - min(column)


def _likeness(column: list[float]) -> tuple[bool, float]:
    """Return how much a column is like tilt angles: regular before irregular, then the wider one."""
    return _is_regular(column), _span(column) * (_BOTH_SIGNS if min(column) < 0 < max(column) else 1)


def _is_regular(column: list[float]) -> bool:
    """Tell whether most steps between neighbouring angles are alike, in whatever order they were taken."""
    angles = sorted(column)
    steps = [after - before for before, after in pairwise(angles)]
    usual = median(steps) if steps else 0.0
    return usual > 0 and sum(abs(step - usual) <= _ALIKE * usual for step in steps) >= len(steps) / 2


def _is_in_radians(column: list[float]) -> bool:
    low, high = _RADIANS
    return len(column) > 4 and low <= max(map(abs, column)) <= high and _span(column) > low


def _is_angle(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None and abs(float(word)) <= _LARGEST_ANGLE


def _counts(column: list[float]) -> bool:
    first = min(column)
    return len(column) > 2 and first in (0, 1) and sorted(column) == [first + n for n in range(len(column))]


def _all_angles(words: list[str], name: str) -> list[float]:
    if not all(map(_is_angle, words)):
        _refuse(words, name)
    return [float(word) for word in words]


def _refuse(words: list[str], name: str) -> NoReturn:
    wrong = next(word for word in words if not _is_angle(word))
    if _NUMBER.fullmatch(wrong):
        raise ValueError(
            f"{name} holds {float(wrong):g} where a tilt angle between −90° and 90° is expected: {_CHOOSE}."
        )
    raise ValueError(f"{name} holds {wrong[:40]!r} where a tilt angle in degrees is expected: {_CHOOSE}.")


def _warp(text: str, *, name: str) -> TiltFile:
    """Read the angles that Warp uses, to which the angle belongs by which the specimen was levelled."""
    try:
        root = ElementTree.fromstring(text)
        level = float(root.get("LevelAngleY", "0"))
    except (ElementTree.ParseError, ValueError):
        root, level = ElementTree.Element(""), 0.0
    words, used = ((root.findtext(tag) or "").split() for tag in ("Angles", "UseTilt"))
    if root.tag != "TiltSeries" or not words:
        raise ValueError(f"{name} is no tilt series of Warp: {_CHOOSE}.")
    if len(used) == len(words):
        words = [word for word, use in zip(words, used, strict=True) if use.casefold() != "false"]
    if not words:
        raise ValueError(f"{name} uses none of its tilts: {_CHOOSE}.")
    return _levelled(_all_angles(words, name), level, name=name)


def _levelled(angles: list[float], level: float, *, name: str) -> TiltFile:
    """Add Warp's level angle, or subtract it where only that stays within ±90°."""
    both = [tuple(angle + sign * level for angle in angles) for sign in (1, -1)]
    possible = [turned for turned in both if all(abs(angle) <= _LARGEST_ANGLE for angle in turned)]
    if not possible:  # nor of a level that is not finite
        raise ValueError(
            f"{name} has the level angle {level:g}°, with which its tilts lie beyond ±90°: {_CHOOSE}."
        )
    others = tuple((min(turned), max(turned)) for turned in possible[1:] if level)
    assumed = (
        f"The level angle of {name}, {level:g}°, was subtracted, as its tilts reach beyond ±90° otherwise."
    )
    return TiltFile(possible[0], others, "" if possible[0] == both[0] else assumed)


def _relion(text: str, *, name: str) -> tuple[float, ...]:
    for table in read_star(text, name=name):
        column = next((column for column in _STAR_COLUMNS if column in table.columns), None)
        if column is not None and table.rows:
            return tuple(_all_angles(table.texts(column), name))
    raise ValueError(f"{name} has none of the columns {' and '.join(_STAR_COLUMNS)}: {_CHOOSE}.")


__all__ = ["TiltFile", "range_of", "read_tilt_angles", "read_tilt_file"]
