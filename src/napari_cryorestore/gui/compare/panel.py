"""The Compare panel: connects the comparison of a viewer with its grid, buttons and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_cryorestore.comparison.model import Comparison
from napari_cryorestore.comparison.picture import PLANES, SECTIONS
from napari_cryorestore.gui.compare.bar import CompareBar
from napari_cryorestore.gui.compare.colours import Colours
from napari_cryorestore.gui.compare.contrast_settings import ContrastControl
from napari_cryorestore.gui.compare.fourier_settings import FourierControl
from napari_cryorestore.gui.compare.grid import PictureGrid
from napari_cryorestore.gui.compare.lower_tabs import LowerTabs
from napari_cryorestore.gui.compare.picture_control import PictureControl
from napari_cryorestore.gui.compare.row_control import RowControl
from napari_cryorestore.gui.compare.saving import Saving
from napari_cryorestore.gui.compare.viewer_link import ViewerLink
from napari_cryorestore.gui.panel_layout import DockedPanel, SentenceLabel

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QResizeEvent

    from napari_cryorestore.comparison.comparison_config import Column
    from napari_cryorestore.comparison.result_cache import ResultCache
    from napari_cryorestore.gui.viewer_session import ViewerSession

_WIDE = 1.7
"""Width to height from which numbers stand beside the pictures."""
_PICTURES = 0.6  # of the panel, when the numbers are shown


class ComparePanel(DockedPanel):
    """Shows volumes side by side, in real and in Fourier space.

    The comparison belongs to the viewer: closing the panel keeps it, opening it again shows it.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer, or the proxy that napari hands to plugins.
    """

    display_name, first_area = "Compare", "bottom"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.comparison = comparison_of(self.session)
        self.model = self.comparison.model
        self.bar, self.grid, self.empty = CompareBar(), PictureGrid(), EmptyPage()
        self.message = SentenceLabel()
        self.pages, self.splitter = QStackedWidget(), QSplitter(Qt.Orientation.Vertical)
        self._lay_out()
        self.pictures = PictureControl(self.grid, self.comparison, self)
        self.rows = RowControl(
            self.comparison, self.viewer, self.session, self.grid, self.bar.rows_menu, self.message
        )
        self.link = ViewerLink(self.viewer, self.model, self)
        self.link.is_painting = lambda: self.pictures.painting
        self.contrast = ContrastControl(self.bar.contrast, self.model, self.pictures)
        self.fourier = FourierControl(self.bar.fourier, self.comparison, self.message)
        self.lower_tabs = LowerTabs(self.comparison, self.viewer, self.link, self.rows.add_layer)
        self.saving = Saving(
            self.comparison, self.lower_tabs.numbers, self.link, self.message, self.rows.attach
        )
        self.lower_tabs.setVisible(False)
        self.splitter.addWidget(self.lower_tabs)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setChildrenCollapsible(False)
        self._left = False
        self._connect()
        self._set_theme()
        self.rows.begin()
        self._model_changed("rows")
        self.pictures.refresh()

    def leave(self) -> None:
        """Stop looking at the viewer and the comparison."""
        if self._left:
            return
        self._left = True
        self.model.changed.disconnect(self._model_changed)
        self.viewer.events.theme.disconnect(self._set_theme)
        self.session.closed.disconnect(self.leave)
        self.link.leave()
        self.rows.leave()
        self.lower_tabs.leave()
        self.pictures.leave()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Put the numbers beside the pictures where the panel is wide and low, else beneath them."""
        super().resizeEvent(event)
        is_wide = self.width() > _WIDE * self.height()
        orientation = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if orientation != self.splitter.orientation():
            self.splitter.setOrientation(orientation)
            whole = self.width() if is_wide else self.height()
            self.splitter.setSizes([round(_PICTURES * whole), round((1 - _PICTURES) * whole)])

    def sizeHint(self) -> QSize:
        """Take half of a usual window."""
        return QSize(1100, 560)

    def minimumSizeHint(self) -> QSize:
        """Let the user make it small: the rows scroll."""
        return QSize(420, 200)

    # What the user does ------------------------------------------------------------------------------

    def _point(self, column: Column, across: float, down: float) -> None:
        cursor = self.model.cursor
        if cursor is not None:
            plane, position = PLANES[column], list(cursor)
            position[plane.across], position[plane.down] = across, down
            self.model.set_cursor(position)

    def _choose_columns(self, columns: tuple[Column, ...]) -> None:
        if columns:
            self.model.update(columns=columns)
        self.bar.show_config(self.model.config)

    def _show_parts(self, number: int, action: str) -> None:
        """Split a row whose menu says so, with the Trust tab beneath, which says what comes of it."""
        if action == "parts":
            self.model.choose(number)
            self.bar.numbers.setChecked(True)
            self.lower_tabs.setCurrentWidget(self.lower_tabs.trust)
            self.lower_tabs.maps.make("parts")

    def _do(self, what: str) -> None:
        self.message.warn("")
        if what == "fit":
            self.grid.show_all()
        elif what == "layers":
            self.rows.add_what_is_open()
        elif what == "run":
            self.rows.add_run()
        else:
            self.saving.do(what)

    # What is shown -----------------------------------------------------------------------------------

    def _model_changed(self, what: str) -> None:
        if what in ("rows", "row"):
            self.pages.setCurrentWidget(self.rows_view if self.model.entries else self.empty)
        if what not in ("cursor", "chosen"):
            config = self.model.config
            self.bar.show_config(config)
            self.bar.contrast.show_config(config)
            self.bar.fourier.show_config(config)

    def _read_out(self, number: int, column: Column, at: tuple[float, float] | None) -> None:
        self.bar.readout.setText("" if at is None else self._reading(number, column, at))

    def _reading(self, number: int, column: Column, at: tuple[float, float]) -> str:
        plane, painted = PLANES[column], self.grid.cells[number, column].painted
        value = painted.value_at(*at) if painted is not None else None
        names = "zyx"[plane.across], "zyx"[plane.down]
        if column in SECTIONS:
            place = f"{names[0]} {at[0]:.0f}  {names[1]} {at[1]:.0f} Å"
            return place if value is None else f"{place} · {value:.4g}"
        offset = self.model.config.fourier.offset[plane.through]
        frequency = (at[0] ** 2 + at[1] ** 2 + offset**2) ** 0.5
        return f"{1 / frequency:.1f} Å" if frequency > 0 else "the centre"

    def _set_theme(self) -> None:
        colours = Colours.of(get_theme(self.viewer.theme))
        self.grid.set_colours(colours)
        self.bar.contrast.set_colours(colours)
        self.lower_tabs.set_colours(colours)

    # Making ------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.model.changed.connect(self._model_changed)
        self.viewer.events.theme.connect(self._set_theme)
        self.session.closed.connect(self.leave)
        self.grid.pointed.connect(self._point)
        self.grid.stepped.connect(self.model.step_cursor)
        self.grid.hovered.connect(self._read_out)
        self.grid.action_requested.connect(self._show_parts)
        self.bar.columns_chosen.connect(self._choose_columns)
        self.bar.slab_chosen.connect(lambda planes: self.model.update(slab=planes))
        self.bar.requested.connect(self._do)
        self.empty.requested.connect(self._do)
        self.bar.numbers.toggled.connect(self.lower_tabs.set_open)
        self.bar.contrast_button.clicked.connect(self.contrast.show)
        self.bar.fourier_button.clicked.connect(self.fourier.show_wedges)
        self.pictures.failed.connect(lambda error: self.message.warn(str(error)))

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.rows_view = QScrollArea()
        self.rows_view.setWidgetResizable(True)
        self.rows_view.setFrameShape(QFrame.Shape.NoFrame)
        self.rows_view.setWidget(self.grid)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.rows_view)
        self.splitter.addWidget(self.pages)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        layout.addWidget(self.splitter, 1)


WORDS = (
    "Nothing to compare yet.\nOpen tomograms, then put them side by side: the same place, the same contrast."
)
CHOICES = {
    "layers": "Compare what is open",
    "run": "A step of a run…",
    "open": "Open a comparison…",
}


class EmptyPage(QWidget):
    """Says how to begin while there is nothing to compare.

    Attributes
    ----------
    requested : Signal(str)
        One of `CHOICES`.
    """

    requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        words = QLabel(WORDS)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.buttons = {name: QPushButton(title) for name, title in CHOICES.items()}
        row = QHBoxLayout()
        row.addStretch(1)
        for name, button in self.buttons.items():
            button.clicked.connect(lambda _=False, name=name: self.requested.emit(name))
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(words)
        layout.addSpacing(8)
        layout.addLayout(row)
        layout.addStretch(1)


def comparison_of(session: ViewerSession) -> Comparison:
    """Return the comparison that belongs to a viewer's session; the same for as long as the viewer lives."""
    known = ref(session)
    return session.own(Comparison, lambda: Comparison(lambda work: _hold(known(), work)))


def _hold(session: ViewerSession | None, work: ResultCache) -> None:
    if session is not None:
        session.hold(work)


__all__ = ["CHOICES", "WORDS", "ComparePanel", "EmptyPage", "comparison_of"]
