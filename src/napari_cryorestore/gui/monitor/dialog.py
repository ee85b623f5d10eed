"""The dialogs of the monitor: which run to open, where to export, whether a quiet run is dead."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_cryorestore.gui.preferences import last_folder, remember_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget


def choose_run(parent: QWidget) -> Path | None:
    """Ask for the folder of a run; ``None`` if the user gave up."""
    name = QFileDialog.getExistingDirectory(parent, "Open the folder of a run", str(last_folder()))
    if not name:
        return None
    remember_folder(Path(name))
    return Path(name)


def choose_file(parent: QWidget, proposed: str, *, kind: str) -> Path | None:
    """Ask where to save, e.g. ``kind="Table (*.csv)"``; ``None`` if the user gave up."""
    name, _ = QFileDialog.getSaveFileName(parent, "Export", str(last_folder() / proposed), kind)
    if not name:
        return None
    remember_folder(Path(name))
    return Path(name)


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


__all__ = ["ask_whether_dead", "choose_file", "choose_run"]
