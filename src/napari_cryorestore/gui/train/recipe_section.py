"""The sections made from configurations: method, network, schedule, hardware, preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from napari_cryorestore.config import Config, settings_of
from napari_cryorestore.gui.devices import AUTOMATIC_DEVICE, Device, list_devices
from napari_cryorestore.gui.editors import Editor, check_box_between, combo_box, grey_items
from napari_cryorestore.gui.forms import ConfigForm, labelled_row
from napari_cryorestore.gui.panel_layout import Fold, SentenceLabel
from napari_cryorestore.gui.train.preview_place import PLACE_SENTENCES, PLACE_TITLES
from napari_cryorestore.gui.train.suitability import refusals_in_words
from napari_cryorestore.gui.train.work_estimate import WorkEstimator
from napari_cryorestore.gui.typed_values import read_numbers, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.gui.train.preview_place import Place
    from napari_cryorestore.gui.train.recipes import Choice, Recipes
    from napari_cryorestore.gui.train.suitability import Refusal
    from napari_cryorestore.gui.train.work_estimate import WorkEstimate

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
        """Return the place chosen for the preview block."""
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
            "schedule": Fold("Schedule", _column(labelled_row("preset", self.presets), self.schedule)),
            "hardware": Fold("Hardware", _column(self.hardware, self.memory)),
            "snapshots": Fold(
                "Preview",
                _column(
                    labelled_row("place", self.place), self.position, self.place_sentence, self.snapshots
                ),
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


class KindSection(QWidget):
    """A combo box of kinds where there are several, a sentence about the chosen one, and its form.

    Attributes
    ----------
    kind_chosen : str
        The user chose another kind.
    value_changed
        The user edited the form.
    """

    kind_chosen = Signal(str)
    value_changed = Signal()

    def __init__(self, what: str) -> None:
        super().__init__()
        self._choices: Mapping[str, Choice] = {}
        self.form = ConfigForm(Config)
        self.combo = combo_box()
        self.sentence, self.refused, self.rule = SentenceLabel(), SentenceLabel(), SentenceLabel()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        self._choice = QWidget()
        self._choice.setLayout(labelled_row(what, self.combo))
        self._layout.addWidget(self._choice)
        self._layout.addWidget(self.refused)
        self._layout.addWidget(self.sentence)
        self._layout.addWidget(self.rule)
        self._layout.addWidget(self.form)
        self.combo.activated.connect(self._choose)

    def offer(self, choices: Mapping[str, Choice]) -> None:
        """List the kinds; one alone is no choice."""
        self._choices = choices
        self.combo.clear()
        for choice in choices.values():
            self.combo.addItem(choice.title, choice.name)
        self._choice.setVisible(len(choices) > 1)

    def refuse(self, refused: Mapping[str, Refusal]) -> None:
        """Grey what cannot be chosen, with the reason as its tip, and say so in one sentence."""
        rows = {self.combo.findData(name): refusal.sentence for name, refusal in refused.items()}
        grey_items(self.combo, rows)
        self.refused.say(refusals_in_words(refused, self._choices))

    def show_value(self, value: Config) -> None:
        """Show a configuration in the form of its kind, without announcing it."""
        choice = self._choices[getattr(value, "kind", "")]
        self.combo.setCurrentIndex(self.combo.findData(choice.name))
        self.sentence.say(choice.sentence)
        if self.form.config is not choice.config:
            self._exchange_form(choice.config)
        self.form.blockSignals(True)
        self.form.setValue(value)
        self.form.blockSignals(False)

    def _exchange_form(self, config: type[Config]) -> None:
        form = ConfigForm(config)
        self._layout.replaceWidget(self.form, form)
        self.form.hide()
        self.form.deleteLater()
        self.form = form
        form.value_changed.connect(self.value_changed)

    def _choose(self, index: int) -> None:
        self.kind_chosen.emit(self.combo.itemData(index))


class RecipeControl:
    """Keeps section and model in agreement.

    Parameters
    ----------
    section, model, background
        What is connected.
    changed : callable
        Called after the model's recipe changed.
    expect : callable
        Given, in words, what training will take.
    """

    def __init__(
        self,
        section: RecipeSection,
        model: TrainModel,
        background: Background,
        *,
        changed: Callable[[], None],
        expect: Callable[[str], None],
    ) -> None:
        self._section, self._model, self._background = section, model, background
        self._changed = changed
        self._devices: tuple[Device, ...] = ()
        self._expect = expect
        self._estimator = WorkEstimator(model, background, say=self._say_estimate)
        section.method_chosen.connect(lambda kind: self._choose(model.choose_method, kind))
        section.network_chosen.connect(lambda kind: self._choose(model.choose_network, kind))
        section.preset_chosen.connect(lambda name: self._choose(model.choose_preset, name))
        section.section_edited.connect(self._edited)
        section.place_edited.connect(self._moved)
        self.show()
        background.start("devices", list_devices, answer=self._take_devices, failure=self._no_devices)

    def show(self) -> None:
        """Show the model's recipe."""
        self._section.show_model(self._model)
        self.judge()

    def judge(self) -> None:
        """Grey what cannot run on the data chosen, and estimate anew what training takes."""
        refused = self._model.refused()
        self._section.method.refuse(refused["method"])
        self._section.network.refuse(refused["network"])
        self._section.network.rule.say(self._model.crop_rule())
        self.estimate()

    def estimate(self) -> None:
        """Estimate what training takes anew if something changed that it depends on."""
        self._estimator.estimate(self._device())

    def leave(self) -> None:
        """End what nobody waits for any more."""
        self._estimator.cancel()

    def _choose(self, choose: Callable[[str], None], name: str) -> None:
        choose(name)
        self.show()
        self._changed()

    def _edited(self, section: str) -> None:
        form = self._section.forms[section]
        if form.problem:
            self._model.refuse(section, form.problem)
        else:
            self._model.put(section, form.value())
        self._section.show_preset(self._model.preset)
        self._section.show_summaries(self._model)
        self.judge()
        self._changed()

    def _moved(self) -> None:
        self._model.place = self._section.chosen_place()
        if self._model.place == "typed":
            self._model.position = self._section.typed_position()
        self._section.show_summaries(self._model)
        self._changed()

    def _device(self) -> Device:
        name = getattr(self._model.sections["hardware"], "device", "auto")
        return next((device for device in self._devices if device.name == name), Device(name, name))

    def _take_devices(self, devices: Sequence[Device]) -> None:
        self._devices = tuple(devices)
        self._section.offer_devices(self._devices)
        self._section.show_summaries(self._model)
        self.estimate()

    def _no_devices(self, error: BaseException) -> None:
        self._section.offer_devices((Device("auto", "automatic"), Device("cpu", "CPU")))
        self._section.memory.warn(f"The devices could not be listed: {error}")

    def _say_estimate(self, known: WorkEstimate) -> None:
        label = self._section.memory
        (label.warn if known.does_not_fit else label.say)(known.memory_words())
        self._expect(known.words())


__all__ = ["CUSTOM_TITLE", "KindSection", "RecipeControl", "RecipeSection"]
