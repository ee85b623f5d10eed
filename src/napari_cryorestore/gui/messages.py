"""Keeps napari's messages in the corner of the canvas when a dock makes it smaller."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

DELAYS = (300, 1000)
"""Milliseconds after which messages are put into their corner: they have slid in then, and all is drawn."""


def place_messages() -> None:
    """Put the messages that are shown into the corner as it is now.

    A message slides to where the corner was when it came; a dock that opens meanwhile would cover it.
    """
    for widget in QApplication.allWidgets():
        place = getattr(widget, "move_to_bottom_right", None)
        if callable(place) and widget.isVisible():
            place()


def place_messages_soon() -> None:
    """Do so as soon as messages have slid in and docks are laid out; nothing without a window."""
    if QApplication.instance() is not None:
        for delay in DELAYS:
            QTimer.singleShot(delay, place_messages)


__all__ = ["DELAYS", "place_messages", "place_messages_soon"]
