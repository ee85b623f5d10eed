"""Everything about the selected step: its numbers and what to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QFlowLayout

from napari_cryorestore.gui.frames import INPUT
from napari_cryorestore.gui.monitor.number_list import NumberList
from napari_cryorestore.gui.monitor.step_numbers import numbers_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QColor

    from napari_cryorestore.gui.monitor.model import MonitorModel

_TITLE = 130  # pixels that the longest title takes
UNTICKED = ("half_correlation", "wedge_share")
"""Numbers that say little on their own; their curves are hidden at first."""


class StepView(QWidget):
    """The column beside the plot; its buttons are the panel's to connect."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel()
        self.title.setTextFormat(Qt.TextFormat.RichText)
        self.pin, self.use = QPushButton("Pin"), QPushButton("Use → Restore")
        self.compare = QPushButton("Compare")
        self.compare.setToolTip("Compare this step: put it beside the input and other steps or methods.")
        self.pin.setToolTip(
            "Keep this step when previews are thinned, and show it small (or double-click in the plot)."
        )
        self.numbers = NumberList(UNTICKED)
        head = QFlowLayout()  # in a narrow dock, the buttons stand below the title
        head.setContentsMargins(0, 0, 0, 0)
        head.setHorizontalSpacing(6)
        head.setVerticalSpacing(4)
        self.title.setMinimumWidth(_TITLE)
        for widget in (self.title, self.pin, self.compare, self.use):
            head.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.numbers, 1)

    def show_model(self, model: MonitorModel, colour_of: Callable[[str], QColor]) -> None:
        """Show the model's selected step."""
        step = model.selected
        self.title.setText(_title(step))
        self.pin.setEnabled(step is not None and step != INPUT)
        self.pin.setText("Unpin" if step in model.pins else "Pin")
        self.numbers.show_numbers(numbers_at(model.state, INPUT if step is None else step), colour_of)
        used = model.used
        which = "" if used in (step, None) else f" step {used}"
        self.use.setEnabled(used is not None)
        self.compare.setEnabled(used is not None)
        self.use.setText(f"Use{which} → Restore")
        self.compare.setText(f"Compare{which}")
        self.use.setToolTip(
            "No weights are kept for this frame: choose another one."
            if used is None
            else f"Restore whole tomograms with the weights of step {used}."
        )

    def sizeHint(self) -> QSize:
        """Ask for room for the longest titles."""
        return QSize(530, 240)


def _title(step: int | None) -> str:
    if step is None:
        return "<b>No preview yet</b>"
    return "<b>Input, untouched</b>" if step == INPUT else f"<b>Step {step}</b>"


__all__ = ["UNTICKED", "StepView"]
