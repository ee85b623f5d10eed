"""Connects the Data section to the layers, the model and the threads that look at voxels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.gui.data_choice import DataChoice, completed, with_even
from napari_cryorestore.gui.examined_data import DataLook, look_at_data
from napari_cryorestore.gui.named_volume import LayerVolumes, pair_of
from napari_cryorestore.gui.preferences import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari import Viewer
    from napari.layers import Layer

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.gui.train.data_section import DataSection
    from napari_cryorestore.gui.train.model import TrainModel


class DataControl:
    """Keeps section, layers and model in step.

    Parameters
    ----------
    viewer
        Whose layers can be chosen.
    section, model, background
        What is connected.
    changed : callable
        Called after other data were chosen or typed.
    """

    def __init__(
        self,
        viewer: Viewer,
        section: DataSection,
        model: TrainModel,
        background: Background,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._viewer, self._section, self._model = viewer, section, model
        self._background, self._changed = background, changed
        self._volumes = LayerVolumes(viewer, self.take_layers)
        section.value_changed.connect(self._edited)
        section.open_requested.connect(self.open_file)
        self.take_layers()

    def take_layers(self) -> None:
        """List the layers there are, and choose for the user what can be chosen."""
        halves, masks = self._volumes.halves(), self._volumes.masks()
        self._section.blockSignals(True)
        self._section.offer(halves, masks)
        self._section.blockSignals(False)
        self._take(completed(self._model.choice, halves, masks))

    def show(self) -> None:
        """Show the model's data and what is known of them."""
        model = self._model
        self._section.setValue(model.choice)
        problems = model.data_problems() if model.choice.even is not None else []
        self._section.show_examination(model.examination, problems=problems)
        even, odd = model.choice.even, model.choice.odd
        self._section.offer_other_half(even.other_half if even is not None and odd is None else None)
        if model.choice.even is None:
            self._section.line.say("Drop two half tomograms on the window, or choose their layers here.")
        elif model.look is None and not problems:
            self._section.line.say("Looking at the data…")

    def layer(self) -> Layer | None:
        """Return the layer of half 1."""
        even = self._model.choice.even
        return self._volumes.layer_of(even) if even is not None else None

    def has(self, path: Path) -> bool:
        """Tell whether a file is open as a layer."""
        return self._volume_of(path) is not None

    def open_pairs(self) -> list[tuple[NamedVolume, NamedVolume]]:
        """Return the pairs of halves among the layers, told by their names."""
        halves = self._volumes.halves()
        return [pair for half in halves if (pair := pair_of(halves, half)) is not None and pair[0] is half]

    def choose_pair(self, even: Layer | None, odd: Layer | None) -> None:
        """Choose two layers as halves, if they are there."""
        volumes = {self._volumes.layer_of(half): half for half in self._volumes.halves()}
        if even in volumes and odd in volumes:
            choice = with_even(self._model.choice, volumes[even], self._volumes.halves())
            self._take(replace(choice, odd=volumes[odd]))

    def choose_files(self, even: Path, odd: Path | None, mask: Path | None) -> None:
        """Choose the layers of files; those that are not open are left out."""
        volumes = [None if path is None else self._volume_of(path) for path in (even, odd, mask)]
        self._take(DataChoice(volumes[0], volumes[1], volumes[2]))

    def choose(self, choice: DataChoice) -> None:
        """Choose data with all that was typed for them; files that are not open are opened as layers."""
        for volume in choice.volumes:
            if volume.path is not None and not self.has(volume.path):
                self.open_file(volume.path)
        even, odd, mask = (self._shown(volume) for volume in (choice.even, choice.odd, choice.mask))
        if even is not None:
            self._take(replace(choice, even=even, odd=odd, mask=mask))

    def open_file(self, path: Path) -> None:
        """Open a tomogram as a layer, with this plugin's reader."""
        try:
            self._viewer.open([str(path)], plugin=PLUGIN)
        except (OSError, ValueError) as error:
            self._section.warning.warn(str(error))

    def leave(self) -> None:
        """Listen to the viewer no longer."""
        self._volumes.disconnect()

    def _volume_of(self, path: Path) -> NamedVolume | None:
        paths = {volume.path.resolve(): volume for volume in self._volumes.masks() if volume.path is not None}
        return paths.get(path.resolve())

    def _shown(self, volume: NamedVolume | None) -> NamedVolume | None:
        """Return the layer's volume of one that was opened without a layer."""
        if volume is None:
            return None
        if volume.path is not None:
            return self._volume_of(volume.path)
        return next((one for one in self._volumes.masks() if one.data is volume.data), None)

    def _edited(self) -> None:
        choice, before = self._section.value(), self._model.choice
        if choice.even is not before.even and choice.odd is before.odd:
            choice = with_even(choice, choice.even, self._volumes.halves())
        self._take(choice)

    def _take(self, choice: DataChoice) -> None:
        model = self._model
        model.choose_data(choice)
        if model.look is None and choice.even is not None and not choice.misfit():
            name = model.tomogram_name
            self._background.start(
                "examination",
                lambda: (choice, look_at_data(choice, name=name)),
                answer=self._looked,
                failure=lambda error: self._looked((choice, DataLook(trouble=str(error)))),
            )
        self.show()
        self._changed()

    def _looked(self, answer: tuple[DataChoice, DataLook]) -> None:
        if self._model.take_look(*answer):
            self.show()
            self._changed()


__all__ = ["DataControl"]
