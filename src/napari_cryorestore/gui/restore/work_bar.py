"""Restore, Cancel, how far it is, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_cryorestore.gui.dialogs import open_details
from napari_cryorestore.gui.panel_layout import SentenceLabel, side_by_side

if TYPE_CHECKING:
    from pathlib import Path

_FINE = 1000


class WorkBar(QWidget):
    """The buttons under the panel.

    Attributes
    ----------
    chosen : str
        What the user chose: ``restore``, ``cancel``, ``save`` or ``compare``.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._details, self._message = "", ""
        self.restore, self.cancel = QPushButton("Restore"), QPushButton("Cancel")
        self.save, self.details = QPushButton("Save as…"), QPushButton("Details")
        self.compare = QPushButton("Compare")
        self.problem, self.state = SentenceLabel(), SentenceLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.save.setToolTip("Copy the result to a file of your choice.")
        self.compare.setToolTip("Put the result beside its input and other results.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.problem)
        layout.addWidget(self.details)
        layout.addLayout(side_by_side([self.restore, self.cancel]))
        layout.addWidget(self.state)
        layout.addWidget(self.bar)
        layout.addLayout(side_by_side([self.compare, self.save]))
        for name in ("restore", "cancel", "save", "compare"):
            getattr(self, name).clicked.connect(lambda _=False, name=name: self.chosen.emit(name))
        self.details.clicked.connect(self.show_details)
        self.complain("")
        self.show_progress("", None)
        self.show_result(has_result=False)

    def complain(self, sentence: str, details: str = "") -> None:
        """Say what is wrong; an empty sentence takes it back."""
        self.problem.warn(sentence)
        self._details = details
        self.details.setVisible(bool(details))

    def say(self, message: str, path: Path | None = None) -> None:
        """Say something, about a file, that stays until the work goes on."""
        self._message = message
        self.state.say(message)
        self.state.setToolTip(str(path or ""))

    def show_progress(self, words: str, share: float | None) -> None:
        """Show how far the work is, 0 to 1; ``None`` if there is none."""
        working = share is not None
        self.restore.setEnabled(not working)
        self.cancel.setEnabled(working)
        self.state.say(words or self._message)
        self.bar.setVisible(working)
        self.bar.setRange(0, _FINE if share else 0)  # with nothing done yet, it only shows that work goes on
        self.bar.setValue(round(_FINE * (share or 0)))

    def show_result(self, *, has_result: bool) -> None:
        """Offer what can be done with a result, where there is one."""
        self.save.setVisible(has_result)
        self.compare.setVisible(has_result)

    def show_details(self) -> None:
        """Show the traceback of a failure, to copy."""
        open_details(self, self.problem.text(), self._details)


__all__ = ["WorkBar"]
