"""Buttons that open a small panel or a menu beneath them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QApplication, QFrame, QMenu, QToolButton, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QShowEvent


class Popup(QFrame):
    """Shows a widget under a button until the user clicks elsewhere."""

    def __init__(self, button: QWidget, content: QWidget) -> None:
        super().__init__(button, Qt.WindowType.Popup)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.content = content
        self._button = button
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 10)
        layout.addWidget(content)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Appear under the button, within the screen."""
        super().showEvent(event)
        self.adjustSize()
        corner = self._button.mapToGlobal(QPoint(0, self._button.height() + 2))
        screen = self._button.screen() or QApplication.primaryScreen()
        if screen is not None:
            room = screen.availableGeometry()
            corner.setX(max(room.left(), min(corner.x(), room.right() - self.width())))
            if corner.y() + self.height() > room.bottom():
                above = self._button.mapToGlobal(QPoint(0, 0)).y() - self.height() - 2
                corner.setY(max(room.top(), above))
        self.move(corner)


def popup_button(words: str, content: QWidget, *, tip: str) -> QToolButton:
    """Return a button that shows a widget in a `Popup`, which is its child."""
    button = _button(words, tip=tip)
    button.clicked.connect(Popup(button, content).show)
    return button


def menu_button(words: str, menu: QMenu, *, tip: str) -> QToolButton:
    """Return a button that shows a menu; one of Qt's own would be drawn with two arrows."""
    button = _button(words, tip=tip)
    menu.setParent(button, menu.windowFlags())
    button.clicked.connect(lambda: menu.popup(button.mapToGlobal(QPoint(0, button.height() + 2))))
    return button


def add_entry(menu: QMenu, words: str, do: Callable[[], object] | None = None) -> QAction:
    """Add an entry to a menu, and say what it does."""
    action = QAction(words, menu)
    menu.addAction(action)
    if do is not None:
        action.triggered.connect(lambda _=False: do())
    return action


def _button(words: str, *, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(words)
    button.setToolTip(tip)
    return button


__all__ = ["Popup", "add_entry", "menu_button", "popup_button"]
