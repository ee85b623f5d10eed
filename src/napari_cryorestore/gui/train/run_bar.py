"""Start, Pause, Stop, the state line and the progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cryorestore.gui.dialogs import open_details
from napari_cryorestore.gui.panel_layout import SentenceLabel
from napari_cryorestore.gui.status_line import state_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.runs.state import RunState

MENU = {
    "discard": "Stop without saving",
    "preview": "Preview now",
    "save": "Save configuration…",
    "load": "Load configuration…",
    "checkpoint": "Start from a checkpoint…",
    "folder": "Choose the run folder…",
}
"""What the menu does, by the name that `RunBar.chosen` carries."""

_NEEDS_RUN = ("discard", "preview")


class RunBar(QWidget):
    """The buttons under the panel.

    Attributes
    ----------
    chosen : str
        What the user wants: start, pause, resume, stop, or a name of `MENU`.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._details = ""
        self.start, self.pause, self.stop = QPushButton("Start"), QPushButton("Pause"), QPushButton("Stop")
        self.more, self.details = QPushButton("☰"), QPushButton("Details")
        self.caution, self.problem, self.state = SentenceLabel(), SentenceLabel(), SentenceLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.menu = QMenu(self)
        self.entries = {name: QAction(title, self) for name, title in MENU.items()}
        self.menu.addActions(list(self.entries.values()))
        self._lay_out()
        self._connect()
        self.show_state(None, is_live=False)
        self.details.hide()

    def complain(self, sentence: str, details: str = "") -> None:
        """Say what is wrong; an empty sentence takes it back."""
        self.problem.warn(sentence)
        self._details = details
        self.details.setVisible(bool(details))

    def caution_of(self, warnings: Sequence[str]) -> None:
        """Say beside Start what may make the result wrong; taken back when there is nothing any more."""
        more = f" ({len(warnings) - 1} more above)" if len(warnings) > 1 else ""
        self.caution.warn(f"{warnings[0]}{more}" if warnings else "")

    def forgive(self) -> None:
        """Take back what was wrong with choices; a failure of a run stays."""
        if not self._details:
            self.complain("")

    def say(self, words: str) -> None:
        """Say what goes on before there is a run, with a busy bar."""
        self.state.say(words)
        self.bar.setRange(0, 0 if words else 1)
        self.bar.setVisible(bool(words))
        self.start.setEnabled(not words)

    def show_state(self, state: RunState | None, *, is_live: bool) -> None:
        """Show how a run is, and which buttons make sense."""
        status = state.status() if state is not None else "waiting"
        paused = status == "paused"
        self.start.setEnabled(not is_live)
        self.pause.setEnabled(is_live)
        self.pause.setText("Resume" if paused else "Pause")
        self.stop.setEnabled(is_live)
        for name in _NEEDS_RUN:
            self.entries[name].setEnabled(is_live)
        if state is None:
            self.state.say("")
            self.bar.hide()
            return
        self.state.say("" if status == "failed" else state_words(state))
        if status == "failed" and state.traceback != self._details:
            self.complain(state.error, state.traceback)
        busy = is_live and (bool(state.phase) or status == "waiting")
        self.bar.setVisible(is_live or status in ("completed", "stopped"))
        self.bar.setRange(0, 0 if busy else max(1, state.steps))
        self.bar.setValue(state.step)

    def show_details(self) -> None:
        """Show the traceback of a failure, to copy."""
        open_details(self, self.problem.text(), self._details)

    def _lay_out(self) -> None:
        self.more.setToolTip("More")
        self.more.setFixedWidth(36)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.start, self.pause, self.stop):
            buttons.addWidget(button, 1)
        buttons.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.caution)
        layout.addWidget(self.problem)
        layout.addWidget(self.details)
        layout.addLayout(buttons)
        layout.addWidget(self.state)
        layout.addWidget(self.bar)

    def _open_menu(self) -> None:
        self.menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def _connect(self) -> None:
        self.start.clicked.connect(lambda: self.chosen.emit("start"))
        self.stop.clicked.connect(lambda: self.chosen.emit("stop"))
        self.pause.clicked.connect(
            lambda: self.chosen.emit("resume" if self.pause.text() == "Resume" else "pause")
        )
        self.details.clicked.connect(self.show_details)
        self.more.clicked.connect(self._open_menu)
        for name, action in self.entries.items():
            action.triggered.connect(lambda _checked=False, name=name: self.chosen.emit(name))


__all__ = ["MENU", "RunBar"]
