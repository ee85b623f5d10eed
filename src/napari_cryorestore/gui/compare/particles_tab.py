"""Lists of particles compared with a reference list: what a restoration does for picking."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_cryorestore.comparison.number import NUMBER_WORDS, missing_words
from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.compare.colours import row_colour
from napari_cryorestore.gui.panel_layout import SentenceLabel
from napari_cryorestore.io.particle_list import read_picks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_cryorestore.comparison.model import CompareModel
    from napari_cryorestore.gui.compare.colours import Colours
    from napari_cryorestore.io.particle_list import Picks
    from napari_cryorestore.metrics.pick_agreement import Detection

COLUMNS = ("precision", "recall", "f1", "pr_auc", "average_precision", "mean_distance")
HINT = (
    "Load a reference list (STAR or CSV), then the picks to compare with it: from each restoration, one list."
)
_USUAL_TOLERANCE = 100.0  # Å: about half a ribosome
_TOLERANCE_WIDTH = 110  # pixels: the theme's buttons on either side are not in the size that Qt proposes


class ParticlesTab(QWidget):
    """Shows how lists of picks agree with a reference.

    Attributes
    ----------
    requested : Signal(str)
        ``"reference"``, ``"picks"`` or ``"clear"``.
    tolerance_chosen : Signal()
        Another tolerance was chosen.
    """

    requested = Signal(str)
    tolerance_chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.buttons = {
            name: QPushButton(words)
            for name, words in (("reference", "Reference…"), ("picks", "Picks…"), ("clear", "Clear"))
        }
        for name, button in self.buttons.items():
            button.clicked.connect(lambda _=False, name=name: self.requested.emit(name))
        self.reference, self.problem = QElidingLabel("no reference yet"), SentenceLabel()
        self.reference.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.tolerance = QDoubleSpinBox()
        self.tolerance.setRange(0.1, 1e5)
        self.tolerance.setValue(_USUAL_TOLERANCE)
        self.tolerance.setDecimals(0)
        self.tolerance.setSuffix(" Å")
        self.tolerance.setMinimumWidth(_TOLERANCE_WIDTH)
        self.tolerance.setToolTip("How far a pick may lie from a particle; half its diameter is usual.")
        self.tolerance.valueChanged.connect(self.tolerance_chosen)
        self.table, self.plot, self.hint = QTableWidget(), pg.PlotWidget(enableMenu=False), SentenceLabel()
        self._lay_out()
        self.show_found("", {}, "")

    def show_found(self, reference: str, found: Mapping[str, Detection], problem: str) -> None:
        """Show what was found, list by list."""
        self.reference.setText(reference or "no reference yet")
        self.reference.setToolTip(reference)
        self.problem.warn(problem)
        self.hint.say("" if found else HINT)
        self.table.setVisible(bool(found))
        self.plot.setVisible(any(len(item.thresholds) > 1 for item in found.values()))
        self.table.setRowCount(len(found))
        self.plot.clear()
        for line, (name, item) in enumerate(found.items()):
            cells = [name, *(_value(item, column) for column in COLUMNS), f"{item.found} of {item.reference}"]
            for place, words in enumerate(cells):
                self.table.setItem(line, place, QTableWidgetItem(words))
            pen = pg.mkPen(row_colour(line), width=2)
            self.plot.plot(item.recall, item.precision, pen=pen)

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.plot.setBackground(colours.ground)
        for name in ("left", "bottom"):
            self.plot.getAxis(name).setPen(colours.faint)
            self.plot.getAxis(name).setTextPen(colours.text)

    def _lay_out(self) -> None:
        lists, limit = QHBoxLayout(), QHBoxLayout()
        lists.addWidget(self.buttons["reference"])
        lists.addWidget(self.reference, 1)
        lists.addWidget(self.buttons["picks"])
        lists.addWidget(self.buttons["clear"])
        limit.addWidget(QLabel("Tolerance"))
        limit.addWidget(self.tolerance)
        limit.addStretch(1)
        self._style_table()
        self.plot.plotItem.setLabel("bottom", "recall")
        self.plot.plotItem.setLabel("left", "precision")
        self.plot.plotItem.setMouseEnabled(x=False, y=False)
        self.plot.setXRange(0, 1, padding=0.02)
        self.plot.setYRange(0, 1, padding=0.02)
        self.plot.setMaximumWidth(280)
        body = QHBoxLayout()
        body.addWidget(self.table, 1)
        body.addWidget(self.plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 4)
        layout.addLayout(lists)
        layout.addLayout(limit)
        layout.addWidget(self.problem)
        layout.addWidget(self.hint)
        layout.addLayout(body, 1)

    def _style_table(self) -> None:
        self.table.setColumnCount(len(COLUMNS) + 2)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setHorizontalHeaderLabels(
            ["Picks", *(NUMBER_WORDS[name].title for name in COLUMNS), "Found"]
        )
        for place, name in enumerate(COLUMNS, 1):
            item: Any = self.table.horizontalHeaderItem(place)
            item.setToolTip(NUMBER_WORDS[name].sentence)
        header: Any = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        sides: Any = self.table.verticalHeader()
        sides.hide()


def _value(found: Detection, name: str) -> str:
    value = getattr(found, name)
    number = float(value[found.best]) if hasattr(value, "__len__") else float(value)
    if math.isnan(number):
        return missing_words(name)
    return f"{number:.0f} Å" if name == "mean_distance" else f"{number:.3f}"


_NO_ROWS = "Add a row first: its voxel size is needed to turn coordinates into Å."


class ParticleControl:
    """Reads lists of particles, matches them, and shows the result in the Particles tab.

    Parameters
    ----------
    model : CompareModel
        Whose first row tells the size of a voxel and of the tomogram.
    tab : ParticlesTab
        What shows it.
    """

    def __init__(self, model: CompareModel, tab: ParticlesTab) -> None:
        self._model, self._tab = model, tab
        self._reference: tuple[str, Picks] | None = None
        self._lists: dict[str, Picks] = {}
        self.found: dict[str, Detection] = {}
        tab.requested.connect(self._do)
        tab.tolerance_chosen.connect(self.show)

    def load_reference(self, path: Path) -> None:
        """Compare lists with this one from now on, or say why it cannot be read."""
        picks = self._read(path)
        if picks is not None:
            self._reference = path.name, picks
            self.show()

    def load_picks(self, path: Path) -> None:
        """Add a list of picks, or say why it cannot be read; the others stay."""
        picks = self._read(path)
        if picks is not None:
            self._lists[path.name] = picks
            self.show()

    def clear(self) -> None:
        """Forget all lists."""
        self._reference = None
        self._lists.clear()
        self.show()

    def show(self) -> None:
        """Match the lists with the reference, and show the result."""
        from napari_cryorestore.metrics.pick_agreement import match_picks

        self.found, problem = {}, ""
        if self._reference is None:
            self._tab.show_found("", {}, "")
            return
        name, reference = self._reference
        for title, picks in self._lists.items():
            try:
                self.found[title] = match_picks(
                    picks.positions, picks.scores, reference.positions, self._tab.tolerance.value()
                )
            except ValueError as error:
                problem = f"{title}: {error}"
        self._tab.show_found(f"{name} ({len(reference.positions)})", self.found, problem)

    def _read(self, path: Path) -> Picks | None:
        volume = next((entry.volume for entry in self._model.entries if entry.volume is not None), None)
        try:
            if volume is None:
                raise ValueError(_NO_ROWS)
            extent = [high - low for low, high in volume.extent]
            return read_picks(path, voxel_size=volume.voxel_size[2], extent=extent)
        except (ValueError, OSError) as error:
            self._tab.problem.warn(str(error))
            return None

    def _do(self, what: str) -> None:
        if what == "clear":
            self.clear()
            return
        for path in dialogs.choose_picks(self._tab):
            (self.load_reference if what == "reference" else self.load_picks)(path)


__all__ = ["COLUMNS", "HINT", "ParticleControl", "ParticlesTab"]
