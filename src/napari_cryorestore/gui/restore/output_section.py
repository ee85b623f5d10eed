"""The Result section: a file, a layer, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLineEdit, QToolButton, QWidget

from napari_cryorestore.gui.panel_layout import add_row, grid_of

if TYPE_CHECKING:
    from napari_cryorestore.gui.restore.wishes import Wishes


class OutputSection(QWidget):
    """Edits where results go.

    Attributes
    ----------
    value_changed
        The user chose or typed.
    browse_requested
        The user wants a dialog.
    """

    value_changed = Signal()
    browse_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.saves, self.shows = QCheckBox("file in"), QCheckBox("layer")
        self.output, self.browse = QLineEdit(), QToolButton()
        self.browse.setText("…")
        self.output.setClearButtonEnabled(True)
        self.output.setToolTip("A folder, or a file; empty takes the one shown. Nothing is ever overwritten.")
        self.shows.setToolTip("Add the result to the viewer; it stays on disk and takes no memory.")
        grid = grid_of(self)
        add_row(grid, self.saves, self.output, self.browse)
        add_row(grid, self.shows)
        for box in (self.saves, self.shows):
            box.toggled.connect(self.value_changed)
        self.output.textEdited.connect(self.value_changed)
        self.browse.clicked.connect(self.browse_requested)

    def value(self) -> dict[str, Any]:
        """Return the fields of `Wishes` that are edited here."""
        return {
            "saves": self.saves.isChecked(),
            "shows": self.shows.isChecked(),
            "output": self.output.text(),
        }

    def show_wishes(self, wishes: Wishes, folder: str) -> None:
        """Show what is wished, and the folder that is taken if none is typed, without announcing it."""
        for box, checked in ((self.saves, wishes.saves), (self.shows, wishes.shows)):
            box.blockSignals(True)
            box.setChecked(checked)
            box.blockSignals(False)
        if self.output.text() != wishes.output:
            self.output.setText(wishes.output)
        self.output.setPlaceholderText(folder)
        for widget in (self.output, self.browse):
            widget.setEnabled(wishes.saves)


__all__ = ["OutputSection"]
