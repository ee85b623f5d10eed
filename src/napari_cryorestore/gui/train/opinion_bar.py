"""The title over the form while it is filled for a second opinion."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_cryorestore.gui.panel_layout import SentenceLabel


class OpinionBar(QWidget):
    """Says on which run a second opinion is prepared; hidden while there is none.

    Attributes
    ----------
    compare_requested
        All runs that can be compared fairly are to be shown.
    ended
        The form is to be an ordinary one again, as it is filled.
    """

    compare_requested = Signal()
    ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.title, self.sentence = SentenceLabel(), SentenceLabel()
        self.compare, self.end = QPushButton("Compare all runs on these data"), QPushButton("×")
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.compare.setToolTip(
            "Show raw data, Wiener filter and all runs that can be compared with this one."
        )
        self.end.setToolTip("Go on without this run in mind; the form stays as it is filled.")
        self.end.setFixedWidth(30)
        self.compare.clicked.connect(self.compare_requested)
        self.end.clicked.connect(self.ended)
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self.title, 1)
        head.addWidget(self.end, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(self.sentence)
        layout.addWidget(self.compare)
        self.hide()

    def show_opinion(self, title: str, sentence: str, *, warns: bool) -> None:
        """Show a title and what is the same; an empty title hides everything."""
        self.setVisible(bool(title))
        self.title.say(re.sub(r"(?<=[_.\-])", "\u200b", title))  # a long name breaks where its parts end
        (self.sentence.warn if warns else self.sentence.say)(sentence)


__all__ = ["OpinionBar"]
