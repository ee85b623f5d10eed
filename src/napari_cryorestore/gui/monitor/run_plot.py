"""The plot of a run: losses, quality numbers, and a line at the step that is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPixmap

from napari_cryorestore.gui.monitor.run_numbers import decimated, smoothed, smoothing_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from napari.utils.theme import Theme

    from napari_cryorestore.runs.state import Curve

    Curves = Mapping[str, Curve]

LIMIT = 2000
"""Points drawn of a curve at most: two a pixel."""
_LOSS_COLOURS = ("#4c9be8", "#9a7fe0", "#3fb8b0", "#8a94a6")
_METRIC_COLOURS = ("#e0912f", "#4fae5a", "#d8638f", "#b59b3c", "#a6785a", "#6fa8a0")
SUGGESTED = "#4fae5a"

_PIXELS_PER_TICK = 24
_FEW_DECADES = 0.8


class _ScrubBox(pg.ViewBox):
    """A plot area in which the left button chooses a step instead of panning."""

    scrubbed = Signal(float)
    pinned = Signal(float)

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        if ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            self.scrubbed.emit(self.mapToView(ev.pos()).x())
        else:
            super().mouseDragEvent(ev, axis)

    def mouseClickEvent(self, ev: Any) -> None:
        if ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            (self.pinned if ev.double() else self.scrubbed).emit(self.mapToView(ev.pos()).x())


@dataclass
class _Trace:
    """How one curve is drawn: a line as it is, with a smooth line or points over it, in an area."""

    line: pg.PlotCurveItem
    over: pg.PlotCurveItem | pg.ScatterPlotItem
    box: pg.ViewBox

    def set_visible(self, visible: bool) -> None:
        self.line.setVisible(visible)
        self.over.setVisible(visible)


class CurvePlot(pg.PlotWidget):
    """Losses on the left axis, quality numbers on the right one, steps along x.

    Dragging or clicking chooses a step, a double click pins it, the wheel zooms along x, and the
    small "A" in the corner shows everything again.

    Attributes
    ----------
    step_moved : Signal(float)
        The user moved the line to this place.
    step_pinned : Signal(float)
        The user double-clicked at this place.
    """

    step_moved = Signal(float)
    step_pinned = Signal(float)

    def __init__(self) -> None:
        box = _ScrubBox(enableMenu=False)
        super().__init__(viewBox=box, axisItems={"left": LossAxis()})
        self._box, self._metric_box = box, pg.ViewBox(enableMenu=False)
        self._traces: dict[str, _Trace] = {}
        self._hidden: set[str] = set()
        self._curves: Curves = {}
        self._metrics: Curves = {}
        self._log = False
        self._lay_out_axes()
        self._line = pg.InfiniteLine(movable=True, label="", labelOpts={"position": 0.93, "movable": False})
        self._suggested = pg.InfiniteLine(
            movable=False, label="suggested", labelOpts={"position": 0.8, "movable": False}
        )
        self._kept = pg.VTickGroup(yrange=[0, 0.025])
        self._pins = pg.VTickGroup(yrange=[0, 0.10])
        for item in (self._suggested, self._line):
            item.setVisible(False)
        for item in (self._kept, self._pins, self._suggested, self._line):
            self.addItem(item, ignoreBounds=True)
        self._line.sigDragged.connect(lambda line: self.step_moved.emit(float(line.value())))
        box.scrubbed.connect(self.step_moved)
        box.pinned.connect(self.step_pinned)

    # What is shown -----------------------------------------------------------------------------------

    def show_curves(self, curves: Curves, metrics: Curves) -> None:
        """Draw curves by name, as they are at this moment."""
        self._curves, self._metrics = curves, metrics
        for name in set(self._traces) - set(curves) - set(metrics):
            self._forget(name)
        for name, curve in curves.items():
            self._draw_loss(name, curve)
        for name, curve in metrics.items():
            self._draw_metric(name, curve)
        self.plotItem.showAxis("right", bool(self._visible(metrics)))

    def show_step(self, step: int | None, name: str = "") -> None:
        """Put the line at a step, with a name on it; take it away for ``None``."""
        self._line.setVisible(step is not None)
        if step is not None:
            self._line.setValue(max(step, 0))
            self._line.label.setFormat(name or str(step))
        self._suggested.label.setVisible(self._suggested.value() != self._line.value())

    def show_suggested(self, step: int | None) -> None:
        """Mark the step that is suggested; none for ``None``."""
        self._suggested.setVisible(step is not None)
        if step is not None:
            self._suggested.setValue(step)
        self._suggested.label.setVisible(self._suggested.value() != self._line.value())

    def show_marks(self, kept: Iterable[int], pinned: Iterable[int]) -> None:
        """Mark the steps that have a preview, and those that are pinned, at the foot of the plot."""
        for ticks, steps in ((self._kept, kept), (self._pins, pinned)):
            places = [max(step, 0) for step in sorted(steps)]
            if places != ticks.xvals:
                ticks.setXVals(places)

    def set_curve_visible(self, name: str, *, visible: bool) -> None:
        """Show or hide a curve; remembered for curves that are not there yet."""
        (self._hidden.discard if visible else self._hidden.add)(name)
        self.show_curves(self._curves, self._metrics)

    def set_log_scale(self, checked: bool) -> None:
        """Draw losses on a logarithmic scale or not; what is not positive becomes a gap."""
        self._log = checked
        self.getAxis("left").setLogMode(x=False, y=checked)
        self.show_curves(self._curves, self._metrics)

    def show_all(self) -> None:
        """Undo every zoom."""
        self._box.enableAutoRange(axis="x")
        self._box.enableAutoRange(axis="y", enable=0.995)

    def colour(self, name: str) -> QColor:
        """Return the colour of a curve."""
        if name == "loss":
            return QColor(self._text)
        if name in self._metrics:
            return QColor(_METRIC_COLOURS[list(self._metrics).index(name) % len(_METRIC_COLOURS)])
        parts = [part for part in self._curves if part != "loss"]
        return QColor(_LOSS_COLOURS[parts.index(name) % len(_LOSS_COLOURS)] if name in parts else self._text)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a napari theme."""
        self._text = QColor(theme.text.as_hex())
        background, faint = QColor(theme.background.as_hex()), QColor(self._text)
        faint.setAlphaF(0.5)
        self.setBackground(background)
        for name in ("left", "bottom", "right"):
            self.getAxis(name).setPen(faint)
            self.getAxis(name).setTextPen(self._text)
        self._colour_line(self._line, self._text, background)
        self._colour_line(self._suggested, QColor(SUGGESTED), background)
        self._kept.setPen(pg.mkPen(faint))
        self._pins.setPen(pg.mkPen(QColor(theme.current.as_hex()), width=3))
        for name in list(self._traces):
            self._forget(name)
        self.show_curves(self._curves, self._metrics)

    def save_png(self, path: Path) -> None:
        """Write the plot as an image, twice as fine as on the screen.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        pixels = QPixmap(self.size() * 2)
        pixels.fill(self.backgroundBrush().color())
        painter = QPainter(pixels)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.render(painter, QRectF(pixels.rect()), self.rect())
        painter.end()
        if not pixels.save(str(path), "PNG"):
            raise OSError(f"The image {path} cannot be written: choose another folder.")

    # How it is drawn ---------------------------------------------------------------------------------

    def _lay_out_axes(self) -> None:
        self._text = QColor("white")
        plot = self.plotItem
        plot.showAxis("right")
        for name in ("left", "bottom", "right"):
            self.getAxis(name).enableAutoSIPrefix(False)
        self.getAxis("left").setWidth(56)
        self.getAxis("right").setWidth(50)
        plot.setLabel("bottom", "step")
        plot.setLabel("left", "loss")
        plot.setLabel("right", "quality")
        plot.showGrid(x=True, y=True, alpha=0.12)
        plot.scene().addItem(self._metric_box)
        self._metric_box.setZValue(self._box.zValue() - 1)
        self.getAxis("right").linkToView(self._metric_box)
        self.getAxis("right").setGrid(False)
        self._metric_box.setXLink(self._box)
        self._box.sigResized.connect(lambda: self._metric_box.setGeometry(self._box.sceneBoundingRect()))
        self._box.setMouseEnabled(x=True, y=False)
        self._metric_box.setMouseEnabled(x=False, y=False)
        self._box.setAutoVisible(y=True)
        self.show_all()

    def _draw_loss(self, name: str, curve: Curve) -> None:
        trace = self._traces.get(name) or self._new_loss(name)
        trace.set_visible(name not in self._hidden)
        if name not in self._hidden:
            smooth = smoothed(curve.values, span=smoothing_span(len(curve)))
            trace.line.setData(*self._drawn(curve.steps, curve.values))
            trace.over.setData(*self._drawn(curve.steps, smooth))

    def _drawn(self, steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        steps, values = decimated(steps, values, limit=LIMIT)
        if self._log:
            values = np.log10(values, out=np.full(len(values), np.nan), where=values > 0)
        return steps.astype(np.float64), np.where(np.isfinite(values), values, np.nan)

    def _draw_metric(self, name: str, curve: Curve) -> None:
        trace = self._traces.get(name) or self._new_metric(name)
        trace.set_visible(name not in self._hidden)
        if name not in self._hidden:
            steps, values = decimated(curve.steps, curve.values, limit=LIMIT)
            known = np.isfinite(values)
            trace.line.setData(steps.astype(np.float64), np.where(known, values, np.nan))
            trace.over.setData(steps[known].astype(np.float64), values[known])

    def _new_loss(self, name: str) -> _Trace:
        colour, pale = self.colour(name), self.colour(name)
        pale.setAlphaF(0.28)
        raw = pg.PlotCurveItem(pen=pg.mkPen(pale), connect="finite")
        width = 2.2 if name == "loss" else 1.6
        smooth = pg.PlotCurveItem(pen=pg.mkPen(colour, width=width), connect="finite", antialias=True)
        return self._add(name, _Trace(raw, smooth, self._box))

    def _new_metric(self, name: str) -> _Trace:
        colour = self.colour(name)
        pen = pg.mkPen(colour, width=1.4, style=Qt.PenStyle.DashLine)
        line = pg.PlotCurveItem(pen=pen, connect="finite", antialias=True)
        points = pg.ScatterPlotItem(size=5, pen=None, brush=colour)
        return self._add(name, _Trace(line, points, self._metric_box))

    def _add(self, name: str, trace: _Trace) -> _Trace:
        for item in (trace.line, trace.over):
            trace.box.addItem(item)
        self._traces[name] = trace
        return trace

    def _forget(self, name: str) -> None:
        trace = self._traces.pop(name)
        for item in (trace.line, trace.over):
            trace.box.removeItem(item)

    def _visible(self, curves: Curves) -> list[str]:
        return [name for name in curves if name not in self._hidden]

    @staticmethod
    def _colour_line(line: pg.InfiniteLine, colour: QColor, background: QColor) -> None:
        line.setPen(pg.mkPen(colour, width=1.4, style=Qt.PenStyle.DashLine))
        line.setHoverPen(pg.mkPen(colour, width=3))
        line.label.setColor(colour)
        fill = QColor(background)
        fill.setAlphaF(0.85)
        line.label.fill = pg.mkBrush(fill)


class LossAxis(pg.AxisItem):
    """A left axis whose logarithmic ticks stay readable within one decade, where most losses are."""

    def __init__(self) -> None:
        super().__init__("left")
        self.enableAutoSIPrefix(False)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[Any, Any]]:  # noqa: N802
        """Return the values that are labelled; logarithms where the scale is logarithmic."""
        if not self.logMode:
            return list(super().tickValues(low, high, size))
        low, high = sorted((low, high))
        ticks = log_ticks(low, high, most=max(2, int(size / _PIXELS_PER_TICK)))
        return [(None, ticks)]

    def logTickStrings(self, values: Any, scale: float, spacing: Any) -> list[str]:  # noqa: N802
        """Write logarithms as the numbers that they stand for."""
        return [f"{10**value:.3g}" for value in values]


def log_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Return the decimal logarithms of round numbers within a range given by its logarithms.

    Parameters
    ----------
    low, high : float
        Logarithms of the ends.
    most : int
        How many ticks there is room for.
    """
    if high - low < _FEW_DECADES:
        return [math.log10(value) for value in _linear_ticks(10**low, 10**high, most)]
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [decade + math.log10(factor) for decade in decades for factor in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= most:
            return inside
    return inside[:: -(-len(inside) // most)]


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    rough = max((high - low) / most, 1e-300)
    power = 10.0 ** math.floor(math.log10(rough))
    spacing = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    values = np.arange(math.ceil(low / spacing), math.floor(high / spacing) + 1) * spacing
    return [float(value) for value in values if value > 0]


__all__ = ["LIMIT", "SUGGESTED", "CurvePlot", "LossAxis", "log_ticks"]
