"""The grid of pictures: rows with headings, columns with titles, everything linked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QWidget
from superqt import QElidingLabel

from napari_cryorestore.comparison.picture import SECTIONS
from napari_cryorestore.gui.compare.cell import SMALLEST, Cell
from napari_cryorestore.gui.compare.colours import row_colour
from napari_cryorestore.gui.compare.framing import Framing
from napari_cryorestore.gui.compare.row_head import WIDTH, RowHead

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qtpy.QtGui import QResizeEvent

    from napari_cryorestore.comparison.comparison_config import Column
    from napari_cryorestore.gui.compare.colours import Colours
    from napari_cryorestore.gui.compare.framing import Box

    Place = tuple[int, Column]

SPACING = 3
_TITLES = 22  # pixels that the titles of columns take


class PictureGrid(QWidget):
    """Lays out headings and cells; all signals name the row by its number and say where in Å or 1/Å.

    Attributes
    ----------
    framing : Framing
        What part of the pictures is shown.
    pointed : Signal(str, float, float)
        The crosshair is to go here, in a column.
    stepped : Signal(str, int)
        So many planes more, in a column.
    hovered : Signal(int, str, object)
        Where the pointer is: row, column, place; ``None`` once it left.
    reframed : Signal()
        Another part is shown, or the cells have another size.
    action_requested : Signal(int, str)
        An action of a heading's menu.
    row_dropped : Signal(int, int)
        A row was dragged to the place of another one.
    """

    pointed = Signal(str, float, float)
    stepped = Signal(str, int)
    hovered = Signal(int, str, object)
    reframed = Signal()
    action_requested = Signal(int, str)
    renamed = Signal(int, str)
    step_chosen = Signal(int, int)
    row_dropped = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.framing = Framing()
        self.heads: dict[int, RowHead] = {}
        self.cells: dict[Place, Cell] = {}
        self.titles: dict[Column, QElidingLabel] = {}
        self._numbers: list[int] = []
        self._columns: tuple[Column, ...] = ()
        self._colours: Colours | None = None
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACING)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    # What there is -----------------------------------------------------------------------------------

    def set_rows(self, numbers: Sequence[int], columns: Sequence[Column]) -> None:
        """Show these rows and columns, in this order; widgets that stay are kept."""
        if list(numbers) == self._numbers and tuple(columns) == self._columns:
            return
        self._numbers, self._columns = list(numbers), tuple(columns)
        self._drop({(number, column) for number in numbers for column in columns})
        self._empty_layout()
        for place, column in enumerate(columns, 1):
            self._layout.addWidget(self._title(column), 0, place)
        for line, number in enumerate(numbers, 1):
            self._layout.addWidget(self._head(number), line, 0)
            self._layout.setRowStretch(line, 1)
            self._layout.setRowMinimumHeight(line, SMALLEST)
            for place, column in enumerate(columns, 1):
                self._layout.addWidget(self._cell(number, column), line, place)
        self.fit_columns()

    def fit_columns(self) -> None:
        """Make columns as wide as their pictures need at this height, or as far as the width allows."""
        rows, columns = max(len(self._numbers), 1), max(len(self._columns), 1)
        height = (self.height() - _TITLES - rows * SPACING) / rows
        room = self.width() - WIDTH - (columns + 1) * SPACING
        widths = [self.framing.aspect(column) * max(height, SMALLEST) for column in self._columns]
        shrink = min(1.0, room / max(sum(widths), 1))
        for place, width in enumerate(widths, 1):
            self._layout.setColumnMinimumWidth(place, max(SMALLEST, int(width * shrink)))
        self._layout.setColumnStretch(columns + 1, 1)
        self.reframe()

    def reframe(self) -> None:
        """Show in every cell what the framing says."""
        for cell in self.cells.values():
            cell.update()
        self.reframed.emit()

    def pixel(self, column: Column) -> float:
        """Return the Å (1/Å) of a pixel of the screen in a column."""
        cell = next(cell for (_, shown), cell in self.cells.items() if shown == column)
        size = cell.width(), cell.height()
        return self.framing.pixel(column, size) / float(self.devicePixelRatioF())

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self._colours = colours
        for cell in self.cells.values():
            cell.set_colours(colours)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Show the same part in cells of another size."""
        super().resizeEvent(event)
        self.fit_columns()

    # Looking -----------------------------------------------------------------------------------------

    def show_all(self) -> None:
        """Undo every zoom."""
        self.framing.show_all()
        self.reframe()

    def look_at(self, box: Box) -> None:
        """Show a part of the volumes (low and high in Å along z, y, x), unless the user has zoomed."""
        self.framing.look_at(box)
        self.reframe()

    def _zoom(self, cell: Cell, across: float, down: float, by: float) -> None:
        self.framing.zoom(cell.column, (across, down), by, cell.window_shown)
        self.reframe()

    def _pan(self, cell: Cell, across: float, down: float) -> None:
        self.framing.pan(cell.column, (across, down))
        self.reframe()

    # Making ------------------------------------------------------------------------------------------

    def _head(self, number: int) -> RowHead:
        if number not in self.heads:
            head = RowHead(row_colour(number))
            head.action_requested.connect(lambda what: self.action_requested.emit(number, what))
            head.renamed.connect(lambda name: self.renamed.emit(number, name))
            head.step_chosen.connect(lambda step: self.step_chosen.emit(number, step))
            head.dropped.connect(lambda point: self._drop_row(number, point))
            self.heads[number] = head
        return self.heads[number]

    def _cell(self, number: int, column: Column) -> Cell:
        if (number, column) not in self.cells:
            cell = Cell(column, self.framing)
            if self._colours is not None:
                cell.set_colours(self._colours)
            if column in SECTIONS:
                cell.pointed.connect(lambda across, down: self.pointed.emit(column, across, down))
            cell.stepped.connect(lambda planes: self.stepped.emit(column, planes))
            cell.hovered.connect(lambda at: self.hovered.emit(number, column, at))
            cell.zoomed.connect(lambda across, down, by: self._zoom(cell, across, down, by))
            cell.panned.connect(lambda across, down: self._pan(cell, across, down))
            cell.shown_all.connect(self.show_all)
            self.cells[number, column] = cell
        return self.cells[number, column]

    def _title(self, column: Column) -> QElidingLabel:
        if column not in self.titles:
            label = QElidingLabel(column)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            self.titles[column] = label
        return self.titles[column]

    def _drop_row(self, number: int, point: QPoint) -> None:
        below = [self.heads[other].mapToGlobal(QPoint(0, 0)).y() <= point.y() for other in self._numbers]
        self.row_dropped.emit(number, max(sum(below) - 1, 0))

    def _drop(self, kept: set[Place]) -> None:
        """Delete the widgets of rows and columns that are gone."""
        numbers, columns = {number for number, _ in kept}, {column for _, column in kept}
        gone = [
            *_taken(self.cells, set(self.cells) - kept),
            *_taken(self.heads, set(self.heads) - numbers),
            *_taken(self.titles, set(self.titles) - columns),
        ]
        for widget in gone:
            widget.setParent(None)
            widget.deleteLater()

    def _empty_layout(self) -> None:
        for line in range(self._layout.rowCount()):
            self._layout.setRowStretch(line, 0)
            self._layout.setRowMinimumHeight(line, 0)
        for place in range(self._layout.columnCount()):
            self._layout.setColumnStretch(place, 0)
            self._layout.setColumnMinimumWidth(place, 0)
        while self._layout.count():
            self._layout.takeAt(0)


def _taken(widgets: dict, keys: Iterable[object]) -> list[QWidget]:
    return [widgets.pop(key) for key in keys]


__all__ = ["PictureGrid"]
