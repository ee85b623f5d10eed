"""The Model section: which run, and which of its steps."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QMenu, QToolButton, QVBoxLayout, QWidget

from napari_cryorestore.gui.editors import combo_box
from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.gui.restore.flips import NAME, SENTENCE
from napari_cryorestore.gui.rows import add_row, grid_of
from napari_cryorestore.gui.sentence_label import SentenceLabel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

WIENER = "Wiener filter"


class ModelSection(QWidget):
    """Edits a `ModelChoice`.

    Attributes
    ----------
    value_changed
        The user chose another model or step.
    flips_changed : bool
        The user wants to average over flips, or not.
    open_requested : str
        The user wants a dialog: ``run`` or ``weights``.
    """

    value_changed = Signal()
    flips_changed = Signal(bool)
    open_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._models: list[ModelChoice] = [ModelChoice()]
        self._steps: list[int] = []
        self._devices: list[str] = []
        self.model, self.step, self.device = combo_box(), combo_box(), combo_box()
        self.model.addItem(WIENER)
        self.open, self.menu = QToolButton(), QMenu(self)
        self.line, self.warning = SentenceLabel(), SentenceLabel()
        self.flips, self.flips_line = QCheckBox(NAME), SentenceLabel()
        self._lay_out()
        self.model.activated.connect(self.value_changed)
        self.step.activated.connect(self.value_changed)
        self.device.activated.connect(self.value_changed)
        self.flips.clicked.connect(self.flips_changed)

    def value(self) -> ModelChoice:
        """Return what is chosen."""
        chosen = self._models[max(self.model.currentIndex(), 0)]
        return ModelChoice(chosen.run, self._step() if chosen.run is not None else None, chosen.weights)

    def offer(self, models: Sequence[ModelChoice], chosen: ModelChoice) -> None:
        """List the runs and weights that can be chosen, after the Wiener filter; steps do not matter."""
        known = [ModelChoice(), *(ModelChoice(item.run, None, item.weights) for item in models)]
        if known != self._models:
            self._models = known
            self.model.clear()
            self.model.addItems([_name(item) for item in known])
            for row, item in enumerate(known):
                self.model.setItemData(row, str(item.run or item.weights or ""), _TOOLTIP)
        wanted = ModelChoice(chosen.run, None, chosen.weights)
        self.model.setCurrentIndex(known.index(wanted) if wanted in known else 0)
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

    def offer_flips(self, chosen: bool | None) -> None:
        """Offer to average over flips; not where that is ``None``, as the model's method cannot."""
        self.flips.setChecked(bool(chosen))
        self.flips.setVisible(chosen is not None)
        self.flips_line.say("" if chosen is None else SENTENCE)

    def _step(self) -> int | None:
        row = self.step.currentIndex()
        return self._steps[row] if 0 <= row < len(self._steps) else None

    def _lay_out(self) -> None:
        self.model.setToolTip("A training run, weights from elsewhere, or the Wiener filter.")
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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(rows)
        for widget in (self.line, self.warning, self.flips, self.flips_line):
            layout.addWidget(widget)


def _name(choice: ModelChoice) -> str:
    """Return a name whose beginning tells runs apart: ``TS01_icecream · 2026-11-21``."""
    path: Path | None = choice.run or choice.weights
    if path is None:
        return WIENER
    date, _, rest = path.name.partition("_")
    return f"{rest} · {date}" if rest and _DATE.fullmatch(date) else path.name


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_OPEN_WIDTH = 36  # the arrow of its menu needs room
_TOOLTIP = 3  # Qt.ItemDataRole.ToolTipRole, which both bindings take as a number


__all__ = ["WIENER", "ModelSection"]
