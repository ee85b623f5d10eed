"""The body of the monitor: the light, the plot, the pinned steps as small images, and the selected step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QAction, QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_cryorestore.gui.layers import contrast_limits
from napari_cryorestore.gui.monitor.model import name_of
from napari_cryorestore.gui.monitor.preview_frames import INPUT
from napari_cryorestore.gui.monitor.run_plot import CurvePlot
from napari_cryorestore.gui.monitor.step_view import UNTICKED, StepView, dot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.utils.theme import Theme
    from qtpy.QtCore import QPoint
    from qtpy.QtGui import QResizeEvent

    from napari_cryorestore.gui.monitor.model import MonitorModel
    from napari_cryorestore.gui.monitor.preview_frames import GrowingFrames
    from napari_cryorestore.runs.advice import StepAdvice
    from napari_cryorestore.runs.state import RunState

EMPTY = "No run yet: start one in the Train panel, or open the folder of a run."
HINT = "Drag in the plot to go back in training time; point at a number to read what it means."
_WIDE = 1.5
"""Width to height from which the parts stand side by side."""

COLOURS = {"unknown": "#8a8f98", "good": "#4fae5a", "slow": "#e3b617", "bad": "#e5484d"}
EDGE = 64
_STEP = int(Qt.ItemDataRole.UserRole)


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


class VerdictLight(QWidget):
    """A coloured dot, one sentence, and a button that goes to the step that is suggested."""

    def __init__(self) -> None:
        super().__init__()
        self._dot, self._words = QLabel(), QLabel()
        self._words.setWordWrap(True)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._advice: StepAdvice | None = None
        self.suggested = QPushButton()
        self.suggested.setToolTip(
            "The earliest step whose held-out agreement and wedge filling, averaged over three previews, are "
            "as good as the best ones; restoring takes it unless you choose another."
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._dot)
        layout.addWidget(self._words, 1)
        layout.addWidget(self.suggested)

    def show_advice(self, advice: StepAdvice, *, selected: int | None) -> None:
        """Show how training is doing, and offer to go to the step to take, unless it is selected."""
        offered = advice.kind in ("suggested", "best")
        self.suggested.setVisible(offered)
        self.suggested.setEnabled(advice.step != selected)
        if advice == self._advice:
            return
        self._advice = advice
        self.suggested.setText(f"Go to {advice.kind} step {advice.step}" if offered else "")
        self._dot.setPixmap(dot(QColor(COLOURS[advice.light]), edge=14))
        self._words.setText(advice.sentence)

    @property
    def words(self) -> str:
        """The sentence that is shown."""
        return str(self._words.text())


class ThumbnailStrip(QListWidget):
    """The untouched crop and the pinned steps.

    Attributes
    ----------
    chosen : Signal(int)
        The user clicked at a step.
    unpinned : Signal(int)
        A step is to be unpinned.
    """

    chosen = Signal(int)
    unpinned = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[object, ...] = ()
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setIconSize(QSize(EDGE, EDGE))
        self.setSpacing(2)
        self.setUniformItemSizes(True)
        self.setToolTip("Pinned steps: click to go there, right-click to unpin.")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        self.itemClicked.connect(lambda item: self.chosen.emit(item.data(_STEP)))

    def sizeHint(self) -> QSize:
        """Propose one column, or one row."""
        return QSize(EDGE + 36, EDGE + 36)

    def show_steps(
        self,
        frames: GrowingFrames,
        steps: Sequence[int],
        *,
        limits: tuple[float, float],
        selected: int | None,
    ) -> None:
        """Show the frames of some steps; images are made anew only where something changed."""
        shown = (tuple(steps), tuple(round(limit, 3) for limit in limits), frames.shape[1:])
        if shown != self._shown:
            self._shown = shown
            self.clear()
            for step in steps:
                frame = frames.frame(step)
                own = contrast_limits(frame) if step == INPUT else limits  # the input is far noisier
                self._add(step, thumbnail(frame, own, edge=EDGE))
        for item in self._items():
            item.setSelected(item.data(_STEP) == selected)

    def steps(self) -> list[int]:
        """Return the steps that are shown."""
        return [int(item.data(_STEP)) for item in self._items()]

    def _items(self) -> list[QListWidgetItem]:
        return [item for row in range(self.count()) if (item := self.item(row)) is not None]

    def _add(self, step: int, grey: np.ndarray) -> None:
        height, width = grey.shape
        image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
        pixels = QPixmap.fromImage(image).scaled(
            EDGE, EDGE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        icon = QIcon(pixels)
        icon.addPixmap(pixels, QIcon.Mode.Selected)  # else it is tinted
        item = QListWidgetItem(icon, name_of(step), self)
        item.setData(_STEP, step)
        item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)

    def _open_menu(self, place: QPoint) -> None:
        item = self.itemAt(place)
        if item is None or item.data(_STEP) == INPUT:
            return
        step = int(item.data(_STEP))
        menu = QMenu(self)
        unpin = QAction(f"Unpin step {step}", menu)
        unpin.triggered.connect(lambda: self.unpinned.emit(step))
        menu.addAction(unpin)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(place))


def thumbnail(frame: np.ndarray, limits: tuple[float, float], *, edge: int) -> np.ndarray:
    """Return the middle plane of a frame as a small grey image.

    Parameters
    ----------
    frame : array, shape (z, y, x)
        The frame.
    limits : tuple of float
        The values that become black and white.
    edge : int
        Pixels along the longer side.

    Returns
    -------
    array, shape (height, width), uint8, C-contiguous
        Neighbouring voxels are averaged where the plane is larger than the image.
    """
    plane = np.asarray(frame[len(frame) // 2], dtype=np.float32)
    factor = max(1, -(-max(plane.shape) // edge))
    height, width = (max(1, length // factor) for length in plane.shape)
    cut = plane[: height * factor, : width * factor]
    coarse = cut.reshape(height, min(factor, len(cut)), width, -1).mean(axis=(1, 3))
    low, high = limits
    shades = (np.nan_to_num(coarse) - low) / max(high - low, 1e-12)
    return np.ascontiguousarray((255 * np.clip(shades, 0, 1)).astype(np.uint8))


__all__ = [
    "COLOURS",
    "EDGE",
    "EMPTY",
    "HINT",
    "RunBody",
    "ThumbnailStrip",
    "VerdictLight",
    "dot",
    "thumbnail",
]
