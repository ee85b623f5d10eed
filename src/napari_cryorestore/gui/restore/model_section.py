"""The Model section: which run, and which of its steps."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QToolButton, QVBoxLayout, QWidget

from napari_cryorestore.config import settings_of
from napari_cryorestore.gui.editors import combo_box
from napari_cryorestore.gui.forms import ConfigForm
from napari_cryorestore.gui.model_choice import ModelChoice, known_methods
from napari_cryorestore.gui.panel_layout import LABEL_WIDTH, SentenceLabel, add_row, grid_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from napari_cryorestore.config import Config


class ModelSection(QWidget):
    """Edits a `ModelChoice`.

    Attributes
    ----------
    value_changed
        The user chose another model or step.
    settings_changed
        The user changed a setting of the method.
    open_requested : str
        The user wants a dialog: ``run`` or ``weights``.
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
        wanted = replace(chosen, step=None)
        self.model.setCurrentIndex(known.index(wanted) if wanted in known else -1)
        self.step.setEnabled(chosen.run is not None)

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
        for words, wish in (("Run folder…", "run"), ("Checkpoint file…", "weights")):
            self.menu.addAction(words, partial(self.open_requested.emit, wish))
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
        method = known_methods().get(choice.method or "")
        return str(choice.method) if method is None else method.title
    date, _, rest = path.name.partition("_")
    return f"{rest} · {date}" if rest and _DATE.fullmatch(date) else path.name


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_OPEN_WIDTH = 36  # the arrow of its menu needs room
_TOOLTIP = 3  # Qt.ItemDataRole.ToolTipRole, which both bindings take as a number


__all__ = ["ModelSection"]
