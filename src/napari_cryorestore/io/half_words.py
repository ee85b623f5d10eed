"""The words in a file's or folder's name that tell which half it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPPOSITES = {"even": ("odd",), "evn": ("odd",), "odd": ("even", "evn"), "1": ("2",), "2": ("1",)}
_OPPOSITES |= {"a": ("b",), "b": ("a",)}
_ODD = frozenset({"odd", "2", "b"})
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


__all__ = ["HalfWord", "half_words"]
