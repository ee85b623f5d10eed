"""A choice between kinds of methods or networks, with the form of the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cryorestore.config import Config
from napari_cryorestore.gui.editors import combo_box
from napari_cryorestore.gui.forms import ConfigForm, labelled
from napari_cryorestore.gui.panel_layout import SentenceLabel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_cryorestore.gui.train.recipes import Choice


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
        self.sentence = SentenceLabel()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        self._choice = QWidget()
        self._choice.setLayout(labelled(what, self.combo))
        self._layout.addWidget(self._choice)
        self._layout.addWidget(self.sentence)
        self._layout.addWidget(self.form)
        self.combo.activated.connect(self._choose)

    def offer(self, choices: Mapping[str, Choice]) -> None:
        """List the kinds; one alone is no choice."""
        self._choices = choices
        self.combo.clear()
        for choice in choices.values():
            self.combo.addItem(choice.title, choice.name)
        self._choice.setVisible(len(choices) > 1)

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


__all__ = ["KindSection"]
