"""The sections below the data, made from configurations: method, network, schedule, hardware, preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from napari_cryorestore.config import Config, settings_of
from napari_cryorestore.gui.devices import AUTOMATIC_DEVICE
from napari_cryorestore.gui.editors import Editor, check_box_between, combo_box
from napari_cryorestore.gui.forms import ConfigForm, labelled
from napari_cryorestore.gui.panel_layout import Fold, SentenceLabel
from napari_cryorestore.gui.train.kind_section import KindSection
from napari_cryorestore.gui.train.preview_place import PLACE_SENTENCES, PLACE_TITLES
from napari_cryorestore.gui.typed_values import read_numbers, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.gui.devices import Device
    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.gui.train.preview_place import Place
    from napari_cryorestore.gui.train.recipes import Recipes

CUSTOM_TITLE = "custom"


class RecipeSection(QWidget):
    """Edits everything of a recipe but the data.

    Attributes
    ----------
    method_chosen, network_chosen, preset_chosen : str
        The user chose another one.
    section_edited : str
        The user edited the form of method, network, schedule, snapshots or hardware.
    place_edited
        The user moved the preview block.
    """

    method_chosen = Signal(str)
    network_chosen = Signal(str)
    preset_chosen = Signal(str)
    section_edited = Signal(str)
    place_edited = Signal()

    def __init__(self, recipes: Recipes) -> None:
        super().__init__()
        self.method, self.network = KindSection("method"), KindSection("network")
        self.method.offer(recipes.methods)
        self.network.offer(recipes.networks)
        self.presets = combo_box()
        self._recipes = recipes
        self.presets.setToolTip("Sets method, network, schedule and preview; any change makes it custom.")
        self._device = combo_box()
        end = check_box_between("when agreement falls", checked="held-out", unchecked="steps")
        self.schedule = ConfigForm(recipes.section("schedule"), editors={"end": end})
        self.hardware = ConfigForm(recipes.section("hardware"), editors={"device": self._device_editor()})
        self.snapshots = ConfigForm(recipes.section("snapshots"), hidden={"held_out", "position"})
        self.place, self.position = combo_box(), QLineEdit()
        self.place_sentence, self.memory = SentenceLabel(), SentenceLabel()
        self.folds = self._folds()
        self._lay_out()
        self._connect()

    @property
    def forms(self) -> dict[str, ConfigForm]:
        """The forms by section."""
        return {
            "method": self.method.form,
            "network": self.network.form,
            "schedule": self.schedule,
            "snapshots": self.snapshots,
            "hardware": self.hardware,
        }

    def show_model(self, model: TrainModel) -> None:
        """Show every value of a model, without announcing it."""
        self.method.show_value(model.sections["method"])
        self.network.show_value(model.sections["network"])
        for name in ("schedule", "snapshots", "hardware"):
            form = self.forms[name]
            form.blockSignals(True)
            form.setValue(model.sections[name])
            form.blockSignals(False)
        self._offer_presets(self._recipes.presets(model.method, model.network))
        self.show_preset(model.preset)
        self.place.setCurrentIndex(self.place.findData(model.place))
        self._show_place()
        if model.place == "typed" and not self.position.hasFocus():
            self.position.setText(to_text(model.position))
        self.show_summaries(model)

    def show_preset(self, name: str) -> None:
        """Show which preset the values are."""
        custom = self.presets.findData("")
        if name == "" and custom < 0:
            self.presets.addItem(CUSTOM_TITLE, "")
        elif name and custom >= 0:
            self.presets.removeItem(custom)
        self.presets.setCurrentIndex(self.presets.findData(name))

    def _offer_presets(self, titles: dict[str, str]) -> None:
        """List the presets of the method and the network chosen."""
        self.presets.clear()
        for name, title in titles.items():
            self.presets.addItem(title, name)

    def show_summaries(self, model: TrainModel) -> None:
        """Say in the headings what is folded away."""
        sections = model.sections
        preset = self.presets.currentText()
        every = getattr(sections["snapshots"], "every", 0)
        words = {
            "method": self.method.combo.currentText(),
            "network": f"{self.network.combo.currentText()} · {_words(sections['network'], 2)}",
            "schedule": f"{preset} · {_words(sections['schedule'], 2)}",
            "hardware": self._device.currentText(),
            "snapshots": f"{PLACE_TITLES[model.place]} · every {every} steps",
        }
        for name, fold in self.folds.items():
            fold.set_summary(words[name])

    def offer_devices(self, devices: Sequence[Device]) -> None:
        """List the devices; the chosen one stays chosen."""
        chosen = self._device.currentData() or AUTOMATIC_DEVICE.name
        self._device.blockSignals(True)
        self._device.clear()
        for device in devices:
            self._device.addItem(device.title, device.name)
        self._write_device(chosen)
        self._device.blockSignals(False)

    def typed_position(self) -> tuple[float, ...] | None:
        """Return the voxel typed as the preview's place; ``None`` if it is not three numbers."""
        numbers = read_numbers(self.position.text())
        return numbers if numbers is not None and len(numbers) == 3 else None

    def chosen_place(self) -> Place:
        """Return where the preview block shall lie."""
        place: Place = self.place.currentData()
        return place

    # -------------------------------------------------------------------------------------------------

    def _folds(self) -> dict[str, Fold]:
        for name, title in PLACE_TITLES.items():
            self.place.addItem(title, name)
        self.position.setPlaceholderText("z, y, x")
        self.position.setToolTip("Centre of the preview block in voxels.")
        return {
            "method": Fold("Method", self.method),
            "network": Fold("Network", self.network),
            "schedule": Fold("Schedule", _column(labelled("preset", self.presets), self.schedule)),
            "hardware": Fold("Hardware", _column(self.hardware, self.memory)),
            "snapshots": Fold(
                "Preview",
                _column(labelled("place", self.place), self.position, self.place_sentence, self.snapshots),
            ),
        }

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for fold in self.folds.values():
            fold.make_bold()
            layout.addWidget(fold)
        self.folds["method"].unfold()
        self.folds["schedule"].unfold()

    def _connect(self) -> None:
        self.method.kind_chosen.connect(self.method_chosen)
        self.network.kind_chosen.connect(self.network_chosen)
        self.presets.activated.connect(lambda index: self.preset_chosen.emit(self.presets.itemData(index)))
        self.method.value_changed.connect(lambda: self.section_edited.emit("method"))
        self.network.value_changed.connect(lambda: self.section_edited.emit("network"))
        self.schedule.value_changed.connect(lambda: self.section_edited.emit("schedule"))
        self.snapshots.value_changed.connect(lambda: self.section_edited.emit("snapshots"))
        self.hardware.value_changed.connect(lambda: self.section_edited.emit("hardware"))
        self.place.activated.connect(self._move)
        self.position.textEdited.connect(self.place_edited)

    def _move(self) -> None:
        self._show_place()
        self.place_edited.emit()

    def _show_place(self) -> None:
        place = self.chosen_place()
        self.position.setVisible(place == "typed")
        self.place_sentence.say(PLACE_SENTENCES[place])

    def _device_editor(self) -> Editor:
        self._device.addItem("looking for GPUs…", AUTOMATIC_DEVICE.name)
        return Editor(
            self._device, self._device.currentData, self._write_device, self._device.currentIndexChanged
        )

    def _write_device(self, name: Any) -> None:
        if self._device.findData(name) < 0:
            self._device.addItem(str(name), name)
        self._device.setCurrentIndex(self._device.findData(name))


def _column(*parts: Any) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(3)
    for part in parts:
        (layout.addWidget if isinstance(part, QWidget) else layout.addLayout)(part)
    return page


def _words(config: Config, count: int) -> str:
    """Return the first few numbers of a configuration: ``32 features · 4 levels``."""
    numbers = [setting for setting in settings_of(type(config)) if setting.kind in (int, float)][:count]
    return " · ".join(f"{to_text(getattr(config, item.path[-1]))} {item.label}" for item in numbers)


__all__ = ["CUSTOM_TITLE", "RecipeSection"]
