"""The Data section: which layers are the halves, and how tomograms were recorded."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from napari_cryorestore.examination import range_words
from napari_cryorestore.gui.data_choice import DataChoice, completed, with_even
from napari_cryorestore.gui.editors import VolumeCombo, combo_box
from napari_cryorestore.gui.examined_data import DataLook, ExaminedData, look_at_data
from napari_cryorestore.gui.forms import LABEL_WIDTH
from napari_cryorestore.gui.named_volume import LayerVolumes, pair_of
from napari_cryorestore.gui.panel_layout import SentenceLabel, add_row, grid_of
from napari_cryorestore.gui.preferences import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari import Viewer
    from napari.layers import Layer

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.gui.train.more_tomograms import AdditionalTomogram

MASK_TIP = "A volume that is above 0 where training crops may lie; optional."
TILT_TIP = (
    "Lowest and highest tilt angle of the final alignment, e.g. −60 and 60; empty takes those of a file "
    "beside half 1, or else what the spectrum shows."
)
AXIS_TIP = "The axis about which the specimen was tilted; auto takes what the spectrum shows."
TILT_AXES = ("auto", "y", "x")
_TEXTS = ("voxel_size", "tilt_min", "tilt_max")


class DataSection(QWidget):
    """Edits a `DataChoice`.

    Attributes
    ----------
    value_changed
        Emitted after every edit by the user.
    open_requested : Path
        The file of the other half is to be opened.
    """

    value_changed = Signal()
    open_requested = Signal(Path)

    def __init__(self) -> None:
        super().__init__()
        self._examined = ExaminedData()
        self._other_half: Path | None = None
        self.even, self.odd, self.region = VolumeCombo(), VolumeCombo(), VolumeCombo()
        self.swap = QPushButton("⇅")
        self.swap.setToolTip("Swap half 1 and half 2.")
        self.swap.setFixedWidth(30)
        self.open_other = QPushButton()
        self.voxel_size, self.tilt_min, self.tilt_max = QLineEdit(), QLineEdit(), QLineEdit()
        self.use_detected = QPushButton()
        self.tilt_axis = combo_box()
        self.tilt_axis.addItems(TILT_AXES)
        self.line, self.warning, self.tilt_line = SentenceLabel(), SentenceLabel(), SentenceLabel()
        self._lay_out()
        self._explain()
        self._connect()
        for button in (self.open_other, self.use_detected):
            button.hide()

    def value(self) -> DataChoice:
        """Return what is chosen and typed."""
        return DataChoice(
            even=self.even.volume(),
            odd=self.odd.volume(),
            mask=self.region.volume(),
            voxel_size=self.voxel_size.text(),
            tilt_min=self.tilt_min.text(),
            tilt_max=self.tilt_max.text(),
            tilt_axis=self.tilt_axis.currentText(),
        )

    def setValue(self, choice: DataChoice) -> None:
        """Show a choice, without announcing it."""
        combos = ((self.even, choice.even), (self.odd, choice.odd), (self.region, choice.mask))
        for combo, volume in combos:
            combo.choose(volume)
        size = choice.even.voxel_size if choice.even is not None else None
        self.voxel_size.setPlaceholderText(f"{size:.4g}" if size else "unknown")
        texts = (
            (self.voxel_size, choice.voxel_size),
            (self.tilt_min, choice.tilt_min),
            (self.tilt_max, choice.tilt_max),
        )
        for field, text in texts:
            if field.text() != text:
                field.setText(text)
        self.tilt_axis.setCurrentText(choice.tilt_axis)

    def offer(self, halves: Sequence[NamedVolume], masks: Sequence[NamedVolume]) -> None:
        """List the volumes that can be chosen; what was chosen stays if it is still there."""
        self.even.offer(halves)
        self.odd.offer(halves)
        self.region.offer(masks)

    def show_examination(self, found: ExaminedData | None, *, problems: Sequence[str]) -> None:
        """Say what the volumes told, where the tilt range is from, and what is wrong."""
        self._examined = found or ExaminedData()
        self.line.say("\n".join(words for words in (self._examined.line, *self._examined.notes) if words))
        self.warning.warn("\n⚠ ".join([*problems, *self._examined.warnings]))
        self.tilt_line.say(self._examined.tilt_words)
        for field, hint in zip((self.tilt_min, self.tilt_max), self._examined.tilt_hints, strict=True):
            field.setPlaceholderText(hint)
        self.use_detected.setVisible(self._examined.contradicts)
        if self._examined.detected is not None:
            seen = range_words(self._examined.detected)
            self.use_detected.setText(f"Use {seen}, axis {self._examined.detected_axis}")

    def offer_other_half(self, path: Path | None) -> None:
        """Offer to open the file of the other half, if there is one."""
        self._other_half = path
        self.open_other.setVisible(path is not None)
        if path is not None:
            self.open_other.setText(f"Open {path.name}")

    def take_detected(self) -> None:
        """Put what the spectrum shows into the fields."""
        if self._examined.detected is None:
            return
        low, high = (f"{angle:g}" for angle in self._examined.detected)
        axis = self._examined.detected_axis
        self.blockSignals(True)
        self.setValue(replace(self.value(), tilt_min=low, tilt_max=high, tilt_axis=axis))
        self.blockSignals(False)
        self.value_changed.emit()

    # -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        grid = grid_of(self)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        add_row(grid, "half 1", self.even)
        add_row(grid, "half 2", self.odd, self.swap)
        add_row(grid, "mask", self.region)
        add_row(grid, "voxel size (Å)", self.voxel_size)
        add_row(grid, "tilt range (°)", self.tilt_min, QLabel("…"), self.tilt_max)
        add_row(grid, "tilt axis", self.tilt_axis)
        below = (self.tilt_line, self.use_detected, self.line, self.warning, self.open_other)
        for widget in below:
            grid.addWidget(widget, grid.rowCount(), 0, 1, 2)

    def _explain(self) -> None:
        self.even.setToolTip("The half map of the even frames or tilts, or the only map there is.")
        self.odd.setToolTip("The half map of the odd frames or tilts; none where there is only one map.")
        self.region.setToolTip(MASK_TIP)
        self.voxel_size.setToolTip("Edge of a voxel in Å; empty takes that of half 1.")
        for field in (self.tilt_min, self.tilt_max):
            field.setToolTip(TILT_TIP)
        self.tilt_axis.setToolTip(AXIS_TIP)
        self.use_detected.setToolTip("Take the tilt range and axis that the spectrum shows.")

    def _connect(self) -> None:
        for combo in (self.even, self.odd, self.region):
            combo.activated.connect(self.value_changed)
        for field in (self.voxel_size, self.tilt_min, self.tilt_max):
            field.textEdited.connect(self.value_changed)
        self.tilt_axis.activated.connect(self.value_changed)
        self.use_detected.clicked.connect(self.take_detected)
        self.swap.clicked.connect(self._swap)
        self.open_other.clicked.connect(self._open)

    def _swap(self) -> None:
        even, odd = self.even.volume(), self.odd.volume()
        self.even.choose(odd)
        self.odd.choose(even)
        self.value_changed.emit()

    def _open(self) -> None:
        if self._other_half is not None:
            self.open_requested.emit(self._other_half)


class RecordingForm(QWidget):
    """Edits voxel size, tilt range, tilt axis and mask of one tomogram, or all but the mask of several.

    Attributes
    ----------
    edited : str, str
        The user changed a field of `DataChoice`, and what it holds now.
    mask_requested : bool
        Whether a mask is to be chosen, or none.
    """

    edited = Signal(str, str)
    mask_requested = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.fields = {name: QLineEdit() for name in _TEXTS}
        self.tilt_axis = combo_box()
        self.tilt_axis.addItems(TILT_AXES)
        self.region, self.browse, self.drop = QLineEdit(), QToolButton(), QToolButton()
        self._lay_out()
        for name, field in self.fields.items():
            field.textEdited.connect(partial(self.edited.emit, name))
        self.tilt_axis.activated.connect(
            lambda _: self.edited.emit("tilt_axis", self.tilt_axis.currentText())
        )
        self.browse.clicked.connect(lambda: self.mask_requested.emit(True))
        self.drop.clicked.connect(lambda: self.mask_requested.emit(False))

    def show_tomograms(self, items: Sequence[AdditionalTomogram]) -> None:
        """Show the first of those selected; the form hides while there is none that can be read."""
        items = [item for item in items if not item.trouble]
        self.setVisible(bool(items))
        if not items:
            return
        choice = items[0].choice
        size = choice.even.voxel_size if choice.even is not None else None
        seen = items[0].examination(needs_wedge=False) or ExaminedData()
        hints = (f"{size:.4g}" if size else "unknown", *seen.tilt_hints)
        for (name, field), hint in zip(self.fields.items(), hints, strict=True):
            if field.text() != getattr(choice, name):
                field.setText(getattr(choice, name))
            field.setPlaceholderText(hint)
        self.tilt_axis.setCurrentText(choice.tilt_axis)
        self.region.setText(choice.mask.name if choice.mask is not None else "")
        self.drop.setEnabled(choice.mask is not None)
        for widget in (self.region, self.browse, self.drop):
            widget.setVisible(len(items) == 1)
        self._mask_label.setVisible(len(items) == 1)

    def _lay_out(self) -> None:
        self.region.setReadOnly(True)
        self.region.setPlaceholderText("none")
        self.region.setToolTip(MASK_TIP)
        self.browse.setText("…")
        self.browse.setToolTip("Choose the file of a mask.")
        self.drop.setText("✕")
        self.drop.setToolTip("Train on it without a mask.")
        self.fields["voxel_size"].setToolTip("Edge of a voxel in Å; empty takes that of its half 1.")
        for name in ("tilt_min", "tilt_max"):
            self.fields[name].setToolTip(TILT_TIP)
        self.tilt_axis.setToolTip(AXIS_TIP)
        self._mask_label = QLabel("mask")
        grid = grid_of(self)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        add_row(grid, "voxel size (Å)", self.fields["voxel_size"])
        add_row(grid, "tilt range (°)", self.fields["tilt_min"], QLabel("…"), self.fields["tilt_max"])
        add_row(grid, "tilt axis", self.tilt_axis)
        add_row(grid, self._mask_label, self.region, self.browse, self.drop)


class DataControl:
    """Keeps section, layers and model in agreement.

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
            self._section.line.say(
                "Drop two half tomograms on the window, or one map, or choose their layers here."
            )
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
        """Stop listening to the viewer."""
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
        elif choice.odd is None:
            choice = replace(choice, single=before.single or before.odd is not None)
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


__all__ = ["AXIS_TIP", "MASK_TIP", "TILT_AXES", "TILT_TIP", "DataControl", "DataSection", "RecordingForm"]
