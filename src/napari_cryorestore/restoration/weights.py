"""From what a user names to the weights that restore: a run's step is chosen here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.checkpoint import WEIGHTS, weights_file
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from napari_cryorestore.runs.chosen_step import ChosenStep, WhichStep


def chosen_weights(
    path: Path, which: WhichStep = "suggested", *, why: str = "as given"
) -> tuple[Path, ChosenStep | None]:
    """Return the weights file to restore with, and which step of a run that is.

    Parameters
    ----------
    path : Path
        A run folder, a checkpoint's folder or its weights file.
    which, why
        Which step of the run, and why that was named; see `runs.chosen_step.step_of_run`.

    Returns
    -------
    file : Path
    chosen : ChosenStep or None
        ``None`` where the path is a checkpoint that lies by itself.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If the run has no checkpoint at that step, or a step is named of what is no run.
    """
    path = Path(path)
    run = RunDir(path)
    if path.is_file() or (path / WEIGHTS).is_file():
        file = weights_file(path)
        own = _within_run(file)
        if which != "suggested" and (own is None or which != own.step):
            raise ValueError(f"{path} is a checkpoint, which is of one step: name its run, or no step")
        return file, own
    if not run.checkpoint_steps():
        if which != "suggested":
            RunDir.open(path)
        return weights_file(path), None  # one of both says what is wrong
    chosen = run.chosen_step(which, why=why)
    return weights_file(run.checkpoint_path(chosen.step)), chosen


def _within_run(file: Path) -> ChosenStep | None:
    """Return what there is to say of a checkpoint that was named itself, if it lies in a run."""
    folder = file.absolute().parent
    run = RunDir(folder.parent.parent)
    if not run.events_path.is_file():
        return None
    steps = [step for step in run.checkpoint_steps() if run.checkpoint_path(step) == folder]
    return run.chosen_step(steps[0]) if steps else None


__all__ = ["chosen_weights"]
