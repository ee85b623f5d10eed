"""The top of the monitor: which run, how it is, and the buttons that control it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_cryorestore.gui.dialogs import open_details
from napari_cryorestore.gui.panel_layout import SentenceLabel
from napari_cryorestore.gui.status_line import state_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QResizeEvent

    from napari_cryorestore.gui.monitor.model import MonitorModel

MENU = {
    "discard": "Stop without saving",
    "preview": "Preview now",
    "family": "Compare all runs on these data",
    "csv": "Export numbers (CSV)…",
    "png": "Export plot (PNG)…",
}
"""What the menu does, by name."""
NARROW = 820
"""Pixels below which the groups of the header stand one above the other."""
NARROWEST = 300
_NEEDS_TRAINING = ("discard", "preview")


class RunHeader(QWidget):
    """State line and buttons; the panel connects them."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.state = QLabel(), QElidingLabel()
        self.follow, self.log = QCheckBox("Follow newest"), QCheckBox("Log scale")
        self.pause, self.stop = QPushButton("Pause"), QPushButton("Stop")
        self.resume, self.go_on = QPushButton("Resume"), QPushButton("Continue")
        self.open, self.more = QPushButton("Open run…"), QPushButton("☰")
        self.details = QPushButton("Details")
        self.problem = SentenceLabel()
        self.bar = QProgressBar()
        self.menu = QMenu(self)
        self.entries = {name: QAction(title, self) for name, title in MENU.items()}
        self.menu.addActions(list(self.entries.values()))
        self.more.clicked.connect(
            lambda: self.menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))
        )
        self.details.clicked.connect(self._show_details)
        self._traceback = ""
        self._lay_out()
        self._explain()

    def show_model(self, model: MonitorModel) -> None:
        """Show how the run is, and offer what makes sense."""
        has_run = model.run is not None
        status = model.status()
        self.name.setText(f"<b>{model.run.path.name}</b>" if model.run is not None else "")
        self.name.setToolTip(str(model.run.path) if model.run is not None else "")
        words = self._words(model)
        self.state.setText(words)
        self.state.setToolTip(words)  # in a narrow dock its end is cut off
        self.pause.setVisible(not model.can_resume)
        self.pause.setEnabled(model.can_pause)
        self.resume.setVisible(model.can_resume)
        self.stop.setEnabled(model.can_stop)
        self.go_on.setVisible(model.can_continue)
        self.go_on.setToolTip(_continue_words(model))
        for name, entry in self.entries.items():
            entry.setEnabled(model.can_stop if name in _NEEDS_TRAINING else has_run)
        self.bar.setVisible(has_run)
        self.bar.setRange(0, max(1, model.state.steps))
        self.bar.setValue(min(model.state.step, model.state.steps))
        failed = status == "failed"
        self._traceback = model.state.traceback if failed else ""
        self.details.setVisible(bool(self._traceback))
        if failed:
            self.complain(f"{model.state.error}")
        else:
            self.complain(model.problem or _latest_warning(model))

    def minimumSizeHint(self) -> QSize:
        """Allow a narrow dock: the groups stack before they are cut off."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), NARROWEST), hint.height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Stack the groups where they do not fit beside one another."""
        narrow = self.width() < NARROW
        self._row.setDirection(
            QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        )
        super().resizeEvent(event)

    def complain(self, sentence: str) -> None:
        """Say what is wrong; an empty sentence takes it back."""
        self.problem.warn(sentence)

    def _words(self, model: MonitorModel) -> str:
        if model.run is None:
            return ""
        if model.stopping:
            return "Stopping at the next step…"
        return "Failed" if model.status() == "failed" else state_words(model.state, model.training_time())

    def _lay_out(self) -> None:
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.more.setFixedWidth(36)
        self.state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.name.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.problem.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._row.addLayout(_beside(self.name, self.state), 1)
        self._row.addLayout(_beside(self.follow, self.log))
        self._row.addLayout(_beside(self.pause, self.resume, self.stop, self.go_on, self.open, self.more))
        trouble = QHBoxLayout()
        trouble.addWidget(self.problem, 1)
        trouble.addWidget(self.details)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._row)
        layout.addWidget(self.bar)
        layout.addLayout(trouble)

    def _explain(self) -> None:
        self.follow.setToolTip("Show every new preview as it arrives.")
        self.log.setToolTip("Draw losses on a logarithmic scale.")
        self.pause.setToolTip("Wait at the next step.")
        self.resume.setToolTip("Go on training.")
        self.stop.setToolTip("Save the weights and end.")
        self.open.setToolTip("Watch a run that is trained elsewhere, or look at a finished one.")
        self.more.setToolTip("More")

    def _show_details(self) -> None:
        open_details(self, self.problem.text(), self._traceback)


def _beside(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget)
    return row


def _continue_words(model: MonitorModel) -> str:
    if model.state.why:
        return f"Go on to step {model.state.steps}: the run ended by itself, and does so only once."
    return "Go on training from the last saved weights."


def _latest_warning(model: MonitorModel) -> str:
    warnings = [note.message for note in model.state.messages if note.level == "warning"]
    return warnings[-1] if warnings else ""


def confirm_continuing(parent: QWidget, since: float | None, *, go_on: Callable[[], None]) -> QMessageBox:
    """Continue a run that merely is quiet only if the user agrees: two trainings must not share a folder."""
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


__all__ = ["MENU", "RunHeader", "confirm_continuing"]
