"""The Tomogram section: which layers are the halves, and which tomograms are in the queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.editors import VolumeCombo
from napari_cryorestore.gui.examined_data import DataLook, examined_data, look_at_data
from napari_cryorestore.gui.layers import origin_of
from napari_cryorestore.gui.model_choice import loaded_method, trained_on
from napari_cryorestore.gui.named_volume import LayerVolumes, pair_of, tomogram_name_of
from napari_cryorestore.gui.panel_layout import SentenceLabel, add_row, grid_of, side_by_side
from napari_cryorestore.gui.restore.queue import EntryState, QueueEntry, tomograms_from

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari import Viewer

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.gui.restore.model import RestoreModel

_MARKS = {
    EntryState.WAITING: "",
    EntryState.RUNNING: "▶ ",
    EntryState.DONE: "✓ ",
    EntryState.FAILED: "⚠ ",
    EntryState.CANCELLED: "✕ ",
}
_ROWS_SHOWN = 6


class SourceSection(QWidget):
    """Edits what is to be restored.

    Attributes
    ----------
    value_changed
        The user chose other layers.
    add_requested, files_requested
        The chosen layers, or files, are to be put into the queue.
    remove_requested, repeat_requested : list of QueueEntry
        These entries are to leave the queue, or to be put into it once more.
    selected : QueueEntry
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
        self._entries: list[QueueEntry] = []
        self.even, self.odd = VolumeCombo(), VolumeCombo()
        self.add, self.files = QPushButton("Add to queue"), QPushButton("Add files…")
        self.warning = SentenceLabel()
        self.queue = QListWidget()
        self.remove, self.repeat = QPushButton("Remove"), QPushButton("Again")
        self._lay_out()
        self._explain()
        self._connect()
        self._fit()

    def show_entries(self, entries: Sequence[QueueEntry]) -> None:
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

    def chosen(self) -> list[QueueEntry]:
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


def entry_words(entry: QueueEntry) -> str:
    """Return the line of an entry, e.g. ``▶ TS01 · 43 %`` or ``✓ TS01 · ICECREAM @ 600``."""
    name = entry.title if entry.state is EntryState.DONE and entry.title else entry.tomogram.name
    state = {
        EntryState.WAITING: "waiting",
        EntryState.RUNNING: f"{entry.share:.0%}",
        EntryState.FAILED: "failed",
        EntryState.CANCELLED: "cancelled",
    }.get(entry.state, "")
    return _MARKS[entry.state] + " · ".join(part for part in (name, state) if part)


class SourceControl:
    """Offers layers, pairs halves, and fills the queue.

    Parameters
    ----------
    viewer : Viewer
        Whose layers are offered.
    section : SourceSection
    model : RestoreModel
    background : Background
        Where voxels are looked at.
    changed : callable
        Called after what is to be restored has changed.
    complain : callable
        Called with a sentence if files cannot be read.
    """

    def __init__(
        self,
        viewer: Viewer,
        section: SourceSection,
        model: RestoreModel,
        background: Background,
        *,
        changed: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        self._section, self._model, self._background = section, model, background
        self._look, self._single = DataLook(), False
        self._changed, self._complain = changed, complain
        self._volumes = LayerVolumes(viewer, self.refresh)
        section.value_changed.connect(self._edited)
        section.add_requested.connect(self.add_layers)
        section.files_requested.connect(self.add_files)
        section.remove_requested.connect(lambda entries: self._change_queue(model.remove, entries))
        section.repeat_requested.connect(lambda entries: self._change_queue(model.repeat, entries))

    def refresh(self) -> None:
        """Offer the layers that are there now, and choose halves where none are chosen."""
        section = self._section
        halves = [volume for volume in self._volumes.halves() if not self._is_result(volume)]
        before = section.even.volume(), section.odd.volume()
        for combo in (section.even, section.odd):
            combo.offer(halves)
        if section.even.volume() is None:
            even, odd = pair_of(halves) or (halves[-1] if halves else None, None)
            section.even.choose(even)
            section.odd.choose(odd)
        elif section.odd.volume() is None and not self._single:
            self._choose_partner(section.even.volume())
        if before != (section.even.volume(), section.odd.volume()):
            self._take()

    def add_layers(self) -> None:
        """Put the layers chosen into the queue."""
        tomogram = self._model.request.tomogram
        if tomogram is None:
            self._complain("Choose half 1 first: open a tomogram, or add files.")
            return
        self._model.add([tomogram])
        self._changed()

    def add_files(self) -> None:
        """Let the user choose files and put them into the queue, halves paired."""
        paths = dialogs.choose_tomograms(self._section)
        try:
            self._model.add(tomograms_from(paths))
        except (ValueError, OSError) as error:
            self._complain(str(error))
        self._changed()

    def leave(self) -> None:
        """Stop listening to the viewer."""
        self._volumes.disconnect()

    def _edited(self) -> None:
        even, before = self._section.even.volume(), self._model.request.even
        if even is not before:
            self._choose_partner(even)
        self._single = even is before and self._section.odd.volume() is None  # the user took half 2 away
        self._take()

    def _choose_partner(self, even: NamedVolume | None) -> None:
        halves = [volume for volume in self._volumes.halves() if not self._is_result(volume)]
        pair = pair_of(halves, even) if even is not None else None
        self._section.odd.choose(None if pair is None else pair[1] if even is pair[0] else pair[0])

    def _take(self) -> None:
        even, odd = self._section.even.volume(), self._section.odd.volume()
        self._model.request = replace(self._model.request, even=even, odd=odd)
        self._look_at(DataChoice(even, odd))
        self._changed()

    def show_findings(self) -> None:
        """Say what may make the result wrong, with the tilts and the voxel size typed."""
        request = self._model.request
        choice = request.data
        method = loaded_method(request.model)
        found = examined_data(
            choice,
            self._look,
            needs_wedge=method is not None and method.needs_wedge,
            learned=None if request.model.path is None else trained_on(request.model),
        )
        told = [found.problem] if found.problem else []
        self._section.warning.warn("\n⚠ ".join([*told, *found.warnings]))

    def _look_at(self, choice: DataChoice) -> None:
        self._look = DataLook()
        self.show_findings()
        if choice.even is None or choice.misfit():
            return
        name = tomogram_name_of(choice.even)
        self._background.start(
            "look",
            lambda: look_at_data(choice, name=name),
            answer=self._looked,
            failure=lambda error: self._looked(DataLook(trouble=str(error))),
        )

    def _looked(self, look: DataLook) -> None:
        self._look = look
        self.show_findings()

    def _is_result(self, volume: NamedVolume) -> bool:
        layer = self._volumes.layer_of(volume)
        origin = origin_of(layer) if layer is not None else None
        return origin is not None and bool(origin.label)

    def _change_queue(self, change: Callable[[list[QueueEntry]], None], entries: list[QueueEntry]) -> None:
        change(entries)
        self._changed()


__all__ = ["SourceControl", "SourceSection", "entry_words"]
