"""Connects the list of further tomograms to the layers, the model and the threads that look at voxels."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.examined_data import DataLook, look_at_data
from napari_cryorestore.gui.named_volume import volume_from
from napari_cryorestore.gui.train.further import (
    FurtherTomogram,
    from_files,
    from_folder,
    from_volumes,
    told_apart,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.gui.train.data_control import DataControl
    from napari_cryorestore.gui.train.further_section import FurtherSection
    from napari_cryorestore.gui.train.model import TrainModel


class FurtherControl:
    """Keeps section and model in step, and looks at every tomogram that is added.

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
        section: FurtherSection,
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
        """Show the model's further tomograms, and look at those that nobody has looked at."""
        model = self._model
        items = model.further_tomograms
        first = model.choice if model.choice.even is not None else None
        self._section.show_tomograms(items, first=first, name=model.tomogram_name)
        self._section.offer_layers([item.name for item in self._open_pairs()])
        self._look()

    def summary(self) -> str:
        """Return what is trained on besides, in a few words."""
        names, open_pairs = [item.name for item in self._model.further_tomograms], len(self._open_pairs())
        if names:
            return f"{len(names)}: {', '.join(names)}"
        return "none" + (f"; {open_pairs} more open" if open_pairs else "")

    def add(self, what: str) -> None:
        """Ask for ``files`` or a ``folder`` and open what is found, or take the ``layers`` that are open."""
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
        """Exchange the tomogram selected with the one chosen above."""
        (item,) = self._chosen()
        model = self._model
        before = FurtherTomogram(model.tomogram_name, model.choice, model.look)
        self._section.list.clearSelection()
        self._data.choose(item.choice)
        if not item.is_same_as(model.choice):
            self._section.busy.warn(f"{item.name} cannot be shown: open its halves first.")
            return
        others = [before if one is item else one for one in model.others]
        model.others = tuple(others)
        self._changed()

    # -------------------------------------------------------------------------------------------------

    def _open(self, read: Callable[[], list[FurtherTomogram]]) -> None:
        self._section.busy.say("Opening…")
        name = f"further {next(self._numbers)}"  # some may be added while others are being opened
        self._background.start(name, read, answer=self._take, failure=self._refuse)

    def _open_pairs(self) -> list[FurtherTomogram]:
        known = (self._model.choice, *(item.choice for item in self._model.others))
        found = [from_volumes(*pair) for pair in self._data.open_pairs()]
        new = [item for item in found if not any(item.is_same_as(choice) for choice in known)]
        return [replace(item, name=name) for item, name in zip(new, told_apart(new), strict=True)]

    def _take(self, new: Sequence[FurtherTomogram]) -> None:
        before = len(self._model.others)
        self._model.add(new)
        added = len(self._model.others) - before
        self._section.busy.say("" if added else "Nothing new: these are trained on already.")
        self._changed()

    def _refuse(self, error: BaseException) -> None:
        self._section.busy.warn(str(error))

    def _chosen(self) -> list[FurtherTomogram]:
        items = self._model.further_tomograms
        return [items[row] for row in self._section.chosen() if row < len(items)]

    def _edit(self, field: str, text: str) -> None:
        changed: dict[str, Any] = {field: text}
        self._change(lambda item: replace(item, choice=replace(item.choice, **changed)))

    def _choose_mask(self, wanted: bool) -> None:
        path = dialogs.choose_volume(self._section, "Mask") if wanted else None
        if wanted and path is None:
            return
        try:
            mask = volume_from(path) if path is not None else None
        except (ValueError, OSError) as error:
            self._refuse(error)
            return
        self._change(lambda item: replace(item, choice=replace(item.choice, mask=mask), look=None))

    def _change(self, edit: Callable[[FurtherTomogram], FurtherTomogram]) -> None:
        chosen = self._chosen()
        self._model.others = tuple(edit(item) if item in chosen else item for item in self._model.others)
        self._changed()

    def _look(self) -> None:
        """Look at the next tomogram, one after the other."""
        unseen = (item for item in self._model.further_tomograms if item.look is None and not item.trouble)
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


__all__ = ["FurtherControl"]
