"""The Model section: which run or method restores, which step of it, and on which device."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QToolButton, QVBoxLayout, QWidget

from napari_cryorestore.config import settings_of
from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.devices import Device, list_devices
from napari_cryorestore.gui.editors import combo_box, grey_items
from napari_cryorestore.gui.forms import ConfigForm
from napari_cryorestore.gui.model_choice import (
    ModelChoice,
    load_methods,
    loaded_methods,
    loaded_untrained_methods,
    method_name_of,
)
from napari_cryorestore.gui.panel_layout import LABEL_WIDTH, SentenceLabel, add_row, grid_of
from napari_cryorestore.gui.preferences import preferences
from napari_cryorestore.io.pairing import tomogram_name
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from napari_cryorestore.background import Background
    from napari_cryorestore.config import Config
    from napari_cryorestore.gui.restore.model import RestoreModel
    from napari_cryorestore.gui.viewer_session import ViewerSession
    from napari_cryorestore.runs.chosen_step import ChosenStep

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_OPEN_WIDTH = 36  # the arrow of its menu needs room
_TOOLTIP = 3  # Qt.ItemDataRole.ToolTipRole, which both bindings take as a number
_DEVICES = {"auto": "automatic", "cpu": "cpu", "cuda": "cuda", "mps": "mps"}
"""What is offered until PyTorch is there to say what there is."""


class ModelSection(QWidget):
    """Edits a `ModelChoice`.

    Attributes
    ----------
    value_changed
        The user chose another model or step.
    settings_changed
        The user changed a setting of the method.
    open_requested : str
        Which dialog to open: ``run`` or ``weights``.
    """

    value_changed = Signal()
    settings_changed = Signal()
    open_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._models: list[ModelChoice] = []
        self._steps: list[int] = []
        self._devices: list[str] = []
        self.model, self.step, self.device = combo_box(), combo_box(), combo_box()
        self.model.setPlaceholderText("loading…")
        self.open, self.menu = QToolButton(), QMenu(self)
        self.line, self.warning = SentenceLabel(), SentenceLabel()
        self.settings: ConfigForm | None = None
        self.settings_line = SentenceLabel()
        self._lay_out()
        self.model.activated.connect(self.value_changed)
        self.step.activated.connect(self.value_changed)
        self.device.activated.connect(self.value_changed)

    def value(self) -> ModelChoice:
        """Return what is chosen."""
        row = self.model.currentIndex()
        chosen = self._models[row] if 0 <= row < len(self._models) else ModelChoice()
        return chosen if chosen.run is None else replace(chosen, step=self._step())

    def offer(self, models: Sequence[ModelChoice], chosen: ModelChoice) -> None:
        """List the methods, runs and weights that can be chosen; steps do not matter."""
        known = [replace(item, step=None) for item in models]
        if known != self._models:
            self._models = known
            self.model.clear()
            self.model.addItems([_name(item) for item in known])
            for row, item in enumerate(known):
                self.model.setItemData(row, str(item.run or item.weights or ""), _TOOLTIP)
        model = replace(chosen, step=None)
        self.model.setCurrentIndex(known.index(model) if model in known else -1)
        self.step.setEnabled(chosen.run is not None)

    def refuse(self, reasons: Mapping[str, str]) -> None:
        """Grey methods that cannot restore what is chosen, with the reason as their tip."""
        told = {row: reasons.get(item.method or "", "") for row, item in enumerate(self._models)}
        grey_items(self.model, {row: reason for row, reason in told.items() if reason})

    def offer_steps(self, words: Mapping[int, str], chosen: int | None) -> None:
        """List the steps of the run chosen, the newest first, in these words."""
        steps = sorted(words, reverse=True)
        texts = [words[step] for step in steps]
        if texts != [self.step.itemText(row) for row in range(self.step.count())]:
            self._steps = steps
            self.step.clear()
            self.step.addItems(texts)
        self.step.setPlaceholderText("no checkpoint yet" if self.step.isEnabled() else "—")
        if chosen in self._steps:
            self.step.setCurrentIndex(self._steps.index(chosen))

    def chosen_device(self) -> str:
        """Return the device chosen, as a configuration names it."""
        return self._devices[self.device.currentIndex()] if self._devices else "auto"

    def offer_devices(self, titles: Mapping[str, str], chosen: str) -> None:
        """List devices by name, in these words."""
        self._devices = list(titles)
        self.device.clear()
        self.device.addItems(list(titles.values()))
        self.device.setCurrentIndex(self._devices.index(chosen) if chosen in self._devices else 0)

    def offer_settings(self, settings: Config | None, names: Sequence[str], others: Collection[str]) -> None:
        """Offer those settings of the model's method that count at restoring, without announcing it.

        Parameters
        ----------
        settings : Config or None
            All of the method's; ``None`` if they are not known.
        names : sequence of str
            What can be chosen; nothing is shown where that is empty.
        others : collection of str
            Those that differ from the trained ones: what they do is said below.
        """
        kind = type(settings) if settings is not None and names else None
        if self.settings is not None and self.settings.config is not kind:
            self._layout.removeWidget(self.settings)
            self.settings.deleteLater()
            self.settings = None
        if settings is not None and kind is not None:
            if self.settings is None:
                self.settings = ConfigForm(kind, only=names, label_width=LABEL_WIDTH)
                self.settings.value_changed.connect(self.settings_changed)
                self._layout.insertWidget(self._layout.indexOf(self.settings_line), self.settings)
            if not self.settings.problem and self.settings.value() != settings:  # else it is being typed
                self.settings.blockSignals(True)
                self.settings.setValue(settings)
                self.settings.blockSignals(False)
        helps = [item for item in settings_of(kind) if item.path[0] in others] if kind is not None else []
        self.settings_line.say(" ".join(f"{item.label.capitalize()}: {item.help}" for item in helps))

    def _step(self) -> int | None:
        row = self.step.currentIndex()
        return self._steps[row] if 0 <= row < len(self._steps) else None

    def _lay_out(self) -> None:
        self.model.setToolTip("A method that needs no training, a training run, or weights from elsewhere.")
        self.step.setToolTip(
            "The training step whose weights restore; the Monitor shows what each looks like."
        )
        for words, kind in (("Run folder…", "run"), ("Checkpoint file…", "weights")):
            self.menu.addAction(words, partial(self.open_requested.emit, kind))
        self.device.setToolTip("Where restoring runs; automatic takes a GPU if there is one.")
        self.open.setText("…")
        self.open.setMinimumWidth(_OPEN_WIDTH)
        self.open.setToolTip("Open a run folder or a checkpoint.")
        self.open.setMenu(self.menu)
        self.open.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        rows = QWidget()
        grid = grid_of(rows)
        add_row(grid, "model", self.model, self.open)
        add_row(grid, "step", self.step)
        add_row(grid, "device", self.device)
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(rows)
        for widget in (self.line, self.warning, self.settings_line):
            layout.addWidget(widget)


def _name(choice: ModelChoice) -> str:
    """Return a name whose beginning tells runs apart: ``TS01_icecream · 2026-11-21``."""
    path: Path | None = choice.run or choice.weights
    if path is None:
        method = loaded_methods().get(choice.method or "")
        return str(choice.method) if method is None else method.title
    date, _, rest = path.name.partition("_")
    return f"{rest} · {date}" if rest and _DATE.fullmatch(date) else path.name


class ModelControl:
    """Offers runs, steps and devices.

    Parameters
    ----------
    session : ViewerSession
        The viewer's.
    section : ModelSection
    model : RestoreModel
    background : Background
        Where devices are listed.
    changed : callable
        Called after another model was chosen.
    complain : callable
        Called with a sentence if a folder is no run.
    """

    def __init__(
        self,
        session: ViewerSession,
        section: ModelSection,
        model: RestoreModel,
        background: Background,
        *,
        changed: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        self._session, self._section, self._model, self._background = session, section, model, background
        self._changed, self._complain = changed, complain
        self._knows_devices = False
        self._warned_of: ChosenStep | None = None
        section.offer_devices(_DEVICES, self._first_device())
        section.value_changed.connect(self._edited)
        section.open_requested.connect(self.open)
        session.run_added.connect(self._run_added)
        session.use_step.connect(self.use_step)

    def begin(self) -> None:
        """Choose what the Monitor chose last, or the latest run."""
        if self._session.chosen is not None:
            self.use_step(*self._session.chosen)
        elif self._session.current is not None and self._model.request.model.path is None:
            self.choose(ModelChoice(self._session.current))
        else:
            self.show()
        if loaded_methods():
            self._methods_known()
        else:
            self._background.start(
                "methods",
                load_methods,
                answer=lambda _: self._methods_known(),
                failure=lambda error: self._complain(str(error)),
            )

    def use_step(self, run: Path, step: int) -> None:
        """Restore with a step of a run."""
        self.choose(ModelChoice(run, step))

    def choose(self, model: ModelChoice) -> None:
        """Restore with this, or say why not."""
        try:
            self._model.choose(model)
        except FileNotFoundError as error:
            self._complain(str(error))
        self.show()
        self._changed()

    def open(self, kind: str) -> None:
        """Let the user choose a run folder (``run``) or a file of weights (``weights``)."""
        path = dialogs.choose_run(self._section) if kind == "run" else dialogs.choose_weights(self._section)
        if path is None:
            return
        try:
            self._model.open(ModelChoice(run=path) if kind == "run" else ModelChoice(weights=path))
        except FileNotFoundError as error:
            self._complain(str(error))
        self.show()
        self._changed()

    def show(self) -> None:
        """Show what is chosen and what there is to choose from."""
        model, runs = self._model, reversed(self._session.paths)
        ours = [ModelChoice(method=name) for name in loaded_untrained_methods()]
        ours += [ModelChoice(path) for path in runs]
        chosen = replace(model.request.model, step=None)
        others = [choice for choice in (*model.opened, chosen) if choice not in (*ours, ModelChoice())]
        self._section.offer(list(dict.fromkeys((*ours, *others))), model.request.model)
        self._section.offer_steps(model.steps.words() if model.steps else {}, model.request.model.step)
        self._section.line.say(self._words())
        self.warn()

    def refresh(self) -> None:
        """Look for new steps of a run that trains, and for devices once PyTorch is there."""
        steps = self._model.steps
        if steps is not None:
            steps.refresh()
            if self._model.request.model.step is None and steps.steps:
                self.choose(self._model.request.model)
            self._section.offer_steps(steps.words(), self._model.request.model.step)
            if self._model.chosen_step() != self._warned_of:
                self.warn()
        if not self._knows_devices and "torch" in sys.modules:
            self._knows_devices = True
            self._background.start(
                "devices",
                list_devices,
                answer=self._take_devices,
                failure=lambda error: self._complain(str(error)),
            )

    def warn(self) -> None:
        """Say what speaks against this model and step, for the tomograms that would be restored."""
        self._section.refuse(self._model.refused())
        self._warned_of = self._model.chosen_step()
        findings = self._model.findings()
        self._section.warning.warn("\n⚠ ".join(finding.text for finding in findings))

    def leave(self) -> None:
        """Listen to the viewer's runs no longer."""
        self._session.run_added.disconnect(self._run_added)
        self._session.use_step.disconnect(self.use_step)

    def _run_added(self, path: Path) -> None:
        if self._model.request.model.path is None:
            self.choose(ModelChoice(path))
        else:
            self.show()

    def _methods_known(self) -> None:
        """Offer the methods that need no training, and the settings of the model's method."""
        first = next(iter(loaded_untrained_methods()), None)
        if self._model.request.model == ModelChoice() and first is not None:
            self.choose(ModelChoice(method=first))
        else:
            self.show()
            self._changed()

    def _edited(self) -> None:
        self._take_device(self._section.chosen_device())
        chosen = self._section.value()
        if chosen.run != self._model.request.model.run:
            chosen = replace(chosen, step=None)  # the step shown is another run's
        self.choose(chosen)

    def _take_devices(self, devices: tuple[Device, ...]) -> None:
        titles = {device.name: device.title for device in devices}
        self._section.offer_devices(titles, self._model.request.hardware.device)

    def _first_device(self) -> str:
        if self._model.request.hardware.device == "auto":
            self._take_device(preferences().default_device)
        return self._model.request.hardware.device

    def _take_device(self, device: str) -> None:
        hardware = self._model.request.hardware.model_copy(update={"device": device})
        self._model.request = replace(self._model.request, hardware=hardware)

    def _words(self) -> str:
        run = self._model.request.model.run
        if run is None:
            return ""
        names = [item.name or tomogram_name(item.even) for item in RunDir(run).recipe().tomograms]
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        learned = [f"learned from {name}{others}" for name in names[:1]]
        return " · ".join([part for part in (method_name_of(run), *learned) if part])


__all__ = ["ModelControl", "ModelSection"]
