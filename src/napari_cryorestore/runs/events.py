"""The vocabulary of a run: every event that can stand in ``events.jsonl``, and when it is written.

One line of JSON an event. Arrays are files, named relative to the run folder. Every process lifetime
starts with `Started` and ends in exactly one of `Finished` and `Failed`; resuming appends a new `Started`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from napari_cryorestore.plain_values import plain_json
from napari_cryorestore.runs.event_values import READERS

if TYPE_CHECKING:
    from collections.abc import Callable


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


_READ: dict[type[Event], tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    event: tuple((item.name, READERS.get(item.name) or READERS[str(item.type)]) for item in fields(event))
    for event in EVENTS.values()
}
"""What makes a value of every field from what stands in the line."""
