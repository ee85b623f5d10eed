"""Connects the Data section to the layers, the model and the threads that look at voxels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.gui.data_choice import DataChoice, completed, with_even
from napari_cryorestore.gui.layer_volumes import LayerVolumes
from napari_cryorestore.gui.preferences import PLUGIN
from napari_cryorestore.gui.train.examination import Examination, detect_tilt_range, examine
from napari_cryorestore.gui.volume import pair_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari import Viewer
    from napari.layers import Layer

    from napari_cryorestore.gui.background import Background
    from napari_cryorestore.gui.train.data_section import DataSection
    from napari_cryorestore.gui.train.examination import Detection
    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.gui.volume import Volume


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
        section.detect_requested.connect(self._detect)
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
        if model.choice.even is None:
            self._section.line.say("Drop two half tomograms on the window, or choose their layers here.")
        elif model.examination is None and not problems:
            self._section.line.say("Looking at the data…")

    def layer(self) -> Layer | None:
        """Return the layer of half 1."""
        even = self._model.choice.even
        return self._volumes.layer_of(even) if even is not None else None

    def has(self, path: Path) -> bool:
        """Tell whether a file is open as a layer."""
        return self._volume_of(path) is not None

    def open_pairs(self) -> list[tuple[Volume, Volume]]:
        """Return the pairs of halves among the layers, told by their names."""
        halves = self._volumes.halves()
        return [pair for half in halves if (pair := pair_of(halves, half)) is not None and pair[0] is half]

    def choose_files(self, even: Path, odd: Path | None, mask: Path | None) -> None:
        """Choose the layers of files; those that are not open are left out."""
        volumes = [None if path is None else self._volume_of(path) for path in (even, odd, mask)]
        self._take(replace(self._model.choice, even=volumes[0], odd=volumes[1], mask=volumes[2]))

    def choose(self, choice: DataChoice) -> None:
        """Choose data with all that was typed for them; files that are not open are opened as layers."""
        for volume in choice.volumes:
            if volume.path is not None and not self.has(volume.path):
                self.open_file(volume.path)
        even, odd, mask = (self._shown(volume) for volume in (choice.even, choice.odd, choice.mask))
        if even is not None:
            self._take(replace(choice, even=even, odd=odd, mask=mask), recorded=True)

    def open_file(self, path: Path) -> None:
        """Open a tomogram as a layer, with this plugin's reader."""
        try:
            self._viewer.open([str(path)], plugin=PLUGIN)
        except (OSError, ValueError) as error:
            self._section.warning.warn(str(error))

    def leave(self) -> None:
        """Listen to the viewer no longer."""
        self._volumes.disconnect()

    def _volume_of(self, path: Path) -> Volume | None:
        paths = {volume.path.resolve(): volume for volume in self._volumes.masks() if volume.path is not None}
        return paths.get(path.resolve())

    def _shown(self, volume: Volume | None) -> Volume | None:
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

    def _take(self, choice: DataChoice, *, recorded: bool = False) -> None:
        before = self._model.choice
        self._model.choose_data(choice, recorded=recorded)
        if choice.even is not before.even:
            self._section.show_detection(None)
        if self._model.examination is None and choice.even is not None and not choice.misfit():
            self._background.start(
                "examination",
                lambda: (choice, examine(choice)),
                answer=self._examined,
                failure=lambda error: self._examined((choice, Examination(problem=str(error)))),
            )
        self.show()
        self._changed()

    def _examined(self, answer: tuple[DataChoice, Examination]) -> None:
        if self._model.take_examination(*answer):
            self.show()

    def _detect(self) -> None:
        choice = self._model.choice
        self._section.show_detecting()
        self._background.start(
            "detect",
            lambda: (choice, detect_tilt_range(choice)),
            answer=self._detected,
            failure=self._not_detected,
        )

    def _detected(self, answer: tuple[DataChoice, Detection]) -> None:
        choice, found = answer
        if choice.even is not self._model.choice.even:
            self._section.show_detection(None)
            return
        self._section.show_detection(found)
        now = self._model.choice
        if found.reliable and not (now.tilt_min.strip() or now.tilt_max.strip()):
            low, high = f"{found.tilt_min:g}", f"{found.tilt_max:g}"
            self._take(replace(now, tilt_min=low, tilt_max=high, tilt_axis=found.tilt_axis))

    def _not_detected(self, error: BaseException) -> None:
        self._section.show_detection(None)
        self._section.tilt_line.warn(str(error))


__all__ = ["DataControl"]
