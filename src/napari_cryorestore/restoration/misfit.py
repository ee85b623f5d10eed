"""Looks whether a model fits what it is to restore, as that is now, and says in the header what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.checkpoint import load_label, weights_file
from napari_cryorestore.data.recorded import recorded
from napari_cryorestore.io.input_stamps import changed_inputs
from napari_cryorestore.io.volume_format import label_lines
from napari_cryorestore.methods import METHODS
from napari_cryorestore.runs.run_dir import CONFIG_FILE, RunDir
from napari_cryorestore.runs.trained_on import misfits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.findings import Finding
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.restore_config import ModelRef
    from napari_cryorestore.runs.chosen_step import ChosenStep


_FOLDERS_UP = 3  # from the weights to the run: step, checkpoints, run


def misfits_of(model: ModelRef, tomogram: Tomogram) -> tuple[Finding, ...]:
    """Return what speaks against a model, whose weights are a file; none where nothing was trained.

    Errors are those of `load_label`.
    """
    if model.weights is None:
        return ()
    label = load_label(model.weights)
    method = METHODS[label.method.kind]
    return misfits(
        label.trained_on,
        recorded(tomogram),
        lacks_half=tomogram.odd is None and method.maps != 1,
        wedge=method.needs_wedge,
    )


def changed_since_training(model: ModelRef, files: Sequence[Path]) -> tuple[Finding, ...]:
    """Tell which files have changed since the model's run began; nothing of others than its own.

    Parameters
    ----------
    model : ModelRef
        Whose weights are a file.
    files : sequence of Path
        The maps of a tomogram.

    Returns
    -------
    tuple of Finding
        See `changed_inputs`.
    """
    if model.weights is None:
        return ()
    above = weights_file(model.weights).absolute().parents[:_FOLDERS_UP]
    run = next((RunDir(folder) for folder in above if (folder / CONFIG_FILE).is_file()), None)
    if run is None:
        return ()
    return changed_inputs(run.environment().get("inputs"), files)


def header_lines(
    name: str, facts: Sequence[str], chosen: ChosenStep | None, findings: Sequence[Finding]
) -> list[str]:
    """Return the labels of a restored volume: by what, facts, why this step, and what to mind."""
    why = [] if chosen is None else [chosen.sentence]
    sentences = [*why, *(f"{finding.severity}: {finding.sentence}" for finding in findings)]
    wrapped = [line for words in sentences for line in label_lines(words)]
    return [f"cryorestore: {name}", *facts, *wrapped]


__all__ = ["changed_since_training", "header_lines", "misfits_of"]
