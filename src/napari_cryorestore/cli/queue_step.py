"""The step that a queue of restorations began with, written down where its results go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.safe_reading import json_in
from napari_cryorestore.whole_file import write_text

if TYPE_CHECKING:
    from pathlib import Path


def step_of_queue(folder: Path, run: Path) -> int | None:
    """Return the step of a run that a queue into a folder began with, as long as its weights are there.

    The run may train on meanwhile and suggest another step: the results of a queue come from one.
    """
    content = json_in(_file(folder, run))
    if not isinstance(content, dict) or content.get("run") != str(run.resolve()):
        return None
    step = content.get("step")
    return step if isinstance(step, int) and step in RunDir(run).checkpoint_steps() else None


def record_step(folder: Path, run: Path, step: int) -> None:
    """Write down the step of a run that a queue is restored with; raises ``OSError`` if it cannot."""
    if step in RunDir(run).checkpoint_steps() and step_of_queue(folder, run) != step:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(_file(folder, run), json.dumps({"run": str(run.resolve()), "step": step}) + "\n")


def _file(folder: Path, run: Path) -> Path:
    return folder / f"{run.resolve().name}.step.json"


__all__ = ["record_step", "step_of_queue"]
