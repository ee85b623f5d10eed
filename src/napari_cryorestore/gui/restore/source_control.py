"""Connects the viewer's layers, the Tomogram section and the model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.examined_data import DataLook, examined_data, look_at_data
from napari_cryorestore.gui.layers import origin_of
from napari_cryorestore.gui.model_choice import known_method, trained_on
from napari_cryorestore.gui.named_volume import LayerVolumes, pair_of, tomogram_name_of
from napari_cryorestore.gui.restore.files import subjects_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.gui.restore.model import RestoreModel
    from napari_cryorestore.gui.restore.queue import Entry
    from napari_cryorestore.gui.restore.source_section import SourceSection


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
        self._look = DataLook()
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
        elif section.odd.volume() is None:
            self._choose_partner(section.even.volume())
        if before != (section.even.volume(), section.odd.volume()):
            self._take()

    def add_layers(self) -> None:
        """Put the layers chosen into the queue."""
        subject = self._model.wishes.subject
        if subject is None:
            self._complain("Choose half 1 first: open a tomogram, or add files.")
            return
        self._model.add([subject])
        self._changed()

    def add_files(self) -> None:
        """Ask for files and put them into the queue, halves paired."""
        paths = dialogs.choose_tomograms(self._section)
        try:
            self._model.add(subjects_from(paths))
        except (ValueError, OSError) as error:
            self._complain(str(error))
        self._changed()

    def leave(self) -> None:
        """Listen to the viewer no longer."""
        self._volumes.disconnect()

    def _edited(self) -> None:
        even, before = self._section.even.volume(), self._model.wishes.even
        if even is not before:
            self._choose_partner(even)
        self._take()

    def _choose_partner(self, even: NamedVolume | None) -> None:
        halves = [volume for volume in self._volumes.halves() if not self._is_result(volume)]
        pair = pair_of(halves, even) if even is not None else None
        self._section.odd.choose(None if pair is None else pair[1] if even is pair[0] else pair[0])

    def _take(self) -> None:
        even, odd = self._section.even.volume(), self._section.odd.volume()
        self._model.wishes = replace(self._model.wishes, even=even, odd=odd)
        self._look_at(DataChoice(even, odd))
        self._changed()

    def show_findings(self) -> None:
        """Say what may make the result wrong, with the tilts and the voxel size typed."""
        wishes = self._model.wishes
        choice = wishes.data
        method = known_method(wishes.model)
        found = examined_data(
            choice,
            self._look,
            needs_wedge=method is not None and method.needs_wedge,
            learned=None if wishes.model.path is None else trained_on(wishes.model),
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

    def _change_queue(self, change: Callable[[list[Entry]], None], entries: list[Entry]) -> None:
        change(entries)
        self._changed()


__all__ = ["SourceControl"]
