"""Whether a tomogram to restore is still what the model was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.checkpoint import weights_file
from napari_cryorestore.io.input_stamps import changed_inputs
from napari_cryorestore.runs.run_dir import CONFIG_FILE, RunDir

if TYPE_CHECKING:
    from napari_cryorestore.findings import Finding
    from napari_cryorestore.restoration.request import RestoreRequest

_FOLDERS_UP = 3  # from the weights to the run: step, checkpoints, run


def changed_since_training(request: RestoreRequest) -> tuple[Finding, ...]:
    """Tell which of the halves have changed since the model's run began; nothing of others than its own.

    Parameters
    ----------
    request : RestoreRequest

    Returns
    -------
    tuple of Finding
        See `changed_inputs`.
    """
    if request.source == "wiener":
        return ()
    above = weights_file(request.source).absolute().parents[:_FOLDERS_UP]
    run = next((RunDir(folder) for folder in above if (folder / CONFIG_FILE).is_file()), None)
    if run is None:
        return ()
    return changed_inputs(
        run.environment().get("inputs"), [path for path in (request.even, request.odd) if path is not None]
    )


__all__ = ["changed_since_training"]
