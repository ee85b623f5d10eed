"""Which step of a run stands for it: the suggested one, the newest, or the one that is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_cryorestore.findings import Finding
from napari_cryorestore.runs.advice import use_words
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.held_out import HeldOut, has_fallen, lost_share
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.runs.advice import StepAdvice
    from napari_cryorestore.runs.run_dir import RunDir

WhichStep = int | Literal["suggested", "newest"]
"""A step, or how to find it; ``"suggested"`` unless somebody says otherwise."""


@dataclass(frozen=True)
class ChosenStep:
    """The step that is taken, and what to know of it.

    Attributes
    ----------
    step : int
        Its weights are on disk.
    kind : str
        ``"suggested"``, ``"best"`` and ``"newest"`` as in `StepAdvice`, or ``"given"`` where it was named.
    newest : int
        The newest step whose weights are on disk.
    sentence : str
        Which step is taken, why, and which others there are.
    findings : tuple of Finding
        Why the result may be a poor one; empty if nothing speaks against the step.
    """

    step: int
    kind: Literal["suggested", "best", "newest", "given"]
    newest: int
    sentence: str
    findings: tuple[Finding, ...] = ()


def step_of_run(run: RunDir, which: WhichStep = "suggested", *, why: str = "as given") -> ChosenStep:
    """Return the step that stands for a run: whoever restores, compares or evaluates takes this one.

    Parameters
    ----------
    run : RunDir
    which : int, "suggested" or "newest"
        A step; or the one that the held-out numbers suggest; or the newest. Without a suggestion, the step
        that scores best stands for it, and the newest where nothing was scored.
    why : str
        Why a step that is named was, for the sentence.

    Raises
    ------
    FileNotFoundError
        If the run has no weights yet.
    ValueError
        If it has none at that step.
    """
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    return choose_step(state, run.checkpoint_steps(), which, run=run.path, why=why)


def choose_step(
    state: RunState, steps: Sequence[int], which: WhichStep, *, run: Path, why: str = "as given"
) -> ChosenStep:
    """Do what `step_of_run` does, for who knows the run's state and the steps whose weights are on disk."""
    if not steps:
        raise FileNotFoundError(f"The run {run.name} has no checkpoint yet: wait for the first preview.")
    advice, newest = state.advice_among(steps), steps[-1]
    best = newest if advice.step is None else advice.step
    others = f"the held-out numbers suggest step {best}" if advice.kind == "suggested" else ""
    step: int
    kind: Literal["suggested", "best", "newest", "given"]
    if which == "suggested":
        step, kind = best, "newest" if advice.kind == "none" else advice.kind
    elif which == "newest":
        step, kind = newest, "newest"
    elif which in steps:
        step, kind = int(which), "given"
    else:
        there = ", ".join(map(str, steps))
        raise ValueError(f"there is no checkpoint of step {which} in {run}; there are: {there}")
    return ChosenStep(
        step=step,
        kind=kind,
        newest=newest,
        sentence=_sentence(step, _WHY.get(kind, why), newest, "" if step == best else others),
        findings=_findings(state.held_out(), step, advice=advice, doubt=_doubt(advice, step)),
    )


_WHY = {
    "suggested": "as the held-out numbers suggest",
    "best": "which scores best",
    "newest": "the newest",
}


def _sentence(step: int, why: str, newest: int, suggested: str) -> str:
    last = "it is the newest" if why != _WHY["newest"] and step == newest else ""
    other = f"the newest is step {newest}" if step != newest else ""
    rest = " and ".join(part for part in (suggested, other, last) if part)
    return f"Step {step} is taken, {why}" + (f"; {rest}." if rest else ".")


def _doubt(advice: StepAdvice, step: int) -> str:
    """Return what speaks against the step that is advised; empty where nothing does, or another is taken."""
    if step != advice.step:
        return ""
    return advice.sentence if advice.kind == "best" and advice.light == "slow" else advice.apart


def _findings(
    history: Sequence[HeldOut], step: int, *, advice: StepAdvice, doubt: str
) -> tuple[Finding, ...]:
    trained = [item for item in history if item.step > 0 and np.isfinite(item.n2n)]
    top = max(trained, key=lambda item: item.n2n, default=None)
    judged = [] if step == advice.suggested else trained  # which weighed agreement against filling
    now = next((item for item in reversed(judged) if item.step <= step), None)  # it, or the one before
    found = []
    if top is not None and now is not None and top.step < step and has_fallen(top, now):
        share = 100 * lost_share(top, now)
        found.append(
            Finding(
                "warning",
                "step",
                f"The run over-fitted before step {step}: {now.by} is {share:.0f} % below its "
                f"best, at step {top.step}.",
                "" if advice.step in (None, step) else use_words(advice.step or 0, advice.why, ended=True),
            )
        )
    if doubt and not found:
        found.append(Finding("warning", "step", doubt, "Look at the previews before you trust the result."))
    return tuple(found)


__all__ = ["ChosenStep", "WhichStep", "choose_step", "step_of_run"]
