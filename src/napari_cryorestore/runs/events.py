"""The vocabulary of a run: every event of ``events.jsonl``, when it is written, and how it is read back.

One line of JSON an event. Arrays are files, named relative to the run folder. Every process lifetime
starts with `Started` and ends in exactly one of `Finished` and `Failed`; resuming appends a new `Started`.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from napari_cryorestore.safe_reading import plain_json

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 10**12  # steps, seconds, GB
_LEAST = 1e-9
_LARGEST = 1e100  # sums and squares of such are still finite
_MOST_NAMES, _LONGEST_NAME = 256, 128


@dataclass(frozen=True, kw_only=True)
class Event:
    """What all events share.

    Attributes
    ----------
    time : float
        Seconds since 1970-01-01 UTC; set by the recorder.
    step : int
        Optimiser steps done when it happened.
    """

    kind: ClassVar[str]
    time: float = 0.0
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Started(Event):
    """A process takes the run up, before anything slow happens; ``step`` > 0 when it resumes.

    Attributes
    ----------
    may_end : bool
        Whether it ends before the last of its ``steps`` where held-out agreement has clearly fallen.
    """

    kind: ClassVar[str] = "started"
    steps: int
    process: int
    host: str
    may_end: bool = False


@dataclass(frozen=True, kw_only=True)
class Noted(Event):
    """Something that the user should read: a phase ("Preparing"), a repair, a warning."""

    kind: ClassVar[str] = "noted"
    level: Literal["phase", "info", "warning"]
    message: str


@dataclass(frozen=True, kw_only=True)
class Stepped(Event):
    """Mean loss since the last such event; at most about five a second.

    Attributes
    ----------
    parts : dict
        The named parts of the loss, e.g. ``{"data": …, "equivariance": …}``.
    rate : float
        Steps per second of training itself, previews left out.
    memory : float
        Peak memory of the device in GB; 0 where unknown.
    """

    kind: ClassVar[str] = "stepped"
    loss: float
    parts: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Snapshotted(Event):
    """The preview crop was restored; ``file`` holds it (z, y, x), float16, in units of the input's s.d."""

    kind: ClassVar[str] = "snapshotted"
    file: str


@dataclass(frozen=True, kw_only=True)
class Evaluated(Event):
    """Quality numbers of the same moment as a `Snapshotted`, by name; of step 0, there is no snapshot.

    Attributes
    ----------
    left_out : dict
        Some of them again, each with one of eight octants of the held-out block left out: the jackknife that
        tells by how much two steps differ by chance. Old runs have none.
    spread : float or None
        Standard deviation of the restored block relative to the input's: next to nothing before a network
        has begun to learn. Old runs have none.
    """

    kind: ClassVar[str] = "evaluated"
    metrics: dict[str, float]
    left_out: dict[str, list[float]] = field(default_factory=dict)
    spread: float | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpointed(Event):
    """The weights of this step were saved in the folder ``file``."""

    kind: ClassVar[str] = "checkpointed"
    file: str


@dataclass(frozen=True, kw_only=True)
class Thinned(Event):
    """Snapshots and checkpoints of the steps ``removed`` were deleted to bound memory and disk."""

    kind: ClassVar[str] = "thinned"
    removed: list[int]


@dataclass(frozen=True, kw_only=True)
class Paused(Event):
    """Training waits, by request."""

    kind: ClassVar[str] = "paused"


@dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """Training goes on after a pause."""

    kind: ClassVar[str] = "resumed"


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The process ended well: all steps done or no more of them worthwhile, or stopped by request.

    Attributes
    ----------
    why : str
        One sentence where training ended by itself before its last step; empty otherwise.
    """

    kind: ClassVar[str] = "finished"
    reason: Literal["completed", "stopped"]
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """The process ended by an error: one sentence, and the traceback for the developers."""

    kind: ClassVar[str] = "failed"
    error: str
    traceback: str = ""


EVENTS: dict[str, type[Event]] = {
    event.kind: event
    for event in (
        Started, Noted, Stepped, Snapshotted, Evaluated, Checkpointed, Thinned, Paused, Resumed,
        Finished, Failed,
    )
}  # fmt: skip


def to_json(event: Event) -> str:
    """Return the event as one line of JSON, without the line's end."""
    return json.dumps({"kind": event.kind, **asdict(event)}, separators=(",", ":"))


def from_json(line: str | bytes) -> Event | None:
    """Read one line; ``None`` for a kind that a newer version wrote.

    Raises
    ------
    ValueError
        If the line is not JSON, or what its kind needs is not there or not of its type.
    """
    content = plain_json(line)
    if not isinstance(content, dict) or not isinstance(content.get("kind"), str):
        raise ValueError("a line that is no event")
    event = EVENTS.get(content["kind"])
    if event is None:
        return None
    try:
        return event(**{name: read(content[name]) for name, read in _READ[event] if name in content})
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a damaged {event.kind!r} event: {error}") from error


def _count(value: Any) -> int:
    """Return a number of steps or of a process; raises ``ValueError`` for anything else."""
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError("no count")
    return value


def _number(value: Any) -> float:
    """Return what was measured, NaN where it was not finite; raises ``ValueError`` if it is no number."""
    if type(value) is not float and type(value) is not int:
        raise ValueError("no number")
    return float(value) if -_LARGEST < value < _LARGEST else math.nan


def _amount(value: Any) -> float:
    """Return a time, rate or size: 0 or more, never NaN; raises ``ValueError`` for anything else."""
    found = _number(value)
    if not 0 <= found <= _MOST:
        raise ValueError("no amount")
    return found if found >= _LEAST else 0.0


def _text(value: Any) -> str:
    """Return words that can be shown anywhere; raises ``ValueError`` if they are none."""
    if type(value) is not str:
        raise ValueError("no text")
    if value.isprintable():
        return value
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in value)


def _numbers(value: Any) -> dict[str, float]:
    """Return numbers by name, not many; raises ``ValueError`` for anything else."""
    if type(value) is not dict or len(value) > _MOST_NAMES:
        raise ValueError("no numbers by name")
    if not all(0 < len(name) <= _LONGEST_NAME and name.isprintable() for name in value):
        raise ValueError("a name that is none")
    return {name: _number(item) for name, item in value.items()}


def _counts(value: Any) -> list[int]:
    """Return a list of steps; raises ``ValueError`` for anything else."""
    if type(value) is not list:
        raise ValueError("no list")
    return [_count(item) for item in value]


def _flag(value: Any) -> bool:
    """Return yes or no; raises ``ValueError`` for anything else."""
    if type(value) is not bool:
        raise ValueError("neither yes nor no")
    return value


def _number_or_none(value: Any) -> float | None:
    """Return what was measured, if it was; raises ``ValueError`` for anything else."""
    return None if value is None else _number(value)


def _lists_of_numbers(value: Any) -> dict[str, list[float]]:
    """Return lists of numbers by name, not many; raises ``ValueError`` for anything else."""
    if type(value) is not dict or not all(type(item) is list for item in value.values()):
        raise ValueError("no lists of numbers by name")
    _numbers(dict.fromkeys(value, 0.0))
    return {name: [_number(item) for item in items] for name, items in value.items()}


def _inner_path(value: Any) -> str:
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


_READERS: dict[str, Callable[[Any], Any]] = {
    "int": _count,
    "float": _number,
    "str": _text,
    "bool": _flag,
    "float | None": _number_or_none,
    "dict[str, float]": _numbers,
    "dict[str, list[float]]": _lists_of_numbers,
    "list[int]": _counts,
    "time": _amount,
    "rate": _amount,
    "memory": _amount,
    "metrics": _renamed(_numbers),
    "left_out": _renamed(_lists_of_numbers),
    "file": _inner_path,
    "level": _one_of("phase", "info", "warning"),
    "reason": _one_of("completed", "stopped"),
}
"""By the name of a field, or else by its type."""


_READ: dict[type[Event], tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    event: tuple((item.name, _READERS.get(item.name) or _READERS[str(item.type)]) for item in fields(event))
    for event in EVENTS.values()
}
"""What makes a value of every field from what stands in the line."""


__all__ = [
    "EVENTS",
    "Checkpointed",
    "Evaluated",
    "Event",
    "Failed",
    "Finished",
    "Noted",
    "Paused",
    "Resumed",
    "Snapshotted",
    "Started",
    "Stepped",
    "Thinned",
    "from_json",
    "to_json",
]
