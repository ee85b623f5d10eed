"""The Run section: where the run goes, which weights it starts from, and the dialogs for that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget

from napari_cryorestore.gui.dialogs import choose_target
from napari_cryorestore.gui.forms import LABEL_WIDTH
from napari_cryorestore.gui.panel_layout import add_row, grid_of
from napari_cryorestore.gui.preferences import last_folder, remember_folder
from napari_cryorestore.safe_reading import read_regular

if TYPE_CHECKING:
    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.run_config import TomogramConfig

_TOML = "Recipe (*.toml)"


class RunSection(QWidget):
    """Edits the run folder and the starting weights.

    Attributes
    ----------
    value_changed
        The user typed.
    browse_requested : str
        Which dialog to open: ``folder`` or ``checkpoint``.
    """

    value_changed = Signal()
    browse_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.folder, self.checkpoint = QLineEdit(), QLineEdit()
        self.checkpoint.setToolTip("A run or checkpoint folder to start from; fine-tuning is much faster.")
        self.checkpoint.setPlaceholderText("random weights")
        for field in (self.folder, self.checkpoint):
            field.setClearButtonEnabled(True)
            field.textChanged.connect(self.value_changed)
        grid = grid_of(self)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        add_row(grid, "folder", self.folder, self._browser("folder"))
        add_row(grid, "start from", self.checkpoint, self._browser("checkpoint"))

    def show_model(self, model: TrainModel) -> None:
        """Show what a model says, without announcing it."""
        self.blockSignals(True)
        if self.folder.text() != model.folder:
            self.folder.setText(model.folder)
        checkpoint = str(model.from_checkpoint or "")
        if self.checkpoint.text() != checkpoint:
            self.checkpoint.setText(checkpoint)
        self.blockSignals(False)
        path = str(model.run_path())
        self.folder.setPlaceholderText("" if model.folder else path)
        self.folder.setToolTip(f"The folder of the next run: {path}")

    def put_into(self, model: TrainModel) -> None:
        """Give a model what is typed."""
        model.folder = self.folder.text()
        typed = self.checkpoint.text().strip()
        model.from_checkpoint = Path(typed).expanduser() if typed else None

    def _browser(self, name: str) -> QPushButton:
        button = QPushButton("…")
        button.setFixedWidth(30)
        button.clicked.connect(lambda: self.browse_requested.emit(name))
        return button


def save_recipe(parent: QWidget, model: TrainModel) -> Path | None:
    """Let the user choose a file and write the recipe there; return the file, or ``None``.

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


def load_recipe(parent: QWidget, model: TrainModel) -> TomogramConfig | None:
    """Let the user choose a recipe and put it into the model; return its tomogram, or ``None``.

    Raises
    ------
    ValueError, OSError
        With one sentence, if the file is not a valid recipe.
    """
    name, _ = QFileDialog.getOpenFileName(parent, "Load recipe", str(last_folder()), _TOML)
    if not name:
        return None
    remember_folder(Path(name))
    return model.load(read_regular(Path(name)).decode())


def choose_checkpoint(parent: QWidget, model: TrainModel) -> None:
    """Let the user choose a run or checkpoint to start from.

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
    """Let the user choose the folder in which the next run makes its own."""
    proposed = model.run_path()
    above = next(folder for folder in proposed.parents if folder.is_dir())
    name = QFileDialog.getExistingDirectory(parent, "Make the run's folder in", str(above))
    if name:
        model.folder = str(Path(name) / proposed.name)


__all__ = ["RunSection", "choose_checkpoint", "choose_run_folder", "load_recipe", "save_recipe"]
