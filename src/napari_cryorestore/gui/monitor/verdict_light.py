"""The light that says whether to go on training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari_cryorestore.runs.suggestion import StepAdvice

COLOURS = {"unknown": "#8a8f98", "good": "#4fae5a", "slow": "#e3b617", "bad": "#e5484d"}

_FINE = 2  # drawn twice as fine, for screens of high density


class VerdictLight(QWidget):
    """A coloured dot, one sentence, and a button that goes to the step that is suggested."""

    def __init__(self) -> None:
        super().__init__()
        self._dot, self._words = QLabel(), QLabel()
        self._words.setWordWrap(True)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._advice: StepAdvice | None = None
        self.suggested = QPushButton()
        self.suggested.setToolTip(
            "The earliest step whose held-out agreement and wedge filling, averaged over three previews, are "
            "as good as the best ones; restoring takes it unless you choose another."
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._dot)
        layout.addWidget(self._words, 1)
        layout.addWidget(self.suggested)

    def show_advice(self, advice: StepAdvice, *, selected: int | None) -> None:
        """Show how training is doing, and offer to go to the step to take, unless it is selected."""
        offered = advice.kind in ("suggested", "best")
        self.suggested.setVisible(offered)
        self.suggested.setEnabled(advice.step != selected)
        if advice == self._advice:
            return
        self._advice = advice
        self.suggested.setText(f"Go to {advice.kind} step {advice.step}" if offered else "")
        self._dot.setPixmap(dot(QColor(COLOURS[advice.light]), edge=14))
        self._words.setText(advice.sentence)

    @property
    def words(self) -> str:
        """The sentence that is shown."""
        return str(self._words.text())


def dot(colour: QColor, *, edge: int) -> QPixmap:
    """Return a dot with that many pixels across, on nothing."""
    pixels = QPixmap(edge * _FINE, edge * _FINE)
    pixels.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixels)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(pixels.rect().adjusted(2, 2, -2, -2))
    painter.end()
    pixels.setDevicePixelRatio(_FINE)
    return pixels


__all__ = ["COLOURS", "VerdictLight", "dot"]
