"""The list of further tomograms: what is trained on besides the one chosen above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QPushButton, QVBoxLayout, QWidget

from napari_cryorestore.gui.panel_layout import SentenceLabel, side_by_side
from napari_cryorestore.gui.train.recording_form import RecordingForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.gui.train.further import FurtherTomogram

_ROWS_SHOWN = 6


class FurtherSection(QWidget):
    """Lists tomograms, and edits how those selected were recorded.

    Attributes
    ----------
    add_requested : str
        The user wants more: ``files``, a ``folder`` of pairs, or the ``layers`` that are open.
    remove_requested, preview_requested
        The user wants those selected out of the list, or the one selected to be previewed.
    selected
        The user selected others.
    """

    add_requested = Signal(str)
    remove_requested = Signal()
    preview_requested = Signal()
    selected = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.line, self.remark, self.busy = SentenceLabel(), SentenceLabel(), SentenceLabel()
        self.add = {
            "files": QPushButton("Files…"),
            "folder": QPushButton("Folder…"),
            "layers": QPushButton("Open layers"),
        }
        self.list = QListWidget()
        self.remove, self.preview = QPushButton("Remove"), QPushButton("Preview this one")
        self.form = RecordingForm()
        self._lay_out()
        self._explain()
        self._connect()
        self.show_tomograms([], first=None, name="")

    def chosen(self) -> list[int]:
        """Return the rows selected, in order."""
        return sorted(index.row() for index in self.list.selectedIndexes())

    def show_tomograms(
        self, items: Sequence[FurtherTomogram], *, first: DataChoice | None, name: str
    ) -> None:
        """Show the list below the tomogram that is previewed, and what is known of those selected."""
        if first is None or not items:
            items = []
            self.line.say(
                "The network can learn from several tomograms: add pairs of halves as files, all pairs of a "
                "folder, or pairs that are open as layers."
            )
        else:
            self.line.say(
                f"Trains on {len(items) + 1} tomograms. Previews and quality numbers are of {name}, "
                "chosen above."
            )
        self._fill([item.words() for item in items])
        for widget in (self.list, self.remove, self.preview):
            widget.setVisible(bool(items))
        rows = self.chosen()
        self.remove.setEnabled(bool(rows))
        self.preview.setEnabled(len(rows) == 1 and not items[rows[0]].trouble)
        picked = [items[row] for row in rows]
        self.form.show_tomograms(picked)
        self.remark.say(picked[0].remark(first) if len(picked) == 1 and first is not None else "")

    def offer_layers(self, names: Sequence[str]) -> None:
        """Offer the pairs of layers that are not in the list."""
        self.add["layers"].setEnabled(bool(names))
        listed = ", ".join(names) or "none that is not trained on already"
        self.add["layers"].setToolTip(f"Add the pairs that are open as layers: {listed}.")

    def _fill(self, words: list[str]) -> None:
        there = self.list.count()
        if there != len(words):
            self.list.blockSignals(True)
            for row in reversed(range(len(words), there)):
                self.list.takeItem(row)
            self.list.addItems(words[there:])
            self.list.blockSignals(False)
        for row, text in enumerate(words):
            item = self.list.item(row)
            if item is not None and item.text() != text:
                item.setText(text)
        shown = min(max(len(words), 1), _ROWS_SHOWN)
        height = max(self.list.sizeHintForRow(0), 13)
        self.list.setFixedHeight(shown * height + 2 * self.list.frameWidth() + 2)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.line)
        layout.addLayout(side_by_side(list(self.add.values())))
        layout.addWidget(self.busy)
        layout.addWidget(self.list)
        layout.addLayout(side_by_side([self.remove, self.preview]))
        layout.addWidget(self.form)
        layout.addWidget(self.remark)

    def _explain(self) -> None:
        self.add["files"].setToolTip("Add half tomograms; they are paired by their names.")
        self.add["folder"].setToolTip("Add all pairs of half tomograms in a folder, told by their names.")
        self.remove.setToolTip("Train without the tomograms selected. Their files stay.")
        self.preview.setToolTip(
            "Exchange it with the tomogram above: previews and quality numbers are of that one."
        )
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)

    def _connect(self) -> None:
        for what, button in self.add.items():
            button.clicked.connect(lambda _=False, what=what: self.add_requested.emit(what))
        self.remove.clicked.connect(self.remove_requested)
        self.preview.clicked.connect(self.preview_requested)
        self.list.itemSelectionChanged.connect(self.selected)


__all__ = ["FurtherSection"]
