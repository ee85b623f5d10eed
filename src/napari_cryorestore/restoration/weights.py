"""From what a user names to the weights that restore: a run's step is chosen here, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.checkpoint import WEIGHTS, weights_file
from napari_cryorestore.data.tile_journal import begun_with
from napari_cryorestore.io.part_file import part_of
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from napari_cryorestore.restore_config import ModelRef, RestoreConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep, WhichStep


def with_chosen_weights(
    config: RestoreConfig, chosen: ChosenStep | None = None
) -> tuple[RestoreConfig, ChosenStep | None]:
    """Return the configuration with the weights file that it means, and which step of a run that is.

    Of a restoration that was killed, the step is kept with which it began, even if the run has trained on
    since then and suggests another one.

    Parameters
    ----------
    config : RestoreConfig
    chosen : ChosenStep, optional
        The step, where it was chosen before and the weights are its checkpoint already.

    Raises
    ------
    FileNotFoundError, ValueError
        If there are no such weights.
    """
    model = config.model
    if model.weights is None or chosen is not None:
        return config, chosen
    begun = begun_with(part_of(config.output)).get("step")
    which, why = model.step, "as given"
    if isinstance(which, str) and begun in RunDir(model.weights).checkpoint_steps():
        which, why = int(begun), "as when this restoration began"
    file, chosen = chosen_weights(model.weights, which, why=why)
    return config.model_copy(update={"model": at_file(model, file)}), chosen


def at_file(model: ModelRef, file: Path) -> ModelRef:
    """Return the model whose step was chosen: that of a weights file, whatever the run does from now on."""
    return model.model_copy(update={"weights": file, "step": "suggested"})


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
    chosen = step_of_run(run, which, why=why)
    return weights_file(run.checkpoint_path(chosen.step)), chosen


def _within_run(file: Path) -> ChosenStep | None:
    """Return what there is to say of a checkpoint that was named itself, if it lies in a run."""
    folder = file.absolute().parent
    run = RunDir(folder.parent.parent)
    if not run.events_path.is_file():
        return None
    steps = [step for step in run.checkpoint_steps() if run.checkpoint_path(step) == folder]
    return step_of_run(run, steps[0]) if steps else None


__all__ = ["at_file", "chosen_weights", "with_chosen_weights"]
