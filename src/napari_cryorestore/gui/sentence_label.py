"""A label that says one sentence, and takes no room while there is none."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy


class SentenceLabel(QLabel):
    """Wraps, can be copied, and hides itself when it has nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.say("")

    def say(self, sentence: str) -> None:
        """Show a sentence; an empty one hides the label."""
        self.setText(sentence)
        self.setVisible(bool(sentence))

    def warn(self, sentence: str) -> None:
        """Show a sentence that needs the user's attention."""
        self.say(f"⚠ {sentence}" if sentence else "")


__all__ = ["SentenceLabel"]
