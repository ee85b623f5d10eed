"""The table of numbers: a line for each number, a column for each row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cryorestore.comparison.number import NUMBER_WORDS, Evaluation, number_words, plain
from napari_cryorestore.gui.panel_layout import SentenceLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QColor

    from napari_cryorestore.comparison.number import Number

    Line = tuple[str, str, str]

BOXES = {
    "none": "no signal-to-noise ratio",
    "auto": "boxes proposed from the chosen row",
    "points": "points layers",
}
_REGIONS = {"all": "everywhere", "measured": "measured", "wedge": "in the wedge"}
_ITSELF = "itself", "A row is not compared with itself."
_LEFT_OUT = "snr_literal"  # in the saved table; two forms of one thing would only confuse here


class TableTab(QWidget):
    """Shows numbers; `NumberControl` provides them.

    Attributes
    ----------
    boxes_chosen : Signal()
        Where the signal-to-noise ratio is measured was chosen anew.
    """

    boxes_chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        sides: Any = self.table.verticalHeader()
        sides.hide()
        self.sentence, self.problem = SentenceLabel(), SentenceLabel()
        self.boxes, self.signal, self.background = QComboBox(), QComboBox(), QComboBox()
        for name, words in BOXES.items():
            self.boxes.addItem(words, name)
        self._lay_out()
        self.boxes.currentIndexChanged.connect(self._boxes_chosen)
        for box in (self.signal, self.background):
            box.activated.connect(self.boxes_chosen)
        self.table.currentCellChanged.connect(self._explain)
        self._boxes_chosen()

    def offer(self, points: Sequence[str]) -> None:
        """Offer points layers as places of signal and background."""
        for place, box in enumerate((self.signal, self.background)):
            if [box.itemText(index) for index in range(box.count())] != list(points):
                chosen = box.currentText()
                box.clear()
                box.addItems(list(points))
                box.setCurrentText(chosen or (points[min(place, len(points) - 1)] if points else ""))

    def show_numbers(
        self, numbers: Sequence[Number], rows: Sequence[tuple[str, QColor]], problems: Sequence[str]
    ) -> None:
        """Show the numbers of these rows, except points of curves."""
        shown = [item for item in numbers if not item.on_curve and not item.name.startswith(_LEFT_OUT)]
        lines = sorted(dict.fromkeys(_line(item) for item in shown), key=_order)
        values, found = {(_line(item), item.row): item for item in shown}, Evaluation(tuple(numbers))
        self.table.setColumnCount(1 + len(rows))
        self.table.setRowCount(len(lines))
        self.table.setHorizontalHeaderLabels(["", *(name for name, _ in rows)])
        for index, line in enumerate(lines):
            self.table.setItem(index, 0, _cell(_title(line), number_words(line[0]).sentence))
            for place, (name, _) in enumerate(rows, 1):
                told = _ITSELF if line[1] == name else _value(values.get((line, name)), found, line[0])
                cell = _cell(*told, right=True)
                self.table.setItem(index, place, cell)
        header: Any = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.problem.warn(" ".join(problems[:2]))

    def _explain(self, row: int, *_: int) -> None:
        item = self.table.item(row, 0)
        self.sentence.say(item.data(Qt.ItemDataRole.ToolTipRole) if item is not None else "")

    def _boxes_chosen(self) -> None:
        by_points = self.boxes.currentData() == "points"
        for widget in (*self._labels, self.signal, self.background):
            widget.setVisible(by_points)
        self.boxes_chosen.emit()

    def _lay_out(self) -> None:
        self._labels = (QLabel("signal"), QLabel("background"))
        head = QHBoxLayout()
        for widget in (QLabel("Signal-to-noise ratio from"), self.boxes):
            head.addWidget(widget)
        for label, box in zip(self._labels, (self.signal, self.background), strict=True):
            head.addWidget(label)
            head.addWidget(box)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.problem)
        layout.addWidget(self.sentence)


def _line(number: Number) -> Line:
    return number.name, number.against, number.region


def _order(line: Line) -> tuple[int, str, str]:
    """Sort by number and by what it is compared with; its bands stay as they were measured: coarse first."""
    names = list(NUMBER_WORDS)
    base = line[0].removesuffix("_spread").removesuffix("_boxes")
    return (names.index(base) if base in names else len(names), line[0], line[1])


def _title(line: Line) -> str:
    name, against, region = line
    more = [
        _REGIONS.get(region, region),
        f"with {against}" if against not in ("", "halves", "raw halves") else "",
    ]
    if against == "halves" and name.startswith("resolution"):
        more.append("between halves")
    told = ", ".join(filter(None, more))
    return f"{number_words(name).title} ({told})" if told else number_words(name).title


def _value(number: Number | None, found: Evaluation, name: str) -> tuple[str, str]:
    """Return what stands in a cell, and what is said of it: where there is no number, why."""
    sentence = number_words(name).sentence
    if number is None:
        return "–", sentence
    if math.isnan(number.value):
        return found.short_words_of(number), f"{found.words_of(number).capitalize()}. {sentence}"
    return (
        f"{plain(number.value)}{f' {number.unit}' if number.unit and number.unit != 'boxes' else ''}",
        sentence,
    )


def _cell(words: str, sentence: str, *, right: bool = False) -> QTableWidgetItem:
    item = QTableWidgetItem(words)
    item.setToolTip(sentence)
    if right:
        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


__all__ = ["BOXES", "TableTab"]
