"""Curves of the rows over the size of detail, what they cross, and what they can and cannot tell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QBoxLayout, QComboBox, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_cryorestore.comparison.number import number_words, plain
from napari_cryorestore.gui.editors import fit_dock
from napari_cryorestore.gui.panel_layout import SentenceLabel, add_row, grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QColor, QResizeEvent

    from napari_cryorestore.comparison.number import Number
    from napari_cryorestore.gui.compare.colours import Colours

    Rows = Sequence[tuple[str, QColor]]
    Curve = tuple[QColor, np.ndarray, np.ndarray]

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
    """Draws the chosen curves of all rows; `NumberControl` provides the numbers.

    Attributes
    ----------
    chosen : Signal()
        Something else is to be drawn.
    file_requested : Signal()
        A file is to be the reference.
    """

    chosen = Signal()
    file_requested = Signal()

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
        """The row, or reference, that others are correlated with; empty without one."""
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
        label = {"power": "log₁₀ power", "wedge_power": "relative to measured"}.get(what, "correlation")
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
            self.file_requested.emit()
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


THRESHOLDS = (0.5, 0.143)
_PIXELS_PER_TICK = 70


class DetailAxis(pg.AxisItem):
    """An axis of frequencies in 1/Å, labelled with the size of detail in Å."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[Any, Any]]:  # noqa: N802
        """Return round sizes of detail, evenly spread."""
        low, high = sorted((max(low, 0.0), max(high, 1e-9)))
        count = max(2, int(size / _PIXELS_PER_TICK))
        frequencies = (high * (place + 1) / count for place in range(count))
        ticks = {1 / round_detail(1 / frequency) for frequency in frequencies if frequency > 0}
        return [(None, sorted(tick for tick in ticks if low <= tick <= high))]

    def tickStrings(self, values: Any, scale: float, spacing: Any) -> list[str]:  # noqa: N802
        """Write frequencies as sizes of detail."""
        return [f"{plain(1 / value)} Å" if value > 0 else "∞" for value in values]


def round_detail(size: float) -> float:
    """Return the number with at most two digits that is nearest to a size of detail."""
    power = 10.0 ** (np.floor(np.log10(size)) - 1)
    return float(round(size / power) * power)


class DetailPlot(pg.PlotWidget):
    """Draws curves, and lines at the thresholds of shell correlations."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False, axisItems={"bottom": DetailAxis()})
        self._curves: list[pg.PlotCurveItem] = []
        self._thresholds = [pg.InfiniteLine(value, angle=0, movable=False) for value in THRESHOLDS]
        for line in self._thresholds:
            self.addItem(line, ignoreBounds=True)
        self.plotItem.setLabel("bottom", "size of detail")
        self.plotItem.showGrid(x=True, y=True, alpha=0.12)
        self.plotItem.setMouseEnabled(x=False, y=False)
        self.plotItem.hideButtons()
        self.getAxis("left").setWidth(48)
        self.getAxis("left").enableAutoSIPrefix(False)

    def show_curves(self, curves: Sequence[Curve], *, label: str, is_correlation: bool) -> None:
        """Draw these instead of what was there.

        Parameters
        ----------
        curves : sequence
            Colour, frequencies in 1/Å, and values, of which NaN ones become gaps.
        label : str
            What the values are.
        is_correlation : bool
            Whether they lie between 0 and 1, with thresholds; else they are drawn as logarithms.
        """
        for item in self._curves:
            self.removeItem(item)
        self._curves = [self._curve(*curve) for curve in curves]
        for line in self._thresholds:
            line.setVisible(is_correlation)
        self.plotItem.setLabel("left", label)
        if is_correlation:
            self.plotItem.setYRange(-0.05, 1.02, padding=0)
        else:
            self.plotItem.enableAutoRange(axis="y")
        highest = max(
            (float(frequencies.max()) for _, frequencies, _ in curves if frequencies.size), default=1.0
        )
        self.plotItem.setXRange(0, highest, padding=0)

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.setBackground(colours.ground)
        for name in ("left", "bottom"):
            self.getAxis(name).setPen(colours.faint)
            self.getAxis(name).setTextPen(colours.text)
        for line in self._thresholds:
            line.setPen(pg.mkPen(colours.faint, width=1, style=Qt.PenStyle.DashLine))

    def _curve(self, colour: QColor, frequencies: np.ndarray, values: np.ndarray) -> pg.PlotCurveItem:
        pen = pg.mkPen(colour, width=2)
        item = pg.PlotCurveItem(frequencies, values, pen=pen, connect="finite", antialias=True)
        self.addItem(item)
        return item


__all__ = ["FILE", "REGIONS", "THRESHOLDS", "WHATS", "CurvesTab", "DetailAxis", "DetailPlot", "round_detail"]
