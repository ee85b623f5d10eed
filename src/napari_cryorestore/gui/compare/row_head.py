"""The heading of a row: its name, what it shows, the slider of its steps, and what can be done with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPointF, QRect, QSize, Qt, Signal
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QProgressBar,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_cryorestore.gui.compare.popup import add_entry, menu_button

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtGui import QAction, QColor, QFontMetrics, QMouseEvent, QPaintEvent, QResizeEvent

WIDTH = 152
_STRIPE = 4
_LEFT, _RIGHT, _BETWEEN = 6, 4, 2  # pixels around what stands in the heading
_INSIDE = 12  # pixels of a label that its words do not get in napari's themes
_WRAPPED = int(Qt.TextFlag.TextWordWrap)
_ROOMY = 74  # pixels from which name, slider and caption stand below one another
_DRAG = 12  # pixels from which a press becomes a drag
ACTIONS = {
    "rename": "Rename",
    "up": "Move up",
    "down": "Move down",
    "hide": "Hide",
    "parts": "Show what was measured and what was supplied",
    "opinion": "Second opinion…",
    "fill": "Fill the wedge of this…",
    "remove": "Remove",
}
"""What the menu offers, by what `RowHead.action_requested` sends."""


@dataclass(frozen=True)
class HeadState:
    """What a heading says.

    Attributes
    ----------
    name, caption : str
        The row's name, and a few words under it.
    tip : str
        All that there is to say.
    steps : tuple of int
        The steps that the slider offers; none without a slider.
    step : int, optional
        The one chosen.
    busy : bool
        Whether something is being computed.
    share : float, optional
        How much of it is done, 0 to 1.
    chosen : bool
        Whether this row is the chosen one.
    refused : dict of str to str
        Which of `ACTIONS` make no sense for this row, and why.
    """

    name: str
    caption: str = ""
    tip: str = ""
    steps: tuple[int, ...] = ()
    step: int | None = None
    busy: bool = False
    share: float | None = None
    chosen: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)


class RowHead(QWidget):
    """The heading at the left of a row.

    Attributes
    ----------
    action_requested : Signal(str)
        One of `ACTIONS`, or ``"cancel"`` or ``"choose"``.
    renamed : Signal(str)
        The name that was typed.
    step_chosen : Signal(int)
        The step at which the slider was put.
    dropped : Signal(object)
        The heading was dragged to this point of the screen.
    """

    action_requested = Signal(str)
    renamed = Signal(str)
    step_chosen = Signal(int)
    dropped = Signal(object)

    def __init__(self, colour: QColor) -> None:
        super().__init__()
        self.state = HeadState("")
        self._colour = colour
        self._pressed: QPointF | None = None
        self.name, self.caption, self.editor = QLabel(), QElidingLabel(), QLineEdit()
        self.cancel = QToolButton()
        self.slider, self.bar = QSlider(Qt.Orientation.Horizontal), QProgressBar()
        self.actions_by_name = self._fill_menu()
        self._style()
        self._lay_out()
        self._connect()
        self.setFixedWidth(WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Ignored)
        self.show_state(self.state)

    def show_state(self, state: HeadState) -> None:
        """Show this state."""
        if state.steps != self.state.steps or state.step != self.state.step:
            self._set_slider(state)
        self.state = state
        self.caption.setText(state.caption)
        for name, action in self.actions_by_name.items():
            action.setEnabled(name not in state.refused)
            action.setToolTip(state.refused.get(name, ""))
        self.setToolTip(state.tip)
        self.slider.setVisible(bool(state.steps))
        self.bar.setVisible(state.busy)
        self.cancel.setVisible(state.busy)
        self._fit()
        self.bar.setRange(0, 100 if state.share else 0)
        self.bar.setValue(round(100 * (state.share or 0)))
        self.update()

    def begin_renaming(self) -> None:
        """Let the name be typed in its place."""
        self.editor.setText(self.state.name)
        self.name.hide()
        self.editor.show()
        self.editor.selectAll()
        self.editor.setFocus()

    def _end_renaming(self) -> None:
        if not self.editor.isVisible():
            return
        self.editor.hide()
        self.name.show()
        name = self.editor.text().strip()
        if name and name != self.state.name:
            self.renamed.emit(name)

    def _set_slider(self, state: HeadState) -> None:
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(len(state.steps) - 1, 0))
        if state.step in state.steps:
            self.slider.setValue(state.steps.index(state.step))
        self.slider.blockSignals(False)

    def _slid(self, place: int) -> None:
        if place < len(self.state.steps):
            self.step_chosen.emit(self.state.steps[place])

    # Making ------------------------------------------------------------------------------------------

    def _fill_menu(self) -> dict[str, QAction]:
        menu = QMenu()
        menu.setToolTipsVisible(True)
        actions = {}
        for name, words in ACTIONS.items():
            if name in ("parts", "opinion", "remove"):
                menu.addSeparator()
            actions[name] = add_entry(menu, words, partial(self.action_requested.emit, name))
        self.menu_button = menu_button(
            "⋯", menu, tip="What to do with this row; drag the heading to move it."
        )
        return actions

    def _style(self) -> None:
        font = self.name.font()
        font.setBold(True)
        self.name.setFont(font)
        small = self.caption.font()
        small.setPointSizeF(small.pointSizeF() * 0.88)
        self.caption.setFont(small)
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.name.setWordWrap(True)
        self.menu_button.setAutoRaise(True)
        self.cancel.setText("×")
        self.cancel.setToolTip("Cancel")
        self.cancel.setAutoRaise(True)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.editor.hide()
        self.slider.setToolTip("Choose another step of this run.")

    def _lay_out(self) -> None:
        first, last = QHBoxLayout(), QHBoxLayout()
        for row, widgets in (
            (first, (self.name, self.editor, self.menu_button)),
            (last, (self.caption, self.cancel)),
        ):
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(_BETWEEN)
            for widget in widgets:
                row.addWidget(widget, 0 if isinstance(widget, QToolButton) else 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_STRIPE + _LEFT, 0, _RIGHT, 0)
        layout.setSpacing(1)
        layout.addStretch(1)
        layout.addLayout(first)
        layout.addWidget(self.slider)
        layout.addLayout(last)
        layout.addWidget(self.bar)
        layout.addStretch(1)

    def _connect(self) -> None:
        self.editor.editingFinished.connect(self._end_renaming)
        self.slider.valueChanged.connect(self._slid)
        self.cancel.clicked.connect(lambda: self.action_requested.emit("cancel"))

    # The mouse, and painting -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Choose this row, and perhaps begin to drag it."""
        if event is not None:
            self._pressed = event.position()
            self.action_requested.emit("choose")

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Drop the row where the pointer is."""
        if event is not None and self._pressed is not None:
            moved = abs(event.position().y() - self._pressed.y())
            if moved > _DRAG:
                self.dropped.emit(event.globalPosition().toPoint())
        self._pressed = None
        self.unsetCursor()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Show that the row can be dropped."""
        if event is not None and self._pressed is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Type another name."""
        self.begin_renaming()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the stripe in the row's colour, wider where the row is chosen."""
        painter = QPainter(self)
        painter.fillRect(0, 1, _STRIPE + (3 if self.state.chosen else 0), self.height() - 2, self._colour)
        painter.end()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Leave the caption out where there is no room for it; the tip has it."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        taken = _STRIPE + _LEFT + _RIGHT + _BETWEEN + _INSIDE + self.menu_button.sizeHint().width()
        metrics = self.name.fontMetrics()  # the theme's, once the heading stands in the window
        self.name.setMaximumHeight(_two_lines(metrics))
        self.name.setText(_in_two_lines(self.state.name, metrics, WIDTH - taken))
        has_room = self.height() >= _ROOMY or not self.state.steps
        self.caption.setVisible(has_room or self.state.busy)

    def minimumSizeHint(self) -> QSize:
        """Keep name and slider readable."""
        return QSize(WIDTH, 56)

    def changeEvent(self, event: QEvent | None) -> None:
        """Redraw when the theme changes."""
        super().changeEvent(event)
        self.update()


def _two_lines(metrics: QFontMetrics) -> int:
    return 2 * metrics.lineSpacing() + 4


def _in_two_lines(name: str, metrics: QFontMetrics, width: int) -> str:
    """Return a name that fits, broken where its parts end; of a longer one the middle is left out.

    Names of rows mostly differ in how they end.
    """
    for kept in range(len(name), 1, -1):
        end = kept // 2
        short = name if kept == len(name) else f"{name[: kept - end]}…{name[-end:]}"
        words = re.sub(r"(?<=[_.\-…])|(?<=[a-z])(?=[A-Z])", "\u200b", short)
        room = metrics.boundingRect(QRect(0, 0, width, 0), _WRAPPED, words)
        if room.height() <= _two_lines(metrics) and room.width() <= width:
            return words
    return name


__all__ = ["ACTIONS", "WIDTH", "HeadState", "RowHead"]
