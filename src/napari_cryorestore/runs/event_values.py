"""Values of events as they are read: of the type and within the bounds that a run can have, or refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 10**12  # steps, seconds, GB
_LEAST = 1e-9
_LARGEST = 1e100  # sums and squares of such are still finite
_MOST_NAMES, _LONGEST_NAME = 256, 128


def count(value: Any) -> int:
    """Return a number of steps or of a process; raises ``ValueError`` for anything else."""
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError("no count")
    return value


def number(value: Any) -> float:
    """Return what was measured, NaN where it was not finite; raises ``ValueError`` if it is no number."""
    if type(value) is not float and type(value) is not int:
        raise ValueError("no number")
    return float(value) if -_LARGEST < value < _LARGEST else math.nan


def amount(value: Any) -> float:
    """Return a time, rate or size: 0 or more, never NaN; raises ``ValueError`` for anything else."""
    found = number(value)
    if not 0 <= found <= _MOST:
        raise ValueError("no amount")
    return found if found >= _LEAST else 0.0


def text(value: Any) -> str:
    """Return words that can be shown anywhere; raises ``ValueError`` if they are none."""
    if type(value) is not str:
        raise ValueError("no text")
    if value.isprintable():
        return value
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in value)


def numbers(value: Any) -> dict[str, float]:
    """Return numbers by name, not many; raises ``ValueError`` for anything else."""
    if type(value) is not dict or len(value) > _MOST_NAMES:
        raise ValueError("no numbers by name")
    if not all(0 < len(name) <= _LONGEST_NAME and name.isprintable() for name in value):
        raise ValueError("a name that is none")
    return {name: number(item) for name, item in value.items()}


def counts(value: Any) -> list[int]:
    """Return a list of steps; raises ``ValueError`` for anything else."""
    if type(value) is not list:
        raise ValueError("no list")
    return [count(item) for item in value]


def flag(value: Any) -> bool:
    """Return yes or no; raises ``ValueError`` for anything else."""
    if type(value) is not bool:
        raise ValueError("neither yes nor no")
    return value


def number_or_none(value: Any) -> float | None:
    """Return what was measured, if it was; raises ``ValueError`` for anything else."""
    return None if value is None else number(value)


def lists_of_numbers(value: Any) -> dict[str, list[float]]:
    """Return lists of numbers by name, not many; raises ``ValueError`` for anything else."""
    if type(value) is not dict or not all(type(item) is list for item in value.values()):
        raise ValueError("no lists of numbers by name")
    numbers(dict.fromkeys(value, 0.0))
    return {name: [number(item) for item in items] for name, items in value.items()}


def inner_path(value: Any) -> str:
    """Return the name of a file within the run folder; raises ``ValueError`` for anything else."""
    if type(value) is not str or not value.isprintable() or not 0 < len(value) <= 255:
        raise ValueError("no name of a file")
    if value.startswith(("/", "\\")) or ":" in value or ".." in value:
        raise ValueError("a file outside the run folder")
    return value


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"none of {', '.join(words)}")
        return str(value)

    return read


_RENAMED = {"wedge_energy": "wedge_share"}
"""What older runs call a metric, and what it is called now."""


def _renamed(read: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {_RENAMED.get(name, name): item for name, item in read(value).items()}


READERS: dict[str, Callable[[Any], Any]] = {
    "int": count,
    "float": number,
    "str": text,
    "bool": flag,
    "float | None": number_or_none,
    "dict[str, float]": numbers,
    "dict[str, list[float]]": lists_of_numbers,
    "list[int]": counts,
    "time": amount,
    "rate": amount,
    "memory": amount,
    "metrics": _renamed(numbers),
    "left_out": _renamed(lists_of_numbers),
    "file": inner_path,
    "level": _one_of("phase", "info", "warning"),
    "reason": _one_of("completed", "stopped"),
}
"""By the name of a field, or else by its type."""

__all__ = ["READERS"]
