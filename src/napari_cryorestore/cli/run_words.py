"""A run's state in words: one line, or a table of what was measured on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.runs.metric_words import METRIC_WORDS, words_for

if TYPE_CHECKING:
    from napari_cryorestore.runs.state import RunState

_SUGGESTED = "→"
_JUDGED = ("n2n", "fill")
_FIRST = ("loss", *_JUDGED)  # what advice is made from: narrow terminals cut off the rest


def duration(seconds: float) -> str:
    """Return ``0:09``, ``12:30`` or ``3:05:00``."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def headline(state: RunState) -> str:
    """Return how a run is, in one line."""
    facts = [state.phase[:1].lower() + state.phase[1:] or state.status()]
    if state.steps:
        facts.append(f"{state.step}/{state.steps}")
    if state.rate > 0 and state.seconds_left is not None:
        most = "at most " if state.may_end else ""
        facts += [f"{state.rate:.3g} steps/s", f"{most}{duration(state.seconds_left)} left"]
    if "loss" in state.curves:
        facts.append(f"loss {state.curves['loss'].values[-1]:.4g}")
    if "n2n" in state.metrics:
        facts.append(f"{_title('n2n')} {state.metrics['n2n'].values[-1]:.3f}")
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
    return "".join(f"{_title(name):>{_width(name)}}" for name in ("step", *columns(state)))


def legend(state: RunState) -> str:
    """Return how to read the numbers that advice is made from; empty where there are none."""
    titles = [_title(name) for name in _JUDGED if name in state.metrics]
    if not titles:
        return ""
    told = f"{' and '.join(titles)}: measured where nothing was trained on; higher is better"
    return f"{told} ({_SUGGESTED} suggested step)" if state.advice.suggested is not None else told


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


def _title(name: str) -> str:
    """Return what a column is called: as the number is everywhere, or as the loss names its part."""
    return words_for(name).title.lower() if name in METRIC_WORDS else name


def _width(name: str) -> int:
    return max(10, len(_title(name)) + 2)


__all__ = ["columns", "duration", "header", "headline", "legend", "row", "table_steps", "verdict"]
