"""Curves of the rows, what they cross, and what they can and cannot tell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QBoxLayout, QComboBox, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_cryorestore.comparison.number_words import number_words
from napari_cryorestore.gui.compare.curve_plot import DetailPlot, plain
from napari_cryorestore.gui.editors import fit_dock
from napari_cryorestore.gui.rows import add_row, grid_of
from napari_cryorestore.gui.sentence_label import SentenceLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QColor, QResizeEvent

    from napari_cryorestore.comparison.number import Number
    from napari_cryorestore.gui.compare.colours import Colours

    Rows = Sequence[tuple[str, QColor]]

WHATS = {
    "halves": "Shell correlation of a row's halves",
    "other": "Shell correlation with",
    "power": "Radial power",
    "wedge_power": "Power in the wedge, by detail",
}
REGIONS = {"all": "everywhere", "measured": "where it was measured", "wedge": "inside the missing wedge"}
FILE = "a file…"
_WIDE = 640  # pixels from which words stand beside the plot
_SIDE, _ANY = 360, 16777215  # pixels that they may take there, and elsewhere


class CurvesTab(QWidget):
    """Draws numbers; keeps only what is chosen to be drawn.

    Attributes
    ----------
    chosen : Signal()
        Something else is to be drawn.
    file_wanted : Signal()
        A reference from a file is wanted.
    """

    chosen = Signal()
    file_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._numbers: Sequence[Number] = ()
        self._rows: Rows = ()
        self.what, self.other, self.region = QComboBox(), QComboBox(), QComboBox()
        for box, items in ((self.what, WHATS), (self.region, REGIONS)):
            for name, words in items.items():
                box.addItem(words, name)
        for box in (self.what, self.other, self.region):
            fit_dock(box)
        self.plot, self.legend = DetailPlot(), QLabel()
        self.sentence, self.problem = SentenceLabel(), SentenceLabel()
        self.legend.setWordWrap(True)
        self._lay_out()
        self.what.currentIndexChanged.connect(self._what_chosen)
        self.region.currentIndexChanged.connect(self._draw)
        self.other.activated.connect(self._other_chosen)
        self._what_chosen()

    @property
    def against(self) -> str:
        """The row, or reference, that others are correlated with; empty if none is asked for."""
        return self.other.currentText() if self.what.currentData() == "other" else ""

    def offer(self, names: Sequence[str], reference: str) -> None:
        """Offer rows, and the reference if there is one, to correlate with."""
        chosen = self.other.currentText()
        items = [*names, *([reference] if reference and reference not in names else []), FILE]
        if items != [self.other.itemText(index) for index in range(self.other.count())]:
            self.other.blockSignals(True)
            self.other.clear()
            self.other.addItems(items)
            self.other.setCurrentText(chosen)
            self.other.blockSignals(False)

    def show_numbers(self, numbers: Sequence[Number], rows: Rows, problems: Sequence[str]) -> None:
        """Draw these, the rows in their colours."""
        self._numbers, self._rows = numbers, rows
        self.problem.warn(" ".join(problems[:2]))
        self._draw()

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.plot.set_colours(colours)

    # Drawing -----------------------------------------------------------------------------------------

    def _draw(self) -> None:
        what = self.what.currentData()
        curves, legend = [], []
        for name, colour in self._rows:
            own = [number for number in self._numbers if number.row == name]
            points = self._points(own)
            if points:
                frequencies, values = (np.array(column) for column in zip(*points, strict=True))
                curves.append((colour, frequencies, values))
            legend.append(f'<b style="color:{colour.name()}">▬</b> {name} {self._crossings(own)}')
        label = {"power": "log₁₀ power", "wedge_power": "against measured"}.get(what, "correlation")
        self.plot.show_curves(curves, label=label, is_correlation=what != "power")
        self.legend.setText("<br>".join(legend))
        self.sentence.say(number_words("fsc" if what in ("halves", "other") else what).sentence)

    def _points(self, numbers: Sequence[Number]) -> list[tuple[float, float]]:
        what = self.what.currentData()
        if what == "power":
            found = [item for item in numbers if item.name == "power" and item.at is not None]
            return [(item.at or 0, math.log10(item.value) if item.value > 0 else math.nan) for item in found]
        if what == "wedge_power":
            return [(_frequency(item.region), item.value) for item in numbers if item.name == "wedge_power"]
        return [(item.at or 0, item.value) for item in numbers if item.name == "fsc" and self._is_drawn(item)]

    def _is_drawn(self, number: Number) -> bool:
        halves = self.what.currentData() == "halves"
        against = "halves" if halves else self.against
        return number.against == against and number.region == self.region.currentData()

    def _crossings(self, numbers: Sequence[Number]) -> str:
        if self.what.currentData() not in ("halves", "other"):
            return ""
        found = [
            f"{number.name.removeprefix('resolution_')} at {plain(number.value)} Å"
            for number in numbers
            if number.name.startswith("resolution_")
            and self._is_drawn(number)
            and not math.isnan(number.value)
        ]
        return f"· {', '.join(found)}" if found else ""

    def _what_chosen(self) -> None:
        what = self.what.currentData()
        self.other.setVisible(what == "other")
        self.region.setEnabled(what in ("halves", "other"))
        self._draw()
        self.chosen.emit()

    def _other_chosen(self) -> None:
        if self.other.currentText() == FILE:
            self.file_wanted.emit()
        else:
            self._draw()
            self.chosen.emit()

    def _lay_out(self) -> None:
        side, form = QWidget(), QWidget()
        grid = grid_of(form)
        add_row(grid, "Curve", self.what)
        add_row(grid, "", self.other)
        add_row(grid, "Region", self.region)
        column = QVBoxLayout(side)
        column.setContentsMargins(6, 4, 6, 4)
        for widget in (form, self.legend, self.problem, self.sentence):
            column.addWidget(widget)
        column.addStretch(1)
        self.side = QScrollArea()
        self.side.setWidget(side)
        self.side.setWidgetResizable(True)
        self.side.setFrameShape(QScrollArea.Shape.NoFrame)
        self.side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 4, 0, 0)
        self._box.addWidget(self.plot, 3)
        self._box.addWidget(self.side, 2)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Put the words beside the plot where there is room, else beneath it."""
        super().resizeEvent(event)
        is_wide = self.width() > _WIDE
        self._box.setDirection(
            QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        )
        self.side.setMaximumWidth(_SIDE if is_wide else _ANY)


def _frequency(band: str) -> float:
    """Return the fine end of a band that was written as ``80-40 Å`` or ``coarser than 80 Å``, in 1/Å."""
    return 1 / float(band.replace("-", " ").split()[-2])


__all__ = ["FILE", "REGIONS", "WHATS", "CurvesTab"]
