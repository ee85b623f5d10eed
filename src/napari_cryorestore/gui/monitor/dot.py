"""A coloured dot, as a light or as the key of a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QPainter, QPixmap

if TYPE_CHECKING:
    from qtpy.QtGui import QColor

_FINE = 2  # drawn twice as fine, for screens of high density


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


__all__ = ["dot"]
