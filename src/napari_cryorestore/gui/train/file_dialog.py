"""The dialogs of the Train panel: configurations, starting weights and the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_cryorestore.gui.dialogs import choose_target
from napari_cryorestore.gui.preferences import last_folder, remember_folder
from napari_cryorestore.safe_reading import read_regular

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.run_config import TomogramConfig

_TOML = "Configuration (*.toml)"


def save_configuration(parent: QWidget, model: TrainModel) -> Path | None:
    """Ask for a file and write the recipe there; return the file, or ``None`` if the user gave up.

    Raises
    ------
    ValueError, OSError
        With one sentence, if the recipe is not valid or the file cannot be written.
    """
    text = model.config().to_toml()
    path = choose_target(parent, f"{model.tomogram_name}_{model.method}.toml", kind=_TOML)
    if path is not None:
        path.write_text(text, encoding="utf-8")
    return path


def load_configuration(parent: QWidget, model: TrainModel) -> TomogramConfig | None:
    """Ask for a configuration and put it into the model; return its tomogram, or ``None``.

    Raises
    ------
    ValueError, OSError
        With one sentence, if the file is no configuration.
    """
    name, _ = QFileDialog.getOpenFileName(parent, "Load configuration", str(last_folder()), _TOML)
    if not name:
        return None
    remember_folder(Path(name))
    return model.load(read_regular(Path(name)).decode())


def choose_checkpoint(parent: QWidget, model: TrainModel) -> None:
    """Ask for the folder of a run or checkpoint to start from.

    Raises
    ------
    ValueError, OSError
        With one sentence, if there is no checkpoint in it.
    """
    name = QFileDialog.getExistingDirectory(parent, "Start from a run or checkpoint", str(last_folder()))
    if name:
        remember_folder(Path(name))
        model.start_from(Path(name))


def choose_run_folder(parent: QWidget, model: TrainModel) -> None:
    """Ask for the folder in which the next run makes its own."""
    proposed = model.run_path()
    above = next(folder for folder in proposed.parents if folder.is_dir())
    name = QFileDialog.getExistingDirectory(parent, "Make the run's folder in", str(above))
    if name:
        model.folder = str(Path(name) / proposed.name)


__all__ = ["choose_checkpoint", "choose_run_folder", "load_configuration", "save_configuration"]
