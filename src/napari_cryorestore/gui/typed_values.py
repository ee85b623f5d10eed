"""Values as they are typed in forms: written, read, and what is wrong with them, in words; free of Qt."""

from __future__ import annotations

import re
from typing import Any

_BETWEEN_NUMBERS = re.compile(r"[\s,;×]+")
_PARSING = (", unable to parse string as a number", ", unable to parse string as an integer")


def to_text(value: Any) -> str:
    """Write a value the way it is typed: floats keep every digit, ``None`` is empty, tuples have commas."""
    if value is None:
        return ""
    if isinstance(value, float):
        short = f"{value:.12g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple | list):
        return ", ".join(to_text(item) for item in value)
    return str(value)


def read_numbers(text: str) -> tuple[float, ...] | None:
    """Read numbers separated by commas, blanks or ×; ``None`` if one of them is no number."""
    try:
        return tuple(float(piece) for piece in split_numbers(text))
    except ValueError:
        return None


def split_numbers(text: str) -> list[str]:
    """Return the pieces of ``(1, 2, 3)``, ``1 2 3`` or ``1×2×3``."""
    return [piece for piece in _BETWEEN_NUMBERS.split(text.strip().strip("()[]")) if piece]


def read_number(text: str) -> float | None:
    """Return a number as typed, with any kind of minus, or ``None`` if it is none."""
    try:
        return float(text.replace("−", "-"))
    except ValueError:
        return None


def in_words(item: Any) -> str:
    """Return one of ``ValidationError.errors()`` in words: ``Should be greater than 0 (given: -1)``."""
    words = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    for technical in _PARSING:
        words = words.removesuffix(technical)
    words = words[:1].upper() + words[1:]
    if item["type"] in ("missing", "value_error"):
        return words
    return f"{words} (given: {to_text(item['input']) or 'nothing'})"


__all__ = ["in_words", "read_number", "read_numbers", "split_numbers", "to_text"]
