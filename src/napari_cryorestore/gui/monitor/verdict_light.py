"""The light that says whether to go on training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_cryorestore.gui.monitor.dot import dot

if TYPE_CHECKING:
    from napari_cryorestore.gui.monitor.verdict import Verdict

COLOURS = {"unknown": "#8a8f98", "good": "#4fae5a", "slow": "#e3b617", "bad": "#e5484d"}


class VerdictLight(QWidget):
    """A coloured dot, one sentence, and a button that goes to the step that is suggested."""

    def __init__(self) -> None:
        super().__init__()
        self._dot, self._words = QLabel(), QLabel()
        self._words.setWordWrap(True)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._verdict: Verdict | None = None
        self.suggested = QPushButton()
        self.suggested.setToolTip(
            "The step with the best held-out agreement and wedge filling, averaged over three previews."
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._dot)
        layout.addWidget(self._words, 1)
        layout.addWidget(self.suggested)

    def show_suggested(self, step: int | None, *, selected: int | None) -> None:
        """Offer to go to a step; there is nothing to offer for ``None``, or where it is selected."""
        self.suggested.setVisible(step is not None)
        self.suggested.setEnabled(step != selected)
        self.suggested.setText(f"Go to suggested step {step}")

    def show_verdict(self, verdict: Verdict) -> None:
        """Show how training is doing."""
        if verdict == self._verdict:
            return
        self._verdict = verdict
        self._dot.setPixmap(dot(QColor(COLOURS[verdict.level]), edge=14))
        self._words.setText(verdict.words)

    @property
    def words(self) -> str:
        """The sentence that is shown."""
        return str(self._words.text())


__all__ = ["COLOURS", "VerdictLight"]
