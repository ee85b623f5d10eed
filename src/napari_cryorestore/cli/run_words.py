"""A run's state in words: one line, or a table of what was measured on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.runs.metric_words import words_for

if TYPE_CHECKING:
    from napari_cryorestore.runs.state import RunState

_SUGGESTED = "→"
_FIRST = ("loss", "n2n", "fill")  # what advice is made from: narrow terminals cut off the rest


def duration(seconds: float) -> str:
    """Return ``0:09``, ``12:30`` or ``3:05:00``."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def headline(state: RunState) -> str:
    """Return how a run is, in one line."""
    facts = [state.phase or state.status()]
    if state.steps:
        facts.append(f"{state.step}/{state.steps}")
    if state.rate > 0 and state.seconds_left is not None:
        most = "at most " if state.may_end else ""
        facts += [f"{state.rate:.3g} steps/s", f"{most}{duration(state.seconds_left)} left"]
    if "loss" in state.curves:
        facts.append(f"loss {state.curves['loss'].values[-1]:.4g}")
    if "n2n" in state.metrics:
        facts.append(f"{words_for('n2n').title.lower()} {state.metrics['n2n'].values[-1]:.3f}")
    if state.memory > 0:
        facts.append(f"{state.memory:.1f} GB")
    return " · ".join(facts)


def verdict(state: RunState) -> str:
    """Return what the quality numbers advise; empty while they advise nothing."""
    advice = state.advice
    if advice.light == "unknown":
        return ""
    kind = "suggested step" if advice.kind == "suggested" else "best step, not suggested"
    return f"{kind}: {advice.step}. {advice.sentence}"


def columns(state: RunState) -> list[str]:
    """Return the names of what a table shows: loss and advice first, then parts and other metrics."""
    names = [*state.curves, *state.metrics]
    return sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))


def header(state: RunState) -> str:
    """Return the first line of a table."""
    return "".join(f"{name:>{_width(name)}}" for name in ("step", *columns(state)))


def row(state: RunState, step: int) -> str:
    """Return the line of a step, marked if it is the suggested one."""
    mark = _SUGGESTED if step == state.advice.suggested else " "
    cells = [f"{mark}{step:>{_width('step') - 1}}"]
    for name in columns(state):
        value = (state.curves.get(name) or state.metrics[name]).at(step)
        cells.append(f"{'–' if value is None else f'{value:.4g}':>{_width(name)}}")
    return "".join(cells)


def table_steps(state: RunState) -> list[int]:
    """Return the steps that a table has a line for: those with a preview, or else the latest."""
    loss = state.curves.get("loss")
    return list(state.snapshots) or ([] if loss is None else [int(loss.steps[-1])])


def _width(name: str) -> int:
    return max(10, len(name) + 2)


__all__ = ["columns", "duration", "header", "headline", "row", "table_steps", "verdict"]
