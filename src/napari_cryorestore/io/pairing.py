"""Which two files are the halves of one tomogram, told from the words in their names and folders."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_cryorestore.io.tilt_series import without_tilt_series
from napari_cryorestore.io.volumes import is_tomogram_path, is_volume_path, volume_stem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_FOLDERS_SEARCHED = 3
_HALVES = (("even", "odd"), ("evn", "odd"), ("1", "2"), ("a", "b"))  # the second one counts as odd
_ODD = frozenset(odd for _, odd in _HALVES)
_SIDES = [*_HALVES, *((odd, even) for even, odd in _HALVES)]
_OPPOSITES = {side: tuple(other for one, other in _SIDES if one == side) for side, _ in _SIDES}
_OF_A_SERIES = {"1": ("0", "3"), "2": ("0", "3"), "a": ("c",), "b": ("c",)}
# A word ends where letters end, or where capitals begin after small ones, as in ts01Even and evenTomos.
_LETTER = r"[^\W\d_]"
_BEGIN = rf"(?:(?<!{_LETTER})|(?<=[a-z])(?=[A-Z]))"
_END = rf"(?:(?!{_LETTER})|(?<=[a-z])(?=[A-Z]))"
_NOUN = "(?i:frames?|tilts?|tomos?|tomograms?|hal(?:f|ves)|maps?|vol(?:ume)?s?|stacks?|sums?|recs?|series)"
_BEHIND = r"(?i:[_-](?:full|rec|vol|bin\d+|\d+(?:\.\d+)?a?px))*(?=\.|$)"
_WORDS = (
    re.compile(rf"{_BEGIN}(?P<side>(?i:even|evn|odd))(?:{_NOUN}(?!{_LETTER})|{_END})"),
    re.compile(rf"{_BEGIN}(?i:half)(?:[_-]?(?i:maps?))?[_-]?(?:(?P<side>[12])(?![a-z0-9]))"),
    re.compile(rf"{_BEGIN}(?i:half)(?:[_-]?(?i:maps?))?[_-]?(?P<side>[ABab])(?![^\W_])"),
    re.compile(r"(?<![^\W_])(?i:h)(?P<side>[12])(?![^\W_])"),
    # as short a word is met in other senses too: only at the end of a file's name
    re.compile(rf"(?<=[_.-])(?i:f)(?P<side>[12])(?={_BEHIND})"),
)


@dataclass(frozen=True)
class Pair:
    """The two halves of one tomogram.

    Attributes
    ----------
    even, odd : Path
        The files; "half 1" counts as even.
    name : str
        What the two names have in common.
    """

    even: Path
    odd: Path
    name: str


class _Guess(NamedTuple):
    """Where the other half could be, and what would show that the two are no halves."""

    path: Path
    others: tuple[Path, ...]
    is_odd: bool


def pair_halves(paths: Iterable[Path | str]) -> list[Pair]:
    """Pair half tomograms by their names.

    Parameters
    ----------
    paths : iterable of Path or str
        Files in any order; those without a partner among them, and tilt series that lie beside their
        volumes, are left out. Partners written alike come first, then those that differ in upper and lower
        case, then those whose suffixes differ, of which one ends in .mrc and the other in .rec, for example.

    Returns
    -------
    list of Pair
        In the order in which the first half of each was given; every file is in one pair at most.
    """
    files = without_tilt_series(dict.fromkeys(map(Path, paths)))
    pairs: dict[Path, Pair] = {}
    for key in (str, _in_any_case, _with_any_ending):
        alike: dict[str, list[Path]] = defaultdict(list)
        for path in files:
            alike[key(path)].append(path)
        for path in files:
            if path not in pairs:
                _join(path, alike, key, pairs)
    return list(dict.fromkeys(pairs[path] for path in files if path in pairs))


def _join(
    path: Path, alike: dict[str, list[Path]], key: Callable[[Path], str], pairs: dict[Path, Pair]
) -> None:
    for guess in _guesses(path):
        partners = [item for item in alike.get(key(guess.path), ()) if item not in pairs and item != path]
        if partners and not any(key(other) in alike for other in guess.others):
            even, odd = (partners[0], path) if guess.is_odd else (path, partners[0])
            pairs[even] = pairs[odd] = Pair(even=even, odd=odd, name=tomogram_name(even))
            return


def find_other_half(path: Path | str) -> Path | None:
    """Look for the other half of a tomogram beside it and in sibling folders.

    Parameters
    ----------
    path : Path or str
        One half.

    Returns
    -------
    Path or None
        The other half, if a file with the matching name exists.
    """
    path = Path(path)
    folders = [_existing(folder) for folder in dict.fromkeys(guess.path.parent for guess in _guesses(path))]
    there = [entry for folder in folders if folder is not None for entry in _volumes_in(folder)]
    for pair in pair_halves([path, *there]):
        if path in (pair.even, pair.odd):
            return pair.odd if pair.even == path else pair.even
    return None


def half_of(path: Path | str) -> str | None:
    """Tell which half a file is.

    Parameters
    ----------
    path : Path or str
        A file; it need not exist.

    Returns
    -------
    str or None
        "even" or "odd", or None if neither the name nor a folder says.
    """
    for guess in _guesses(Path(path)):
        return "odd" if guess.is_odd else "even"
    return None


def tomogram_name(path: Path | str) -> str:
    """Name a tomogram after one of its halves.

    Parameters
    ----------
    path : Path or str
        One half, or a whole tomogram.

    Returns
    -------
    str
        The file name without suffix and without the word that tells the half.
    """
    path = Path(path)
    stem = volume_stem(path)
    words = half_words(stem)
    if not words:
        return stem
    before, after = stem[: words[0].start], stem[words[0].end :]
    if not after.strip("_-. "):
        return before.rstrip("_-. ") or path.parent.name or stem
    return before + after.lstrip("_-. ")


def _in_any_case(path: Path) -> str:
    return str(path).casefold()


def _with_any_ending(path: Path) -> str:
    return str(path.with_name(volume_stem(path)) if is_tomogram_path(path) else path).casefold()


def _guesses(path: Path) -> Iterator[_Guess]:
    """Where the other half could be, the likeliest first: beside it, then in sibling folders."""
    names = list(_swapped(path.name))
    for name, others, is_odd in names:
        yield _Guess(path.with_name(name), tuple(path.with_name(other) for other in others), is_odd)
    folders = list(_swapped_folders(path.parent))
    for (name, _, is_odd), folder in product(names, folders):
        if is_odd == folder.is_odd:
            yield _Guess(folder.path / name, tuple(other / path.name for other in folder.others), is_odd)
    if not names:
        for folder in folders:
            others_there = tuple(other / path.name for other in folder.others)
            yield _Guess(folder.path / path.name, others_there, folder.is_odd)


def _swapped_folders(folder: Path) -> Iterator[_Guess]:
    """Swap one folder name at a time, the innermost first."""
    below = Path()
    for _ in range(_FOLDERS_SEARCHED):
        for name, others, is_odd in _swapped(folder.name):
            siblings = tuple(folder.with_name(other) / below for other in others)
            yield _Guess(folder.with_name(name) / below, siblings, is_odd)
        below = folder.name / below
        if folder.parent == folder:
            return
        folder = folder.parent


def _swapped(name: str) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Replace one word by its opposite, the last word first."""
    for word in half_words(name):
        for opposite in word.opposites:
            yield opposite, word.others, word.is_odd


def _volumes_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if is_volume_path(entry) and entry.is_file())


def _existing(path: Path) -> Path | None:
    """Find a path on disk whatever the case of its letters."""
    if path.exists():
        return path
    folder = _existing(path.parent)
    if folder is None or not folder.is_dir():
        return None
    name = path.name.casefold()
    return next((entry for entry in sorted(folder.iterdir()) if entry.name.casefold() == name), None)


class HalfWord(NamedTuple):
    """A word that tells a half.

    Attributes
    ----------
    start, end : int
        Where it stands in the name, with a noun that is written together with it, such as in "evenframes".
    opposites : tuple of str
        The name with the word for the other half, in each of its spellings.
    others : tuple of str
        Names that would show that the two are members of a longer series, such as of f1, f2, f3.
    is_odd : bool
        Whether it is the second half.
    """

    start: int
    end: int
    opposites: tuple[str, ...]
    others: tuple[str, ...]
    is_odd: bool


def half_words(name: str) -> list[HalfWord]:
    """Find the words that tell a half.

    Parameters
    ----------
    name : str
        Of a file, with its suffix, or of a folder.

    Returns
    -------
    list of HalfWord
        The last one first.
    """
    found = sorted(_found(name), key=lambda match: match.start(), reverse=True)
    return [_half_word(name, match) for match in found]


def _found(name: str) -> Iterator[re.Match[str]]:
    for pattern in _WORDS:
        yield from pattern.finditer(name)


def _half_word(name: str, match: re.Match[str]) -> HalfWord:
    word = match["side"]
    start, end = match.span("side")

    def instead(others: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name[:start] + _written_like(word, other) + name[end:] for other in others)

    side = word.lower()
    return HalfWord(
        match.start(),
        match.end(),
        instead(_OPPOSITES[side]),
        instead(_OF_A_SERIES.get(side, ())),
        side in _ODD,
    )


def _written_like(word: str, other: str) -> str:
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


__all__ = ["HalfWord", "Pair", "find_other_half", "half_of", "half_words", "pair_halves", "tomogram_name"]
