"""One cell of the grid: a picture, the marks drawn over it, and the mouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryorestore.comparison.overlays import Overlay
from napari_cryorestore.comparison.picture import round_length
from napari_cryorestore.gui.compare.colours import CROSSHAIR, RING, WEDGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QMouseEvent, QPaintEvent, QWheelEvent

    from napari_cryorestore.comparison.comparison_config import Column
    from napari_cryorestore.gui.compare.colours import Colours
    from napari_cryorestore.gui.compare.framing import Framing, Window
    from napari_cryorestore.gui.compare.shading import Painted

    Place = Callable[[float, float], QPointF]

SMALLEST = 56
"""Pixels below which a cell makes no sense."""
NO_OVERLAY = Overlay()
_NOTCH = 120  # what Qt calls one step of a wheel
_ZOOM_PER_NOTCH = 1.2
_SMOOTH_BELOW = 3.0  # screen pixels a voxel; larger ones are shown as the squares that they are


@dataclass(frozen=True)
class Marks:
    """What is drawn over a picture.

    Attributes
    ----------
    crosshair : (float, float), optional
        Across and down, in the picture's units.
    overlay : Overlay
        Rings and wedge.
    words : str
        What stands in the middle, e.g. why there is no picture.
    scale_bar, ring_words : bool
        Whether there is a scale bar, and whether rings carry words.
    """

    crosshair: tuple[float, float] | None = None
    overlay: Overlay = NO_OVERLAY
    words: str = ""
    scale_bar: bool = False
    ring_words: bool = False


class Cell(QWidget):
    """Shows one column of one row, as far as the framing says.

    All places are (across, down) in Å, or 1/Å for Fourier slices.

    Attributes
    ----------
    pointed : Signal(float, float)
        The left button was pressed or dragged here.
    hovered : Signal(object)
        The pointer is here; ``None`` once it has left.
    stepped : Signal(int)
        The wheel was turned by so many planes.
    zoomed : Signal(float, float, float)
        Ctrl and the wheel enlarge around this place by this factor.
    panned : Signal(float, float)
        The picture was dragged with the right or middle button, by so much.
    shown_all : Signal()
        A double click with the right or middle button, or of the left one on a Fourier slice.
    """

    pointed = Signal(float, float)
    hovered = Signal(object)
    stepped = Signal(int)
    zoomed = Signal(float, float, float)
    panned = Signal(float, float)
    shown_all = Signal()

    def __init__(self, column: Column, framing: Framing) -> None:
        super().__init__()
        self.column = column
        self._framing = framing
        self.painted: Painted | None = None
        self.marks = Marks()
        self._colours: Colours | None = None
        self._image: QImage | None = None
        self._grip: QPointF | None = None
        self._turned = 0
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMinimumSize(SMALLEST, SMALLEST)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    # What is shown -----------------------------------------------------------------------------------

    def show_picture(self, painted: Painted | None) -> None:
        """Show a picture, or none."""
        if painted is self.painted:
            return
        self.painted = painted
        self._image = None if painted is None else _image(painted)
        self.update()

    def show_marks(self, marks: Marks) -> None:
        """Draw this over the picture."""
        if marks != self.marks:
            self.marks = marks
            self.update()

    @property
    def window_shown(self) -> Window:
        """The part that is shown, which all cells of a column share."""
        return self._framing.window(self.column, (self.width(), self.height()))

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self._colours = colours
        self.update()

    def place_of(self, across: float, down: float) -> QPointF:
        """Return where a place is, in the cell's pixels."""
        window = self.window_shown
        return QPointF(
            (across - window.left) / (window.right - window.left) * self.width(),
            (down - window.top) / (window.bottom - window.top) * self.height(),
        )

    def at(self, point: QPointF) -> tuple[float, float]:
        """Return what lies at a pixel of the cell."""
        window = self.window_shown
        return (
            window.left + point.x() / max(self.width(), 1) * (window.right - window.left),
            window.top + point.y() / max(self.height(), 1) * (window.bottom - window.top),
        )

    # Painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the picture and what is over it."""
        painter = QPainter(self)
        ground = self._colours.cell if self._colours is not None else self.palette().base().color()
        painter.fillRect(self.rect(), ground)
        if self.painted is not None and self._image is not None:
            left, right, top, bottom = self.painted.extent
            target = QRectF(self.place_of(left, top), self.place_of(right, bottom))
            smooth = target.width() < _SMOOTH_BELOW * self._image.width()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawImage(target, self._image)
            self._draw_marks(painter, target)
        if self.marks.words:
            self._draw_message(painter)
        painter.end()

    def _draw_marks(self, painter: QPainter, picture: QRectF) -> None:
        size = float(self.width()), float(self.height())
        picture = picture.intersected(QRectF(self.rect()))
        painter.setClipRect(picture)
        if self.marks.crosshair is not None:
            _draw_crosshair(painter, self.place_of(*self.marks.crosshair), size)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.marks.overlay != NO_OVERLAY:
            _draw_overlay(painter, self.marks.overlay, self.place_of, words=self.marks.ring_words)
        painter.setClipping(False)
        if self.marks.scale_bar:
            window = self.window_shown
            _draw_scale_bar(painter, (window.right - window.left) / size[0], picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_message(self, painter: QPainter) -> None:
        if self.painted is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            _draw_words(painter, self.marks.words, QPointF(7, 16), small=True)
            return
        colours = self._colours
        painter.setPen(colours.faint if colours is not None else self.palette().text().color())
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(self.rect().adjusted(6, 4, -6, -4), int(flags), self.marks.words)

    def sizeHint(self) -> QSize:
        """Show a picture of a useful size."""
        return QSize(160, 120)

    # The mouse ---------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Put the crosshair here, or begin to drag the picture."""
        if event is None:
            return
        if event.button() == Qt.MouseButton.LeftButton and not _wants_panning(event):
            self.pointed.emit(*self.at(event.position()))
        else:
            self._grip = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Drag the crosshair or the picture, and tell where the pointer is."""
        if event is None:
            return
        self.hovered.emit(self.at(event.position()))
        if self._grip is not None:
            before, now = self.at(self._grip), self.at(event.position())
            self._grip = event.position()
            self.panned.emit(before[0] - now[0], before[1] - now[1])
        elif event.buttons() & Qt.MouseButton.LeftButton:
            self.pointed.emit(*self.at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Let go of the picture."""
        self._grip = None
        self.setCursor(Qt.CursorShape.CrossCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Show everything again."""
        self.shown_all.emit()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Step through slices, or zoom with Ctrl; pixels of a touch pad add up to steps."""
        if event is None:
            return
        event.accept()
        turned = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoomed.emit(*self.at(event.position()), _ZOOM_PER_NOTCH ** (turned / _NOTCH))
            return
        self._turned += turned
        steps = int(self._turned / _NOTCH)
        if steps:
            self._turned -= steps * _NOTCH
            self.stepped.emit(steps)

    def leaveEvent(self, event: object) -> None:
        """Tell that the pointer is gone."""
        self.hovered.emit(None)


def _wants_panning(event: QMouseEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)


def _image(painted: Painted) -> QImage:
    """Wrap the pixels, which the cell keeps, without a copy."""
    height, width = painted.pixels.shape
    buffer: Any = painted.pixels.data
    return QImage(buffer, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)


_GAP = 9  # pixels around the crosshair's centre that stay free, so that what is there can be seen
_HALO = QColor(0, 0, 0, 150)
_RIM = ((-1, 0), (1, 0), (0, -1), (0, 1))
_APART = 22  # pixels between rings that carry words, and from the innermost to the centre
_BELOW_TOP = 5  # pixels that words need above the ring's highest point
_BAR_SHARE = 0.33  # of a cell's width, at most


def _draw_crosshair(painter: QPainter, at: QPointF, size: tuple[float, float]) -> None:
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


def _draw_overlay(painter: QPainter, overlay: Overlay, place: Place, *, words: bool) -> None:
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
            _draw_words(painter, name, QPointF(corner.x() + pixels, corner.y() + 4), centred=True, small=True)
            last = pixels


def _draw_scale_bar(painter: QPainter, unit: float, part: QRectF) -> None:
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
    _draw_words(painter, f"{length:g} nm", QPointF(foot.x() + 7, foot.y() - 12), small=True)


def _draw_words(
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


__all__ = ["SMALLEST", "Cell", "Marks"]
