"""The body of the monitor: plot, pinned steps and numbers, beside or above one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from napari_cryorestore.gui.monitor.run_plot import CurvePlot
from napari_cryorestore.gui.monitor.step_view import UNTICKED, StepView
from napari_cryorestore.gui.monitor.thumbnail_strip import ThumbnailStrip
from napari_cryorestore.gui.monitor.verdict_light import VerdictLight

if TYPE_CHECKING:
    from napari.utils.theme import Theme
    from qtpy.QtGui import QResizeEvent

    from napari_cryorestore.gui.monitor.model import MonitorModel
    from napari_cryorestore.runs.state import RunState

EMPTY = "No run yet: start one in the Train panel, or open the folder of a run."
HINT = "Drag in the plot to go back in training time; point at a number to read what it means."
_WIDE = 1.5
"""Width to height from which the parts stand side by side."""


class RunBody(QStackedWidget):
    """Shows a model; its parts carry the signals, which the panel connects."""

    def __init__(self) -> None:
        super().__init__()
        self.light, self.plot = VerdictLight(), CurvePlot()
        self.strip, self.step_view = ThumbnailStrip(), StepView()
        self.info = QLabel(HINT)
        self.info.setWordWrap(True)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget, stretch in ((self.plot, 1), (self.strip, 0), (self.step_view, 0)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
        self.splitter.setChildrenCollapsible(False)
        empty = QLabel(EMPTY)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        empty.setWordWrap(True)
        self.addWidget(empty)
        self.addWidget(self._filled())
        for name in UNTICKED:
            self.plot.set_curve_visible(name, visible=False)
        self.step_view.numbers.ticked.connect(self._tick)
        self.step_view.numbers.explained.connect(lambda sentence: self.info.setText(sentence or HINT))

    def draw(self, state: RunState) -> None:
        """Draw the curves of a run."""
        self.plot.show_curves(state.curves, state.metrics)
        self.plot.show_suggested(state.advice.suggested)

    def show_model(self, model: MonitorModel, *, limits: tuple[float, float]) -> None:
        """Show the selection, the pins and the numbers; ``limits`` are those of the preview's contrast."""
        self.setCurrentIndex(0 if model.run is None else 1)
        self.plot.show_step(model.selected, model.selected_name)
        self.plot.show_marks(model.frames.steps, model.pins)
        self.strip.show_steps(model.frames, model.shown_pins, limits=limits, selected=model.selected)
        self.step_view.show_model(model, self.plot.colour)
        self.light.show_advice(model.state.advice, selected=model.selected)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a napari theme."""
        self.plot.set_theme(theme)
        self.step_view.numbers.recolour(self.plot.colour)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Put plot and numbers side by side in a wide dock, one above the other in a tall one."""
        wide = self.width() > _WIDE * self.height()
        self.splitter.setOrientation(Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical)
        super().resizeEvent(event)

    def _tick(self, name: str, checked: bool) -> None:
        self.plot.set_curve_visible(name, visible=checked)

    def _filled(self) -> QWidget:
        filled = QWidget()
        layout = QVBoxLayout(filled)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.light)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.info)
        return filled


__all__ = ["EMPTY", "HINT", "RunBody"]
