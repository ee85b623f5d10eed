"""What the panel says while there is nothing to compare."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

WORDS = (
    "Nothing to compare yet.\nOpen tomograms, then put them side by side: the same place, the same contrast."
)
CHOICES = {
    "layers": "Compare what is open",
    "run": "A step of a run…",
    "open": "Open a comparison…",
}


class EmptyPage(QWidget):
    """Offers how to begin.

    Attributes
    ----------
    asked : Signal(str)
        One of `CHOICES`.
    """

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        words = QLabel(WORDS)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.buttons = {name: QPushButton(title) for name, title in CHOICES.items()}
        row = QHBoxLayout()
        row.addStretch(1)
        for name, button in self.buttons.items():
            button.clicked.connect(lambda _=False, name=name: self.asked.emit(name))
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(words)
        layout.addSpacing(8)
        layout.addLayout(row)
        layout.addStretch(1)

    def offer(self, *, layers: bool) -> None:
        """Offer the open tomograms where there are any."""
        self.buttons["layers"].setEnabled(layers)


__all__ = ["CHOICES", "WORDS", "EmptyPage"]
