"""Where the run goes, and which weights it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QPushButton, QWidget

from napari_cryorestore.gui.forms import LABEL_WIDTH
from napari_cryorestore.gui.panel_layout import add_row, grid_of

if TYPE_CHECKING:
    from napari_cryorestore.gui.train.model import TrainModel


class RunSection(QWidget):
    """Edits the run folder and the starting weights.

    Attributes
    ----------
    value_changed
        The user typed.
    browse_requested : str
        The user wants a dialog: ``folder`` or ``checkpoint``.
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


__all__ = ["RunSection"]
