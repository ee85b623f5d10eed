"""The Compare panel: connects the comparison of a viewer with its grid, buttons and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QSplitter, QStackedWidget, QVBoxLayout

from napari_cryorestore.comparison.picture import PLANES, SECTIONS
from napari_cryorestore.comparison.spectra import found_wedge
from napari_cryorestore.gui.compare.bar import CompareBar
from napari_cryorestore.gui.compare.colours import Colours
from napari_cryorestore.gui.compare.comparison import comparison_of
from napari_cryorestore.gui.compare.contrast_control import ContrastControl
from napari_cryorestore.gui.compare.empty_page import EmptyPage
from napari_cryorestore.gui.compare.grid import Grid
from napari_cryorestore.gui.compare.picture_control import PictureControl
from napari_cryorestore.gui.compare.row_control import RowControl
from napari_cryorestore.gui.compare.saving import Saving
from napari_cryorestore.gui.compare.tray import Tray
from napari_cryorestore.gui.compare.viewer_link import ViewerLink
from napari_cryorestore.gui.docked_panel import DockedPanel
from napari_cryorestore.gui.live_runs import runs_of
from napari_cryorestore.gui.sentence_label import SentenceLabel

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QResizeEvent

    from napari_cryorestore.comparison.config import Column

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
        super().__init__()
        self.viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.runs = runs_of(self.viewer)
        self.comparison = comparison_of(self.runs)
        self.model = self.comparison.model
        self.bar, self.grid, self.empty = CompareBar(), Grid(), EmptyPage()
        self.message = SentenceLabel()
        self.pages, self.splitter = QStackedWidget(), QSplitter(Qt.Orientation.Vertical)
        self._lay_out()
        self.pictures = PictureControl(self.grid, self.comparison, self)
        self.rows = RowControl(
            self.comparison, self.viewer, self.runs, self.grid, self.bar.rows_menu, self.message
        )
        self.link = ViewerLink(self.viewer, self.model, self)
        self.link.is_painting = lambda: self.pictures.painting
        self.contrast = ContrastControl(self.bar.contrast, self.model, self.pictures)
        self.tray = Tray(self.comparison, self.viewer, self.link, self.rows.add_layer)
        self.saving = Saving(self.comparison, self.tray.numbers, self.link, self.message, self.rows.attach)
        self.tray.setVisible(False)
        self.splitter.addWidget(self.tray)
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
        self.runs.closed.disconnect(self.leave)
        self.link.leave()
        self.rows.leave()
        self.tray.leave()
        self.pictures.leave()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Put the numbers beside the pictures where the panel is wide and low, else beneath them."""
        super().resizeEvent(event)
        is_wide = self.width() > _WIDE * self.height()
        wanted = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if wanted != self.splitter.orientation():
            self.splitter.setOrientation(wanted)
            whole = self.width() if is_wide else self.height()
            self.splitter.setSizes([round(_PICTURES * whole), round((1 - _PICTURES) * whole)])

    def sizeHint(self) -> QSize:
        """Ask for half of a usual window."""
        return QSize(1100, 560)

    def minimumSizeHint(self) -> QSize:
        """Let the user make it small: the rows scroll."""
        return QSize(420, 200)

    # What is wished ----------------------------------------------------------------------------------

    def _point(self, column: Column, across: float, down: float) -> None:
        cursor = self.model.cursor
        if cursor is not None:
            plane, wanted = PLANES[column], list(cursor)
            wanted[plane.across], wanted[plane.down] = across, down
            self.model.set_cursor(wanted)

    def _choose_columns(self, columns: tuple[Column, ...]) -> None:
        if columns:
            self.model.update(columns=columns)
        self.bar.show_config(self.model.config)

    def _asked(self, what: str) -> None:
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
        self.tray.set_colours(colours)

    # Making ------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.model.changed.connect(self._model_changed)
        self.viewer.events.theme.connect(self._set_theme)
        self.runs.closed.connect(self.leave)
        self.grid.pointed.connect(self._point)
        self.grid.stepped.connect(self.model.step_cursor)
        self.grid.hovered.connect(self._read_out)
        self.bar.columns_chosen.connect(self._choose_columns)
        self.bar.slab_chosen.connect(lambda planes: self.model.update(slab=planes))
        self.bar.asked.connect(self._asked)
        self.empty.asked.connect(self._asked)
        self.bar.numbers.toggled.connect(self.tray.set_open)
        self.bar.contrast_button.clicked.connect(self.contrast.show)
        self.bar.fourier_button.clicked.connect(self._show_wedges)
        self.bar.fourier.changed.connect(lambda name, value: self.model.update_fourier(**{name: value}))
        self.bar.fourier.wedge_changed.connect(self._set_wedge)
        self.pictures.failed.connect(lambda error: self.message.warn(str(error)))

    def _set_wedge(self, tilts: tuple[float, float] | None, axis: str) -> None:
        try:
            self.model.update(tilt_range=tilts, tilt_axis=axis)
        except ValueError as error:
            self.message.warn(str(error))

    def _show_wedges(self) -> None:
        """Show in the Fourier box what files and data say about the tilt range."""
        volumes = [entry.volume for entry in self.model.shown if entry.volume is not None]
        known = next((tilts for volume in volumes if (tilts := volume.recording.tilt_range)), None)
        found = [found_wedge(self.comparison.spectra, volume) for volume in volumes]
        reliable = next((item.wedge for item in found if item is not None and item.reliable), None)
        words = "" if reliable is None else f"{reliable.tilt_min:.0f}° to {reliable.tilt_max:.0f}°"
        self.bar.fourier.show_wedges(known, words)

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


__all__ = ["ComparePanel"]
