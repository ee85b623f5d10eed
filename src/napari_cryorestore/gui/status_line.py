"""The state of a run in the few words of a state line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_cryorestore.runs.state import RunState


def state_words(state: RunState, now: float | None = None) -> str:
    """Return e.g. ``412/5000 · 11 steps/s · 6:40 left · GPU 7.1 GB``, or why there is no such thing."""
    status = state.status(now)
    place = f"{state.step}/{state.steps}"
    if status == "waiting":
        return "Starting…"
    if status == "failed":
        return f"Failed: {state.error}"
    if status == "quiet":
        since = time.strftime("%H:%M", time.localtime(state.quiet_since or 0.0))
        return f"Quiet since {since}, at {place}"
    if status == "completed" and state.why:
        return state.why
    words = {"paused": "Paused at", "stopped": "Stopped at", "completed": "Finished ·"}.get(status)
    if words:
        return f"{words} {place}"
    if state.phase:
        return f"{state.phase}…"
    left = _left(state.seconds_left, may_end=state.may_end)
    parts = [place, rate_words(state.rate), left, _memory(state.memory)]
    return " · ".join(part for part in parts if part)


def rate_words(rate: float) -> str:
    """Return a rate the way it is easiest to grasp: ``11 steps/s``, ``1.4 steps/s``, ``2.5 s per step``."""
    if rate <= 0:
        return ""
    if rate >= 1:
        return f"{rate:.0f} steps/s" if rate >= 10 else f"{rate:.1f} steps/s"
    return f"{1 / rate:.1f} s per step"


def duration_words(seconds: float) -> str:
    """Return ``0:42``, ``6:40`` or ``2:05:10``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def about_words(seconds: float) -> str:
    """Return a duration as roughly as it is known: ``less than a minute``, ``about 4 min``, ``about 3 h``."""
    for unit, length, most in (("min", 60, 90), ("h", 3600, 36), ("days", 86_400, 10_000)):
        count = round(seconds / length)
        if count < most:
            return f"about {count} {unit}" if count else "less than a minute"
    return "years"


def _left(seconds: float | None, *, may_end: bool) -> str:
    if seconds is None:
        return ""
    return f"{'at most ' if may_end else ''}{duration_words(seconds)} left"


def _memory(gigabytes: float) -> str:
    return f"GPU {gigabytes:.1f} GB" if gigabytes > 0 else ""


__all__ = ["about_words", "duration_words", "rate_words", "state_words"]
