"""The dialog behind every Details button: the sentence, and what the developers need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMessageBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


def open_details(parent: QWidget, sentence: str, details: str) -> None:
    """Show a failure's sentence with its traceback, to copy; returns at once."""
    box = QMessageBox(parent)
    box.setWindowTitle("Details")
    box.setText(sentence)
    box.setDetailedText(details)
    box.setModal(False)
    box.finished.connect(box.deleteLater)
    box.open()


__all__ = ["open_details"]
