"""The Tomogram section: which layers are the halves, and which tomograms stand in the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_cryorestore.gui.editors import VolumeCombo
from napari_cryorestore.gui.panel_layout import SentenceLabel, add_row, grid_of, side_by_side
from napari_cryorestore.gui.restore.queue import Entry, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS = {
    Progress.WAITING: "",
    Progress.RUNNING: "▶ ",
    Progress.DONE: "✓ ",
    Progress.FAILED: "⚠ ",
    Progress.CANCELLED: "✕ ",
}
_ROWS_SHOWN = 6


class SourceSection(QWidget):
    """Edits what is to be restored.

    Attributes
    ----------
    value_changed
        The user chose other layers.
    add_requested, files_requested
        The user wants the chosen layers, or files, put into the queue.
    remove_requested, repeat_requested : list of Entry
        The user wants these entries, or all that are over, out of the queue or into it once more.
    selected : Entry
        The user clicked an entry.
    """

    value_changed = Signal()
    add_requested = Signal()
    files_requested = Signal()
    remove_requested = Signal(object)
    repeat_requested = Signal(object)
    selected = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self.even, self.odd = VolumeCombo(), VolumeCombo()
        self.add, self.files = QPushButton("Add to queue"), QPushButton("Add files…")
        self.warning = SentenceLabel()
        self.queue = QListWidget()
        self.remove, self.repeat = QPushButton("Remove"), QPushButton("Again")
        self._lay_out()
        self._explain()
        self._connect()
        self._fit()

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show the queue and how far each tomogram is."""
        if list(entries) != self._entries:
            self._entries = list(entries)
            self.queue.clear()
            self.queue.addItems([""] * len(entries))
            self._fit()
        for entry, item in zip(self._entries, self._items(), strict=True):
            words = entry_words(entry)
            if item.text() != words:
                item.setText(words)
                item.setToolTip(entry.sentence or str(entry.output or ""))
        self.repeat.setEnabled(any(entry.is_over for entry in self.chosen()))

    def _items(self) -> list[QListWidgetItem]:
        items = (self.queue.item(row) for row in range(self.queue.count()))
        return [item for item in items if item is not None]

    def chosen(self) -> list[Entry]:
        """Return the entries selected, or all."""
        rows = sorted(index.row() for index in self.queue.selectedIndexes())
        return [self._entries[row] for row in rows] or self._entries

    def _fit(self) -> None:
        """Be as high as the entries, within reason, and take no room without any."""
        for widget in (self.queue, self.remove, self.repeat):
            widget.setVisible(bool(self._entries))
        rows = min(max(len(self._entries), 1), _ROWS_SHOWN)
        self.queue.setFixedHeight(
            rows * max(self.queue.sizeHintForRow(0), 13) + 2 * self.queue.frameWidth() + 2
        )

    def _lay_out(self) -> None:
        rows = QWidget()
        grid = grid_of(rows)
        add_row(grid, "half 1", self.even)
        add_row(grid, "half 2", self.odd)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(rows)
        layout.addLayout(side_by_side([self.add, self.files]))
        layout.addWidget(self.warning)
        layout.addWidget(self.queue)
        layout.addLayout(side_by_side([self.remove, self.repeat]))

    def _explain(self) -> None:
        self.even.setToolTip("The half map of the even frames or tilts, or a whole tomogram.")
        self.odd.setToolTip("The half map of the odd frames or tilts; both halves give the better result.")
        self.add.setToolTip("Put these layers into the queue.")
        self.files.setToolTip("Put files into the queue; halves are paired by their names.")
        self.remove.setToolTip("Take the selected tomograms, or all, out of the queue.")
        self.repeat.setToolTip("Put the selected tomograms, or all that are done, into the queue once more.")
        self.queue.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.queue.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.queue.setTextElideMode(Qt.TextElideMode.ElideMiddle)

    def _connect(self) -> None:
        for combo in (self.even, self.odd):
            combo.activated.connect(self.value_changed)
        self.add.clicked.connect(self.add_requested)
        self.files.clicked.connect(self.files_requested)
        self.remove.clicked.connect(lambda: self.remove_requested.emit(self.chosen()))
        self.repeat.clicked.connect(lambda: self.repeat_requested.emit(self.chosen()))
        self.queue.currentRowChanged.connect(self._select)

    def _select(self, row: int) -> None:
        if 0 <= row < len(self._entries):
            self.selected.emit(self._entries[row])


def entry_words(entry: Entry) -> str:
    """Return the line of an entry, e.g. ``▶ TS01 · 43 %`` or ``✓ TS01 · ICECREAM @ 600``."""
    name = entry.title if entry.progress is Progress.DONE and entry.title else entry.subject.name
    state = {
        Progress.WAITING: "waiting",
        Progress.RUNNING: f"{entry.share:.0%}",
        Progress.FAILED: "failed",
        Progress.CANCELLED: "cancelled",
    }.get(entry.progress, "")
    return _MARKS[entry.progress] + " · ".join(part for part in (name, state) if part)


__all__ = ["SourceSection", "entry_words"]
