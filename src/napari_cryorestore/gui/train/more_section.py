"""The section of more tomograms: what is trained on besides the one chosen above it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QPushButton, QVBoxLayout, QWidget

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.examined_data import DataLook, look_at_data
from napari_cryorestore.gui.named_volume import volume_from
from napari_cryorestore.gui.panel_layout import SentenceLabel, side_by_side
from napari_cryorestore.gui.train.data_section import RecordingForm
from napari_cryorestore.gui.train.more_tomograms import (
    AdditionalTomogram,
    from_files,
    from_folder,
    from_volumes,
    names_in_list,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.gui.train.data_section import DataControl
    from napari_cryorestore.gui.train.model import TrainModel

_ROWS_SHOWN = 6


class MoreSection(QWidget):
    """Lists tomograms, and edits how those selected were recorded.

    Attributes
    ----------
    add_requested : str
        What to add: ``files``, a ``folder`` of pairs, or the ``layers`` that are open.
    remove_requested, preview_requested
        Those selected are to leave the list, or the one selected is to be previewed.
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
        self, items: Sequence[AdditionalTomogram], *, first: DataChoice | None, name: str
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
        listed = ", ".join(names) or "none that is not in use already"
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
            "Swap it with the tomogram above: previews and quality numbers are of that one."
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


class MoreControl:
    """Keeps section and model in agreement, and looks at every tomogram that is added.

    Parameters
    ----------
    section, model, background
        What is connected.
    data : DataControl
        Knows the layers, and the tomogram that is previewed.
    changed : callable
        Called after what is trained on has changed.
    """

    def __init__(
        self,
        section: MoreSection,
        model: TrainModel,
        background: Background,
        *,
        data: DataControl,
        changed: Callable[[], None],
    ) -> None:
        self._section, self._model, self._background = section, model, background
        self._data, self._changed = data, changed
        self._numbers = count()
        section.add_requested.connect(self.add)
        section.remove_requested.connect(self.remove)
        section.preview_requested.connect(self.preview)
        section.selected.connect(self.show)
        section.form.edited.connect(self._edit)
        section.form.mask_requested.connect(self._choose_mask)

    def show(self) -> None:
        """Show the model's additional tomograms, and look at those that nobody has looked at."""
        model = self._model
        items = model.more_tomograms
        first = model.choice if model.choice.even is not None else None
        self._section.show_tomograms(items, first=first, name=model.tomogram_name)
        self._section.offer_layers([item.name for item in self._open_pairs()])
        self._look()

    def summary(self) -> str:
        """Return what is trained on besides, in a few words."""
        names, open_pairs = [item.name for item in self._model.more_tomograms], len(self._open_pairs())
        if names:
            return f"{len(names)}: {', '.join(names)}"
        return "none" + (f"; {open_pairs} more open" if open_pairs else "")

    def add(self, what: str) -> None:
        """Let the user choose ``files`` or a ``folder`` to open, or take the ``layers`` that are open."""
        if what == "layers":
            self._take(self._open_pairs())
            return
        if what == "folder":
            folder = dialogs.choose_pairs_folder(self._section)
            if folder is not None:
                self._open(partial(from_folder, folder))
            return
        paths = dialogs.choose_tomograms(self._section, "Half tomograms to train on")
        if paths:
            self._open(partial(from_files, paths))

    def remove(self) -> None:
        """Train without the tomograms selected."""
        gone = self._chosen()
        self._section.list.clearSelection()
        self._model.others = tuple(item for item in self._model.others if item not in gone)
        self._changed()

    def preview(self) -> None:
        """Swap the tomogram selected with the one chosen above."""
        (item,) = self._chosen()
        model = self._model
        before = AdditionalTomogram(model.tomogram_name, model.choice, model.look)
        self._section.list.clearSelection()
        self._data.choose(item.choice)
        if not item.is_same_as(model.choice):
            self._section.busy.warn(f"{item.name} cannot be shown: open its halves first.")
            return
        others = [before if one is item else one for one in model.others]
        model.others = tuple(others)
        self._changed()

    # -------------------------------------------------------------------------------------------------

    def _open(self, read: Callable[[], list[AdditionalTomogram]]) -> None:
        self._section.busy.say("Opening…")
        name = f"further {next(self._numbers)}"  # some may be added while others are being opened
        self._background.start(name, read, answer=self._take, failure=self._refuse)

    def _open_pairs(self) -> list[AdditionalTomogram]:
        known = (self._model.choice, *(item.choice for item in self._model.others))
        found = [from_volumes(*pair) for pair in self._data.open_pairs()]
        new = [item for item in found if not any(item.is_same_as(choice) for choice in known)]
        return [replace(item, name=name) for item, name in zip(new, names_in_list(new), strict=True)]

    def _take(self, new: Sequence[AdditionalTomogram]) -> None:
        before = len(self._model.others)
        self._model.add(new)
        added = len(self._model.others) - before
        self._section.busy.say("" if added else "Nothing new: these are trained on already.")
        self._changed()

    def _refuse(self, error: BaseException) -> None:
        self._section.busy.warn(str(error))

    def _chosen(self) -> list[AdditionalTomogram]:
        items = self._model.more_tomograms
        return [items[row] for row in self._section.chosen() if row < len(items)]

    def _edit(self, field: str, text: str) -> None:
        changed: dict[str, Any] = {field: text}
        self._change(lambda item: replace(item, choice=replace(item.choice, **changed)))

    def _choose_mask(self, chosen: bool) -> None:
        path = dialogs.choose_volume(self._section, "Mask") if chosen else None
        if chosen and path is None:
            return
        try:
            mask = volume_from(path) if path is not None else None
        except (ValueError, OSError) as error:
            self._refuse(error)
            return
        self._change(lambda item: replace(item, choice=replace(item.choice, mask=mask), look=None))

    def _change(self, edit: Callable[[AdditionalTomogram], AdditionalTomogram]) -> None:
        chosen = self._chosen()
        self._model.others = tuple(edit(item) if item in chosen else item for item in self._model.others)
        self._changed()

    def _look(self) -> None:
        """Look at the next tomogram, one after the other."""
        unseen = (item for item in self._model.more_tomograms if item.look is None and not item.trouble)
        item = next(unseen, None)
        if item is None or self._background.busy("look at further"):
            return
        choice = item.choice
        self._background.start(
            "look at further",
            lambda: (choice, DataLook() if choice.misfit() else look_at_data(choice, name=item.name)),
            answer=self._seen,
            failure=lambda error: self._seen((choice, DataLook(trouble=str(error)))),
        )

    def _seen(self, answer: tuple[DataChoice, DataLook]) -> None:
        choice, look = answer
        self._model.others = tuple(
            replace(item, look=look) if item.choice.is_of_same_volumes(choice) else item
            for item in self._model.others
        )
        self._changed()


__all__ = ["MoreControl", "MoreSection"]
