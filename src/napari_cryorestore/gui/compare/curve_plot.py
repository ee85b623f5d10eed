"""Curves over the size of detail: one line for every row, in its colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QColor

    from napari_cryorestore.gui.compare.colours import Colours

    Curve = tuple[QColor, np.ndarray, np.ndarray]

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
        wanted = (high * (place + 1) / count for place in range(count))
        ticks = {1 / round_detail(1 / frequency) for frequency in wanted if frequency > 0}
        return [(None, sorted(tick for tick in ticks if low <= tick <= high))]

    def tickStrings(self, values: Any, scale: float, spacing: Any) -> list[str]:  # noqa: N802
        """Write frequencies as sizes of detail."""
        return [f"{plain(1 / value)} Å" if value > 0 else "∞" for value in values]


def round_detail(size: float) -> float:
    """Return the number with at most two digits that is nearest to a size of detail."""
    power = 10.0 ** (np.floor(np.log10(size)) - 1)
    return float(round(size / power) * power)


def plain(value: float) -> str:
    """Write a number with three digits, and never with a power of ten."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


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


__all__ = ["THRESHOLDS", "DetailAxis", "DetailPlot", "plain", "round_detail"]
