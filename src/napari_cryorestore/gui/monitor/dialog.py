"""The question whether a quiet run is dead."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMessageBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget


def ask_whether_dead(parent: QWidget, since: float | None, *, go_on: Callable[[], None]) -> QMessageBox:
    """Ask before a run is continued that merely is quiet, as two trainings must not share a folder."""
    clock = time.strftime("%H:%M", time.localtime(since or 0.0))
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Continue?")
    box.setText(f"This run has been quiet since {clock}, but it did not say that it ended.")
    box.setInformativeText(
        "Continue it only if its training was killed: two trainings must not write into one folder."
    )
    box.addButton("Continue here", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.accepted.connect(go_on)
    box.finished.connect(box.deleteLater)
    box.open()
    return box


__all__ = ["ask_whether_dead"]
