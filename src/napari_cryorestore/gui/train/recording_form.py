"""How the tomograms selected in a list were recorded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QToolButton, QWidget

from napari_cryorestore.gui.editors import combo_box
from napari_cryorestore.gui.examined_data import ExaminedData
from napari_cryorestore.gui.forms import LABEL_WIDTH
from napari_cryorestore.gui.panel_layout import add_row, grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.gui.train.further import FurtherTomogram

MASK_TIP = "A volume that is above 0 where training crops may lie; optional."
TILT_TIP = (
    "Lowest and highest tilt angle of the final alignment, e.g. −60 and 60; empty takes those of a file "
    "beside half 1, or else what the spectrum shows."
)
AXIS_TIP = "The axis about which the specimen was tilted; auto takes what the spectrum shows."
TILT_AXES = ("auto", "y", "x")
_TEXTS = ("voxel_size", "tilt_min", "tilt_max")


class RecordingForm(QWidget):
    """Edits voxel size, tilt range, tilt axis and mask of one tomogram, or all but the mask of several.

    Attributes
    ----------
    edited : str, str
        The user changed a field of `DataChoice`, and what it holds now.
    mask_requested : bool
        The user wants to choose a mask, or none.
    """

    edited = Signal(str, str)
    mask_requested = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.fields = {name: QLineEdit() for name in _TEXTS}
        self.tilt_axis = combo_box()
        self.tilt_axis.addItems(TILT_AXES)
        self.region, self.browse, self.drop = QLineEdit(), QToolButton(), QToolButton()
        self._lay_out()
        for name, field in self.fields.items():
            field.textEdited.connect(partial(self.edited.emit, name))
        self.tilt_axis.activated.connect(
            lambda _: self.edited.emit("tilt_axis", self.tilt_axis.currentText())
        )
        self.browse.clicked.connect(lambda: self.mask_requested.emit(True))
        self.drop.clicked.connect(lambda: self.mask_requested.emit(False))

    def show_tomograms(self, items: Sequence[FurtherTomogram]) -> None:
        """Show the first of those selected; the form hides while there is none that can be read."""
        items = [item for item in items if not item.trouble]
        self.setVisible(bool(items))
        if not items:
            return
        choice = items[0].choice
        size = choice.even.voxel_size if choice.even is not None else None
        seen = items[0].examination(needs_wedge=False) or ExaminedData()
        hints = (f"{size:.4g}" if size else "unknown", *seen.tilt_hints)
        for (name, field), hint in zip(self.fields.items(), hints, strict=True):
            if field.text() != getattr(choice, name):
                field.setText(getattr(choice, name))
            field.setPlaceholderText(hint)
        self.tilt_axis.setCurrentText(choice.tilt_axis)
        self.region.setText(choice.mask.name if choice.mask is not None else "")
        self.drop.setEnabled(choice.mask is not None)
        for widget in (self.region, self.browse, self.drop):
            widget.setVisible(len(items) == 1)
        self._mask_label.setVisible(len(items) == 1)

    def _lay_out(self) -> None:
        self.region.setReadOnly(True)
        self.region.setPlaceholderText("none")
        self.region.setToolTip(MASK_TIP)
        self.browse.setText("…")
        self.browse.setToolTip("Choose the file of a mask.")
        self.drop.setText("✕")
        self.drop.setToolTip("Train on it without a mask.")
        self.fields["voxel_size"].setToolTip("Edge of a voxel in Å; empty takes that of its half 1.")
        for name in ("tilt_min", "tilt_max"):
            self.fields[name].setToolTip(TILT_TIP)
        self.tilt_axis.setToolTip(AXIS_TIP)
        self._mask_label = QLabel("mask")
        grid = grid_of(self)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        add_row(grid, "voxel size (Å)", self.fields["voxel_size"])
        add_row(grid, "tilt range (°)", self.fields["tilt_min"], QLabel("…"), self.fields["tilt_max"])
        add_row(grid, "tilt axis", self.tilt_axis)
        add_row(grid, self._mask_label, self.region, self.browse, self.drop)


__all__ = ["AXIS_TIP", "MASK_TIP", "TILT_AXES", "TILT_TIP", "RecordingForm"]
