"""The Advanced section: where and in which portions is computed, and how the tomogram was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QSpinBox, QWidget

from napari_cryorestore.gui.editors import AUTOMATIC, combo_box, keep_from_wheel
from napari_cryorestore.gui.rows import add_row, grid_of

if TYPE_CHECKING:
    from napari_cryorestore.gui.model_choice import RecordedTomogram
    from napari_cryorestore.gui.restore.wishes import Wishes

_AXES = {"": AUTOMATIC, "y": "y", "x": "x"}
_PASSES = ("as trained", "1", "2")


class ComputeSection(QWidget):
    """Edits what is automatic unless somebody knows better.

    Attributes
    ----------
    value_changed
        The user chose or typed.
    """

    value_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tilt_axis, self.passes = combo_box(), combo_box()
        self.tile, self.batch = QSpinBox(), QSpinBox()
        self.voxel_size, self.tilt_min, self.tilt_max = QLineEdit(), QLineEdit(), QLineEdit()
        self._prepare()
        grid = grid_of(self)
        add_row(grid, "tile (voxels)", self.tile)
        add_row(grid, "tiles at once", self.batch)
        add_row(grid, "passes", self.passes)
        add_row(grid, "voxel size (Å)", self.voxel_size)
        add_row(grid, "tilt range (°)", self.tilt_min, QLabel("…"), self.tilt_max)
        add_row(grid, "tilt axis", self.tilt_axis)

    def value(self) -> dict[str, Any]:
        """Return the fields of `Wishes` that are edited here."""
        return {
            "tile": self.tile.value(),
            "batch": self.batch.value(),
            "passes": max(self.passes.currentIndex(), 0),
            "voxel_size": self.voxel_size.text(),
            "tilt_min": self.tilt_min.text(),
            "tilt_max": self.tilt_max.text(),
            "tilt_axis": list(_AXES)[max(self.tilt_axis.currentIndex(), 0)],
        }

    def show_wishes(self, wishes: Wishes, known: RecordedTomogram) -> None:
        """Show what is wished, and what is taken where nothing is, without announcing it."""
        for spin, number in ((self.tile, wishes.tile), (self.batch, wishes.batch)):
            spin.blockSignals(True)
            spin.setValue(number)
            spin.blockSignals(False)
        low, high = known.tilt_range or (None, None)
        fields = (
            (self.voxel_size, wishes.voxel_size, known.voxel_size),
            (self.tilt_min, wishes.tilt_min, low),
            (self.tilt_max, wishes.tilt_max, high),
        )
        for field, text, value in fields:
            if field.text() != text:
                field.setText(text)
            field.setPlaceholderText(AUTOMATIC if value is None else f"{value:.4g}".replace("-", "−"))
        self.passes.setCurrentIndex(wishes.passes)
        self.tilt_axis.setCurrentIndex(list(_AXES).index(wishes.tilt_axis))

    def summary(self) -> str:
        """Return what differs from automatic, in a few words."""
        words = [f"tile {self.tile.value()}"] * bool(self.tile.value())
        words += [f"{self.batch.value()} at once"] * bool(self.batch.value())
        words += [f"{self.passes.currentText()} pass(es)"] * bool(self.passes.currentIndex())
        words += [f"{self.voxel_size.text()} Å"] * bool(self.voxel_size.text())
        words += [f"{self.tilt_min.text()}…{self.tilt_max.text()}°"] * bool(self.tilt_min.text())
        words += [f"axis {self.tilt_axis.currentText()}"] * bool(self.tilt_axis.currentIndex())
        return ", ".join(words) or "all automatic"

    def _prepare(self) -> None:
        for spin, step, highest in ((self.tile, 16, 512), (self.batch, 1, 64)):
            spin.setRange(0, highest)
            spin.setSingleStep(step)
            spin.setSpecialValueText(AUTOMATIC)
            keep_from_wheel(spin)
            spin.valueChanged.connect(self.value_changed)
        for box, items in ((self.tilt_axis, list(_AXES.values())), (self.passes, list(_PASSES))):
            box.addItems(items)
            box.activated.connect(self.value_changed)
        self.passes.setToolTip(
            "Network passes, for ICECREAM: two average over-fitting out, one keeps more detail."
        )
        self.tile.setToolTip(
            "Edge of the blocks that are restored one by one; smaller ones need less memory."
        )
        self.batch.setToolTip("Blocks that are restored at the same time.")
        self.voxel_size.setToolTip("Edge of a voxel, where the file does not say.")
        self.tilt_axis.setToolTip("The axis about which the specimen was tilted.")
        for field in (self.tilt_min, self.tilt_max):
            field.setToolTip("Tilt angles; from a tilt file beside the tomogram, or from the run.")
        for field in (self.voxel_size, self.tilt_min, self.tilt_max):
            field.textEdited.connect(self.value_changed)


__all__ = ["ComputeSection"]
