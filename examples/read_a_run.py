"""Prints how a run is and which step it suggests, reading only its folder and without PyTorch.

Run it with the folder: ``python examples/read_a_run.py RUN``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.metric_words import words_for
from napari_cryorestore.runs.state import RunState


def report(run: Path) -> str:
    """Return the state of a run and its latest quality numbers, a line each."""
    state = RunState()
    state.apply(RunFollower(run).poll())
    lines = [f"{state.status()}, step {state.step} of {state.steps}", state.advice.sentence]
    lines += [f"{words_for(name).title}: {curve.values[-1]:.3f}" for name, curve in state.metrics.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(Path(sys.argv[1])))  # noqa: T201  this is a script
