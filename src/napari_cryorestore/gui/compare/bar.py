"""The buttons above the grid, and what lies under the pointer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QSpinBox, QToolButton, QWidget
from superqt import QElidingLabel

from napari_cryorestore.comparison.comparison_config import COLUMNS
from napari_cryorestore.gui.compare.contrast_settings import ContrastBox
from napari_cryorestore.gui.compare.fourier_settings import FourierBox
from napari_cryorestore.gui.compare.popup import add_entry, menu_button, popup_button
from napari_cryorestore.gui.editors import keep_from_wheel

if TYPE_CHECKING:
    from napari_cryorestore.comparison.comparison_config import Column, ComparisonConfig

COLUMN_WORDS: dict[Column, str] = {
    "XY": "XY, across the beam",
    "XZ": "XZ, along the beam",
    "YZ": "YZ, along the beam",
    "|F|xy": "Fourier slice kx ky",
    "|F|xz": "Fourier slice kx kz",
    "|F|yz": "Fourier slice ky kz",
}
SAVES = {
    "figure": "Figure (PDF, SVG, PNG)…",
    "csv": "Table of the numbers (CSV)…",
    "": "",
    "save": "Save this comparison…",
    "open": "Open a comparison…",
}
NUMBERS = ("Show numbers", "Hide numbers")
MOST_PLANES = 64


class CompareBar(QWidget):
    """Menus, boxes and buttons, and a line that says what lies under the pointer.

    Attributes
    ----------
    columns_chosen : Signal(object)
        The columns that are ticked.
    slab_chosen : Signal(int)
        Planes on either side.
    requested : Signal(str)
        One of `SAVES`, or ``"fit"``.
    """

    columns_chosen = Signal(object)
    slab_chosen = Signal(int)
    requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.contrast, self.fourier = ContrastBox(), FourierBox()
        self.rows_menu = QMenu()
        self.rows = menu_button("Rows ▾", self.rows_menu, tip="Add rows, and show or hide them.")
        self.columns = self._columns_button()
        self.contrast_button = popup_button(
            "Contrast ▾", self.contrast, tip="Black and white, and colour maps."
        )
        self.fourier_button = popup_button("Fourier ▾", self.fourier, tip="How the Fourier slices are shown.")
        self.slab = self._slab_box()
        self.fit = QToolButton()
        self.fit.setText("Show all")
        self.fit.setToolTip("Undo every zoom. Ctrl and the wheel zoom, the right button drags.")
        self.readout = QElidingLabel()
        self.readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.numbers = QToolButton()
        self.numbers.setText(NUMBERS[False])
        self.numbers.setCheckable(True)
        self.numbers.setToolTip("Curves, a table of numbers, trust and particles, beneath the pictures.")
        self.numbers.toggled.connect(lambda shown: self.numbers.setText(NUMBERS[shown]))
        self.save = self._save_button()
        self._lay_out()

    def show_config(self, config: ComparisonConfig) -> None:
        """Show settings."""
        for column, action in self.column_actions.items():
            action.setChecked(column in config.columns)
        self.slab.blockSignals(True)
        self.slab.setValue(config.slab)
        self.slab.blockSignals(False)

    def _columns_button(self) -> QToolButton:
        menu = QMenu()
        self.column_actions = {}
        for column in COLUMNS:
            if column == "|F|xy":
                menu.addSeparator()
            self.column_actions[column] = add_entry(menu, COLUMN_WORDS[column], self._choose_columns)
            self.column_actions[column].setCheckable(True)
        return menu_button("Columns ▾", menu, tip="Which sections and Fourier slices are shown.")

    def _choose_columns(self) -> None:
        chosen = tuple(column for column, action in self.column_actions.items() if action.isChecked())
        self.columns_chosen.emit(chosen)

    def _slab_box(self) -> QSpinBox:
        box = QSpinBox()
        keep_from_wheel(box)
        box.setRange(0, MOST_PLANES)
        box.setPrefix("± ")
        box.setFixedWidth(96)
        box.setToolTip("Planes averaged on either side of a section.")
        box.valueChanged.connect(self.slab_chosen)
        return box

    def _save_button(self) -> QToolButton:
        menu = QMenu()
        for name, words in SAVES.items():
            if not name:
                menu.addSeparator()
                continue
            add_entry(menu, words, partial(self.requested.emit, name))
        return menu_button("Save ▾", menu, tip="A figure, a table, or the comparison itself.")

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        slab = QLabel("Slab")
        for widget in (
            self.rows,
            self.columns,
            self.contrast_button,
            self.fourier_button,
            slab,
            self.slab,
            self.fit,
        ):
            layout.addWidget(widget)
        layout.addWidget(self.readout, 1)
        layout.addWidget(self.numbers)
        layout.addWidget(self.save)
        self.fit.clicked.connect(lambda: self.requested.emit("fit"))


__all__ = ["COLUMN_WORDS", "MOST_PLANES", "SAVES", "CompareBar"]
