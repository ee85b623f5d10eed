"""The Data section: which layers are the halves, and how the tomogram was recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QPushButton, QWidget

from napari_cryorestore.examination import range_words
from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.editors import VolumeCombo, combo_box
from napari_cryorestore.gui.examined_data import ExaminedData
from napari_cryorestore.gui.forms import LABEL_WIDTH
from napari_cryorestore.gui.panel_layout import SentenceLabel, add_row, grid_of
from napari_cryorestore.gui.train.recording_form import AXIS_TIP, MASK_TIP, TILT_AXES, TILT_TIP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.gui.named_volume import NamedVolume


class DataSection(QWidget):
    """Edits a `DataChoice`.

    Attributes
    ----------
    value_changed
        Emitted after every edit by the user.
    open_requested : Path
        The user wants the file of the other half opened.
    """

    value_changed = Signal()
    open_requested = Signal(Path)

    def __init__(self) -> None:
        super().__init__()
        self._examined = ExaminedData()
        self._other_half: Path | None = None
        self.even, self.odd, self.region = VolumeCombo(), VolumeCombo(), VolumeCombo()
        self.swap = QPushButton("⇅")
        self.swap.setToolTip("Exchange half 1 and half 2.")
        self.swap.setFixedWidth(30)
        self.open_other = QPushButton()
        self.voxel_size, self.tilt_min, self.tilt_max = QLineEdit(), QLineEdit(), QLineEdit()
        self.use_detected = QPushButton()
        self.tilt_axis = combo_box()
        self.tilt_axis.addItems(TILT_AXES)
        self.line, self.warning, self.tilt_line = SentenceLabel(), SentenceLabel(), SentenceLabel()
        self._lay_out()
        self._explain()
        self._connect()
        for button in (self.open_other, self.use_detected):
            button.hide()

    def value(self) -> DataChoice:
        """Return what is chosen and typed."""
        return DataChoice(
            even=self.even.volume(),
            odd=self.odd.volume(),
            mask=self.region.volume(),
            voxel_size=self.voxel_size.text(),
            tilt_min=self.tilt_min.text(),
            tilt_max=self.tilt_max.text(),
            tilt_axis=self.tilt_axis.currentText(),
        )

    def setValue(self, choice: DataChoice) -> None:
        """Show a choice, without announcing it."""
        combos = ((self.even, choice.even), (self.odd, choice.odd), (self.region, choice.mask))
        for combo, volume in combos:
            combo.choose(volume)
        size = choice.even.voxel_size if choice.even is not None else None
        self.voxel_size.setPlaceholderText(f"{size:.4g}" if size else "unknown")
        texts = (
            (self.voxel_size, choice.voxel_size),
            (self.tilt_min, choice.tilt_min),
            (self.tilt_max, choice.tilt_max),
        )
        for field, text in texts:
            if field.text() != text:
                field.setText(text)
        self.tilt_axis.setCurrentText(choice.tilt_axis)

    def offer(self, halves: Sequence[NamedVolume], masks: Sequence[NamedVolume]) -> None:
        """List the volumes that can be chosen; what was chosen stays if it is still there."""
        self.even.offer(halves)
        self.odd.offer(halves)
        self.region.offer(masks)

    def show_examination(self, found: ExaminedData | None, *, problems: Sequence[str]) -> None:
        """Say what the volumes told, where the tilt range is from, and what is wrong."""
        self._examined = found or ExaminedData()
        self.line.say("\n".join(words for words in (self._examined.line, *self._examined.notes) if words))
        self.warning.warn("\n⚠ ".join([*problems, *self._examined.warnings]))
        self.tilt_line.say(self._examined.tilt_words)
        for field, hint in zip((self.tilt_min, self.tilt_max), self._examined.tilt_hints, strict=True):
            field.setPlaceholderText(hint)
        self.use_detected.setVisible(self._examined.contradicts)
        if self._examined.detected is not None:
            seen = range_words(self._examined.detected)
            self.use_detected.setText(f"Use {seen}, axis {self._examined.detected_axis}")

    def offer_other_half(self, path: Path | None) -> None:
        """Offer to open the file of the other half, if there is one."""
        self._other_half = path
        self.open_other.setVisible(path is not None)
        if path is not None:
            self.open_other.setText(f"Open {path.name}")

    def take_detected(self) -> None:
        """Put what the spectrum shows into the fields."""
        if self._examined.detected is None:
            return
        low, high = (f"{angle:g}" for angle in self._examined.detected)
        axis = self._examined.detected_axis
        self.blockSignals(True)
        self.setValue(replace(self.value(), tilt_min=low, tilt_max=high, tilt_axis=axis))
        self.blockSignals(False)
        self.value_changed.emit()

    # -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        grid = grid_of(self)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        add_row(grid, "half 1", self.even)
        add_row(grid, "half 2", self.odd, self.swap)
        add_row(grid, "mask", self.region)
        add_row(grid, "voxel size (Å)", self.voxel_size)
        add_row(grid, "tilt range (°)", self.tilt_min, QLabel("…"), self.tilt_max)
        add_row(grid, "tilt axis", self.tilt_axis)
        below = (self.tilt_line, self.use_detected, self.line, self.warning, self.open_other)
        for widget in below:
            grid.addWidget(widget, grid.rowCount(), 0, 1, 2)

    def _explain(self) -> None:
        self.even.setToolTip("The half map of the even frames or tilts.")
        self.odd.setToolTip("The half map of the odd frames or tilts.")
        self.region.setToolTip(MASK_TIP)
        self.voxel_size.setToolTip("Edge of a voxel in Å; empty takes that of half 1.")
        for field in (self.tilt_min, self.tilt_max):
            field.setToolTip(TILT_TIP)
        self.tilt_axis.setToolTip(AXIS_TIP)
        self.use_detected.setToolTip("Take the tilt range and axis that the spectrum shows.")

    def _connect(self) -> None:
        for combo in (self.even, self.odd, self.region):
            combo.activated.connect(self.value_changed)
        for field in (self.voxel_size, self.tilt_min, self.tilt_max):
            field.textEdited.connect(self.value_changed)
        self.tilt_axis.activated.connect(self.value_changed)
        self.use_detected.clicked.connect(self.take_detected)
        self.swap.clicked.connect(self._swap)
        self.open_other.clicked.connect(self._open)

    def _swap(self) -> None:
        even, odd = self.even.volume(), self.odd.volume()
        self.even.choose(odd)
        self.odd.choose(even)
        self.value_changed.emit()

    def _open(self) -> None:
        if self._other_half is not None:
            self.open_requested.emit(self._other_half)


__all__ = ["DataSection"]
