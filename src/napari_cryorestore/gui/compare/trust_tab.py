"""Trust: what the microscope measured, what the network supplied, and how far the data confirm it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Signal
from qtpy.QtGui import QColor, QLinearGradient, QPainter
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_cryorestore.comparison.number import NUMBER_WORDS
from napari_cryorestore.gui.editors import combo_box
from napari_cryorestore.gui.panel_layout import SentenceLabel, side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

MEASURED, SUPPLIED = QColor("#8a94a6"), QColor("#ff8c1a")
ALL_DETAIL, FOLLOW = "all detail", "Maps follow the crosshair"
DOES = {
    "parts": (
        "Add both parts as rows",
        "Splits the chosen row into the directions that the microscope measured and the missing wedge, which "
        "the network supplied. The two add up to the row: exact bookkeeping, no estimate.",
    ),
    "share": (
        "Lay the supplied share over the tomogram",
        "Colours places by how much of the local variation was supplied. "
        + NUMBER_WORDS["supplied_share"].sentence,
    ),
    "agreement": ("Map the agreement with the other half", NUMBER_WORDS["agreement"].sentence),
    "disagreement": ("Map the disagreement of the halves", NUMBER_WORDS["half_disagreement"].sentence),
}
"""What can be done: words of the button, and the sentence beside it."""


class TrustTab(QWidget):
    """Buttons and sentences; `TrustControl` does what they offer.

    Attributes
    ----------
    requested : Signal(str)
        One of `DOES`.
    band_chosen, follow_chosen : Signal()
        The user chose another band for the agreement, or whether maps follow the crosshair.
    """

    requested = Signal(str)
    band_chosen = Signal()
    follow_chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.row, self.state, self.problem = QLabel(), SentenceLabel(), SentenceLabel()
        self.extent, self.follow, self.band = SentenceLabel(), QCheckBox(FOLLOW), combo_box()
        self.follow.setChecked(True)
        self.follow.setToolTip("Compute maps that are shown anew where the crosshair has gone.")
        self.band.setToolTip("The sizes of detail in which halves are correlated; the table has the same.")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(5)
        self.buttons = {name: QPushButton(words) for name, (words, _) in DOES.items()}
        for name, button in self.buttons.items():
            button.clicked.connect(lambda _=False, name=name: self.requested.emit(name))
        self.band.activated.connect(self.band_chosen)
        self.follow.clicked.connect(self.follow_chosen)
        self._lay_out()
        self.offer_bands(())
        self.say_extent("")
        self.show_progress(None)

    def show_row(self, name: str) -> None:
        """Say which row is meant."""
        self.row.setText(f"Of the chosen row: <b>{name}</b>" if name else "Choose a row by its heading.")
        for button in self.buttons.values():
            button.setEnabled(bool(name))

    def offer_bands(self, bands: Sequence[str]) -> None:
        """List bands of detail, by the names that they have in the table; the one chosen stays."""
        names = [ALL_DETAIL, *bands]
        if names == [self.band.itemText(row) for row in range(self.band.count())]:
            return
        chosen = self.band.currentIndex()
        self.band.clear()
        self.band.addItems(names)
        self.band.setCurrentIndex(chosen if 0 <= chosen < len(names) else 0)

    def chosen_band(self) -> int | None:
        """Return which of the bands is chosen, from 0; ``None`` for all detail."""
        return self.band.currentIndex() - 1 if self.band.currentIndex() > 0 else None

    def say_extent(self, sentence: str) -> None:
        """Say that maps cover a part of the row only; an empty sentence says that they cover it all."""
        self.extent.warn(sentence)
        self.follow.setVisible(bool(sentence))

    def show_progress(self, share: float | None) -> None:
        """Show that something is computed, and how much is done; ``None`` if nothing is."""
        self.bar.setVisible(share is not None)
        self.bar.setRange(0, 100 if share else 0)
        self.bar.setValue(round(100 * (share or 0)))

    def say(self, sentences: Sequence[str] = (), *, problem: str = "") -> None:
        """Say what was done, or why not."""
        self.state.say(" ".join(sentences))
        self.problem.warn(problem)

    def _lay_out(self) -> None:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(6, 6, 6, 4)
        self.row.setWordWrap(True)
        for widget in (self.row, self.extent, self.follow, Legend(), self.bar, self.problem, self.state):
            column.addWidget(widget)
        for name, (_, sentence) in DOES.items():
            words = QLabel(sentence)
            words.setWordWrap(True)
            column.addSpacing(4)
            column.addLayout(_from_the_left([self.buttons[name]]))
            if name == "agreement":
                column.addLayout(_from_the_left([QLabel("in"), self.band]))
            column.addWidget(words)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)


def _from_the_left(widgets: Sequence[QWidget]) -> QHBoxLayout:
    line = side_by_side(widgets)
    line.addStretch(10)
    return line


class Legend(QWidget):
    """A bar from what was measured to what was supplied, in words."""

    def __init__(self) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("measured"))
        layout.addWidget(_Gradient())
        layout.addWidget(QLabel("supplied by the network"))
        layout.addStretch(1)


class _Gradient(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(30, 10)
        self.setMaximumSize(90, 10)

    def sizeHint(self) -> QSize:
        return QSize(90, 10)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        gradient = QLinearGradient(0, 0, self.width(), 0)
        gradient.setColorAt(0, MEASURED)
        gradient.setColorAt(1, SUPPLIED)
        painter.fillRect(QRectF(self.rect()), gradient)
        painter.end()


__all__ = ["ALL_DETAIL", "DOES", "MEASURED", "SUPPLIED", "Legend", "TrustTab"]
