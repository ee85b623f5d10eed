from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtWidgets import QDialog, QMainWindow

from napari_cryorestore.gui import messages
from napari_cryorestore.gui.messages import place_messages, place_messages_soon


class Message(QDialog):
    """As napari's: knows its corner, and slides to where that was."""

    def move_to_bottom_right(self) -> None:
        parent = self.parentWidget()
        self.move(parent.width() - self.width(), parent.height() - self.height())


@pytest.fixture
def window(qtbot: Any) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    return made


def test_messages_that_are_shown_go_to_their_corner(window: QMainWindow) -> None:
    message = Message(window)
    message.setFixedSize(50, 20)
    place_messages()
    assert message.x() == 0  # hidden ones stay
    message.show()
    message.move(0, 0)
    place_messages()
    assert (message.x(), message.y()) == (350, 280)


def test_they_are_put_there_again_once_docks_are_laid_out(
    window: QMainWindow, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "DELAYS", (0, 20))
    message = Message(window)
    message.setFixedSize(50, 20)
    message.show()
    place_messages_soon()
    window.resize(300, 300)
    qtbot.waitUntil(lambda: message.x() == 250)
