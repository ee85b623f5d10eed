"""What is drawn over a picture: crosshair, rings of resolution, borders of the wedge, scale bar, words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPen, QPolygonF

from napari_cryorestore.gui.compare.colours import CROSSHAIR, RING, WEDGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QPainter

    from napari_cryorestore.comparison.overlays import Overlay

    Place = Callable[[float, float], QPointF]

_GAP = 9  # pixels around the crosshair's centre that stay free, so that what is there can be seen
_HALO = QColor(0, 0, 0, 150)
_RIM = ((-1, 0), (1, 0), (0, -1), (0, 1))
_APART = 22  # pixels between rings that carry words, and from the innermost to the centre
_BELOW_TOP = 5  # pixels that words need above the ring's highest point
_BAR_SHARE = 0.33  # of a cell's width, at most


def draw_crosshair(painter: QPainter, at: QPointF, size: tuple[float, float]) -> None:
    """Draw two lines that cross at a place, leaving the place itself free."""
    colour = QColor(CROSSHAIR)
    colour.setAlphaF(0.8)
    painter.setPen(QPen(colour, 1))
    x, y = round(at.x()) + 0.5, round(at.y()) + 0.5
    width, height = size
    if 0 <= y <= height:
        painter.drawLine(QPointF(0, y), QPointF(x - _GAP, y))
        painter.drawLine(QPointF(x + _GAP, y), QPointF(width, y))
    if 0 <= x <= width:
        painter.drawLine(QPointF(x, 0), QPointF(x, y - _GAP))
        painter.drawLine(QPointF(x, y + _GAP), QPointF(x, height))


def draw_overlay(painter: QPainter, overlay: Overlay, place: Place, *, words: bool) -> None:
    """Draw rings and wedge of a Fourier slice.

    Parameters
    ----------
    painter : QPainter
        Where to.
    overlay : Overlay
        What, in 1/Å.
    place : callable
        From (across, down) in 1/Å to pixels.
    words : bool
        Whether rings carry their resolution.
    """
    for lines, style in (
        (overlay.wedge, Qt.PenStyle.SolidLine),
        (overlay.detected, Qt.PenStyle.DashLine),
    ):
        colour = QColor(WEDGE)
        colour.setAlphaF(0.9)
        painter.setPen(QPen(colour, 1.2, style))
        for line in lines:
            painter.drawPolyline(QPolygonF([place(*point) for point in line]))
    _draw_rings(painter, overlay, place, words=words)


def _draw_rings(painter: QPainter, overlay: Overlay, place: Place, *, words: bool) -> None:
    colour = QColor(RING)
    colour.setAlphaF(0.5)
    last = 0.0
    for radius, name in reversed(overlay.rings):  # the coarsest first
        corner, other = place(-radius, -radius), place(radius, radius)
        painter.setPen(QPen(colour, 1, Qt.PenStyle.DotLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QRectF(corner, other))
        pixels = (other.x() - corner.x()) / 2
        if words and pixels - last >= _APART and corner.y() >= _BELOW_TOP:
            draw_words(painter, name, QPointF(corner.x() + pixels, corner.y() + 4), centred=True, small=True)
            last = pixels


def draw_scale_bar(painter: QPainter, unit: float, part: QRectF) -> None:
    """Draw a bar of a round length in nm.

    Parameters
    ----------
    painter : QPainter
        Where to.
    unit : float
        Å of a pixel.
    part : QRectF
        The pixels of the cell that hold a picture.
    """
    length = round_length(part.width() * _BAR_SHARE * unit / 10)
    foot = part.bottomLeft()
    painter.setPen(QPen(_HALO, 1))
    painter.setBrush(QColor("white"))
    painter.drawRect(QRectF(foot.x() + 7, foot.y() - 9, length * 10 / unit, 3))
    draw_words(painter, f"{length:g} nm", QPointF(foot.x() + 7, foot.y() - 12), small=True)


def round_length(most: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20 … that is not above a length."""
    power = 10.0 ** math.floor(math.log10(max(most, 1e-9)))
    return next(power * digit for digit in (5, 2, 1) if power * digit <= most * (1 + 1e-9))


def draw_words(
    painter: QPainter, words: str, at: QPointF, *, centred: bool = False, small: bool = False
) -> None:
    """Write white words with a dark rim, readable on any picture, from their lower left or lower middle."""
    font = painter.font()
    size = font.pointSizeF()
    if small:
        font.setPointSizeF(size * 0.85)
    painter.save()
    painter.setFont(font)
    shift = painter.fontMetrics().horizontalAdvance(words) / 2 if centred else 0.0
    start = QPointF(at.x() - shift, at.y())
    painter.setPen(_HALO)
    for across, down in _RIM:  # far quicker than stroking the letters' outlines
        painter.drawText(start + QPointF(across, down), words)
    painter.setPen(QColor("white"))
    painter.drawText(start, words)
    painter.restore()


__all__ = ["draw_crosshair", "draw_overlay", "draw_scale_bar", "draw_words", "round_length"]
