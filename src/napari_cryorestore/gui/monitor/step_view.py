"""The column beside the plot: the numbers of the selected step, one row a curve, and its buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from napari_cryorestore.gui.monitor.preview_frames import INPUT
from napari_cryorestore.gui.monitor.run_numbers import numbers_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from qtpy.QtGui import QColor, QResizeEvent

    from napari_cryorestore.gui.monitor.model import MonitorModel
    from napari_cryorestore.gui.monitor.run_numbers import StepNumber

_TITLE = 130  # pixels that the longest title takes
UNTICKED = ("half_correlation", "wedge_share")
"""Numbers that say little on their own; their curves are hidden at first."""

_GAP = 18
_FINE = 2  # drawn twice as fine, for screens of high density
_MARGIN = 4


class StepView(QWidget):
    """The column beside the plot; its buttons are the panel's to connect."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel()
        self.title.setTextFormat(Qt.TextFormat.RichText)
        self.pin, self.use = QPushButton("Pin"), QPushButton("Use → Restore")
        self.compare, self.opinion = QPushButton("Compare"), QPushButton("Second opinion…")
        self.opinion.setToolTip(
            "Train another method or network on the same data, with the same block held out, and compare."
        )
        self.compare.setToolTip("Compare this step: put it beside the input and other steps or methods.")
        self.pin.setToolTip(
            "Keep this step when previews are thinned, and show it small (or double-click in the plot)."
        )
        self.numbers = NumberList(UNTICKED)
        head = QFlowLayout()  # in a narrow dock, the buttons stand below the title
        head.setContentsMargins(0, 0, 0, 0)
        head.setHorizontalSpacing(6)
        head.setVerticalSpacing(4)
        self.title.setMinimumWidth(_TITLE)
        for widget in (self.title, self.pin, self.compare, self.use, self.opinion):
            head.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.numbers, 1)

    def show_model(self, model: MonitorModel, colour_of: Callable[[str], QColor]) -> None:
        """Show the model's selected step."""
        step = model.selected
        self.title.setText(_title(step))
        self.pin.setEnabled(step is not None and step != INPUT)
        self.pin.setText("Unpin" if step in model.pins else "Pin")
        self.numbers.show_numbers(numbers_at(model.state, INPUT if step is None else step), colour_of)
        self.opinion.setEnabled(model.run is not None)
        used = model.used
        which = "" if used in (step, None) else f" step {used}"
        self.use.setEnabled(used is not None)
        self.compare.setEnabled(used is not None)
        self.use.setText(f"Use{which} → Restore")
        self.compare.setText(f"Compare{which}")
        self.use.setToolTip(
            "No weights are kept for this frame: choose another one."
            if used is None
            else f"Restore whole tomograms with the weights of step {used}."
        )

    def sizeHint(self) -> QSize:
        """Propose room for the longest titles."""
        return QSize(530, 240)


def _title(step: int | None) -> str:
    if step is None:
        return "<b>No preview yet</b>"
    return "<b>Input, untouched</b>" if step == INPUT else f"<b>Step {step}</b>"


class _Blocks(QWidget):
    """Two blocks, side by side where there is room, else one above the other."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = (_block(), _block())
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._row.setContentsMargins(0, 0, _MARGIN, 0)
        self._row.setSpacing(_GAP)
        for block in self.blocks:
            self._row.addLayout(block)

    def arrange(self) -> None:
        """Choose the arrangement for the present width and rows."""
        widths = [block.minimumSize().width() for block in self.blocks]
        directions = QBoxLayout.Direction
        fits = self.width() >= sum(widths) + _GAP + _MARGIN
        self._row.setDirection(directions.LeftToRight if fits else directions.TopToBottom)

    def minimumSizeHint(self) -> QSize:
        """Require the width of the wider block only."""
        width = max(block.minimumSize().width() for block in self.blocks)
        return QSize(width + _MARGIN, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Arrange anew."""
        super().resizeEvent(event)
        self.arrange()


class NumberList(QScrollArea):
    """Rows of a tick box in the curve's colour, a title and a value: losses, then quality numbers.

    Parameters
    ----------
    unticked
        Names whose curves are hidden at first.

    Attributes
    ----------
    ticked : Signal(str, bool)
        A curve is to be shown, or hidden.
    explained : Signal(str)
        What the number under the pointer means; empty when the pointer leaves it.
    """

    ticked = Signal(str, bool)
    explained = Signal(str)

    def __init__(self, unticked: Collection[str] = ()) -> None:
        super().__init__()
        self._unticked = set(unticked)
        self._rows: dict[str, tuple[QCheckBox, QLabel]] = {}
        self._sentences: dict[QObject, str] = {}
        self._inner = _Blocks()
        self.setWidget(self._inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_numbers(self, numbers: Sequence[StepNumber], colour_of: Callable[[str], QColor]) -> None:
        """Show numbers, keeping the ticks; rows are made anew only where other numbers come."""
        if [number.name for number in numbers] != list(self._rows):
            self._make_rows(numbers, colour_of)
        for number in numbers:
            box, value = self._rows[number.name]
            value.setText(number.text)
            best = "" if number.best is None else f"\nHighest at step {number.best}."
            for widget in (box, value):
                widget.setToolTip(f"{number.sentence}{best}")
                self._sentences[widget] = number.sentence
        self._inner.arrange()

    def recolour(self, colour_of: Callable[[str], QColor]) -> None:
        """Take the plot's colours again, as after a change of theme."""
        for name, (box, _) in self._rows.items():
            box.setIcon(QIcon(dot(colour_of(name), edge=10)))

    def texts(self) -> dict[str, str]:
        """Return the values as shown, by name."""
        return {name: value.text() for name, (_, value) in self._rows.items()}

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Say what the number under the pointer means."""
        if event is not None and watched in self._sentences:
            if event.type() == QEvent.Type.Enter:
                self.explained.emit(self._sentences[watched])
            elif event.type() == QEvent.Type.Leave:
                self.explained.emit("")
        return bool(super().eventFilter(watched, event))

    def _tick(self, name: str, checked: bool) -> None:
        (self._unticked.discard if checked else self._unticked.add)(name)
        self.ticked.emit(name, checked)

    def _make_rows(self, numbers: Sequence[StepNumber], colour_of: Callable[[str], QColor]) -> None:
        for widgets in self._rows.values():
            for widget in widgets:
                widget.hide()
                widget.deleteLater()
        self._rows.clear()
        self._sentences.clear()
        for row, number in enumerate(numbers):
            self._rows[number.name] = self._make_row(row, number)
        self.recolour(colour_of)

    def _make_row(self, row: int, number: StepNumber) -> tuple[QCheckBox, QLabel]:
        box, value = QCheckBox(number.title), QLabel()
        box.setChecked(number.name not in self._unticked)
        box.toggled.connect(lambda checked, name=number.name: self._tick(name, checked))
        value.setMinimumWidth(value.fontMetrics().horizontalAdvance("0.000000"))
        value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        block = self._inner.blocks[number.is_quality]
        for column, widget in enumerate((box, value)):
            widget.installEventFilter(self)
            block.addWidget(widget, row, column)
        return box, value


def _block() -> QGridLayout:
    grid = QGridLayout()
    grid.setVerticalSpacing(1)
    grid.setColumnStretch(0, 1)
    grid.setRowStretch(1000, 1)
    return grid


def dot(colour: QColor, *, edge: int) -> QPixmap:
    """Return a dot with that many pixels across, on nothing."""
    pixels = QPixmap(edge * _FINE, edge * _FINE)
    pixels.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixels)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(pixels.rect().adjusted(2, 2, -2, -2))
    painter.end()
    pixels.setDevicePixelRatio(_FINE)
    return pixels


__all__ = ["UNTICKED", "NumberList", "StepView", "dot"]
