"""Fourier settings: how slices are shown, and between which tilts the wedge is drawn; and their control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_cryorestore.comparison.comparison_config import FourierConfig
from napari_cryorestore.comparison.spectra import found_tilts
from napari_cryorestore.config import settings_of
from napari_cryorestore.gui.panel_layout import SentenceLabel, add_row, grid_of
from napari_cryorestore.gui.typed_values import read_numbers, to_text

if TYPE_CHECKING:
    from napari_cryorestore.comparison.comparison_config import ComparisonConfig
    from napari_cryorestore.comparison.model import Comparison

TICKS = {
    "window": "fade out at the borders",
    "flat_field": "equally bright frequencies",
    "rings": "resolution rings",
    "wedge": "borders of the missing wedge",
}
"""What stands beside the boxes of `FourierConfig`'s fields."""


class FourierBox(QWidget):
    """Shows and edits the Fourier settings.

    Attributes
    ----------
    changed : Signal(str, object)
        A field of `FourierConfig` and its new value.
    wedge_changed : Signal(object, str)
        The tilt range (low, high in degrees, or ``None`` for each row's own) and the tilt axis.
    """

    changed = Signal(str, object)
    wedge_changed = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self._showing = False
        help_words = {setting.path[-1]: setting.help for setting in settings_of(FourierConfig)}
        self.ticks = {name: QCheckBox(words) for name, words in TICKS.items()}
        for name, box in self.ticks.items():
            box.setToolTip(help_words[name])
            box.toggled.connect(lambda checked, name=name: self._tell(name, checked))
        self.decades = QDoubleSpinBox()
        self.decades.setRange(0.5, 12)
        self.decades.setSingleStep(0.5)
        self.decades.setDecimals(1)
        self.decades.setToolTip(help_words["decades"])
        self.decades.valueChanged.connect(lambda value: self._tell("decades", value))
        self.centre = QPushButton("Back to the centre")
        self.centre.setToolTip("The wheel over a Fourier slice goes to slices beside the centre.")
        self.centre.clicked.connect(lambda: self.changed.emit("offset", (0.0, 0.0, 0.0)))
        self.tilts, self.axis = QLineEdit(), QComboBox()
        self.axis.addItems(["y", "x"])
        self.tilts.editingFinished.connect(self._wedge_edited)
        self.axis.currentTextChanged.connect(self._wedge_edited)
        self.found = SentenceLabel()
        self._lay_out()

    def show_config(self, config: ComparisonConfig) -> None:
        """Show settings."""
        self._showing = True
        for name, box in self.ticks.items():
            box.setChecked(getattr(config.fourier, name))
        self.decades.setValue(config.fourier.decades)
        self.centre.setEnabled(any(config.fourier.offset))
        self.tilts.setText(to_text(config.tilt_range))
        self.axis.setCurrentText(config.tilt_axis)
        self._showing = False

    def show_wedges(self, known: tuple[float, float] | None, found: str) -> None:
        """Show the tilt range that files tell, and the one that was found in the data, in words."""
        given = f"{known[0]:g}, {known[1]:g} from the file" if known is not None else "lowest, highest"
        self.tilts.setPlaceholderText(given)
        self.found.say(
            f"Solid lines: the tilt range. Dashed: what the data show ({found or 'nothing clear'})."
        )

    def _tell(self, field: str, value: object) -> None:
        if not self._showing:
            self.changed.emit(field, value)

    def _wedge_edited(self) -> None:
        numbers = read_numbers(self.tilts.text()) or ()
        if not self._showing and len(numbers) in (0, 2):
            self.wedge_changed.emit(numbers or None, self.axis.currentText())

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        form = QWidget()
        grid = grid_of(form)
        add_row(grid, "Show", self.ticks["window"])
        for name in ("flat_field", "rings", "wedge"):
            add_row(grid, "", self.ticks[name])
        add_row(grid, "Decades", self.decades)
        add_row(grid, "Tilt range, °", self.tilts, self.axis)
        add_row(grid, "Slices", self.centre)
        layout.addWidget(form)
        layout.addWidget(self.found)
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setFixedWidth(330)


class FourierControl:
    """Hands Fourier settings to the comparison, and shows in the box what is known of the missing wedge.

    Parameters
    ----------
    box : FourierBox
        Where they are chosen.
    comparison : Comparison
        Whose settings, and whose spectra show wedges.
    message : SentenceLabel
        What says why a setting is refused.
    """

    def __init__(self, box: FourierBox, comparison: Comparison, message: SentenceLabel) -> None:
        self._box, self._comparison, self._message = box, comparison, message
        self._model = comparison.model
        box.changed.connect(lambda name, value: self._model.update_fourier(**{name: value}))
        box.wedge_changed.connect(self._set_wedge)

    def show_wedges(self) -> None:
        """Show in the box what files and data say about the tilt range."""
        volumes = [entry.volume for entry in self._model.shown if entry.volume is not None]
        known = next((tilts for volume in volumes if (tilts := volume.recording.tilt_range)), None)
        found = [found_tilts(self._comparison.spectra, volume) for volume in volumes]
        seen = next((item.tilt_range for item in found if item is not None), None)
        words = "" if seen is None else f"{seen[0]:.0f}° to {seen[1]:.0f}°"
        self._box.show_wedges(known, words)

    def _set_wedge(self, tilts: tuple[float, float] | None, axis: str) -> None:
        try:
            self._model.update(tilt_range=tilts, tilt_axis=axis)
        except ValueError as error:
            self._message.warn(str(error))


__all__ = ["TICKS", "FourierBox", "FourierControl"]
