"""Contrast settings: black and white, chosen over a histogram, and colour maps; and their control."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QVBoxLayout, QWidget
from superqt import QDoubleRangeSlider, QElidingLabel

from napari_cryorestore.gui.panel_layout import add_row, grid_of

if TYPE_CHECKING:
    from napari_cryorestore.comparison.comparison_config import ComparisonConfig
    from napari_cryorestore.comparison.model import CompareModel
    from napari_cryorestore.comparison.picture import Levels
    from napari_cryorestore.gui.compare.colours import Colours
    from napari_cryorestore.gui.compare.painters import Row, SectionRequest
    from napari_cryorestore.gui.compare.picture_control import PictureControl


MODES = {"row": "each row separately", "linked": "the same for all rows", "manual": "by hand"}
_BINS = 96
_OUTLIERS = 0.02  # percent at either end that the histogram leaves out
_SLIDER_STEPS = 1000


class ContrastBox(QWidget):
    """Shows and edits the contrast; keeps nothing but what is shown.

    Attributes
    ----------
    changed : Signal(str, object)
        A field of `ComparisonConfig` and its new value.
    limits_chosen : Signal(object, bool)
        Black and white of the row shown, and whether all rows are meant.
    """

    changed = Signal(str, object)
    limits_chosen = Signal(object, bool)

    def __init__(self) -> None:
        super().__init__()
        self._showing = False
        self._range = (0.0, 1.0)
        self.mode, self.row = QComboBox(), QElidingLabel()
        for name, words in MODES.items():
            self.mode.addItem(words, name)
        self.histogram = _Histogram()
        self.slider = QDoubleRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _SLIDER_STEPS)
        self.slider.setToolTip("Drag the ends: black at the left, white at the right.")
        self.limits = QElidingLabel()
        self.limits.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.every_row = QCheckBox("same for all rows")
        self.inverted = QCheckBox("invert dark and bright")
        self.colormap, self.fourier_colormap = _map_box(), _map_box()
        self._lay_out()
        self._connect()

    def show_config(self, config: ComparisonConfig) -> None:
        """Show settings."""
        self._showing = True
        self.mode.setCurrentIndex(self.mode.findData(config.contrast))
        self.inverted.setChecked(config.inverted)
        for box, name in ((self.colormap, config.colormap), (self.fourier_colormap, config.fourier_colormap)):
            box.setCurrentIndex(box.findText(name))
        self._showing = False

    def show_values(self, name: str, values: np.ndarray, limits: Levels) -> None:
        """Show the histogram of a row's values, and its black and white.

        Parameters
        ----------
        name : str
            The row's name.
        values : array, shape (n,)
            Finite values of its sections; may be empty.
        limits : (float, float)
            Black and white.
        """
        self._showing = True
        low, high = np.percentile(values, (_OUTLIERS, 100 - _OUTLIERS)) if values.size else limits
        low, high = min(low, limits[0]), max(high, limits[1])
        self._range = (float(low), float(high if high > low else low + 1))
        self.row.setText(name)
        self.histogram.show_values(values, self._range)
        self.slider.setValue(tuple(self._to_slider(limit) for limit in limits))
        self._show_limits(limits)
        self._showing = False

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.histogram.set_colours(colours)

    def _show_limits(self, limits: Levels) -> None:
        self.limits.setText(f"{limits[0]:.4g} … {limits[1]:.4g}")
        self.histogram.show_limits(limits)

    def _to_slider(self, value: float) -> float:
        low, high = self._range
        return _SLIDER_STEPS * (value - low) / (high - low)

    def _slid(self, places: tuple[float, float]) -> None:
        low, high = self._range
        limits = tuple(low + (high - low) * place / _SLIDER_STEPS for place in places)
        if self._showing or not limits[0] < limits[1]:
            return
        self._show_limits((limits[0], limits[1]))
        self.limits_chosen.emit((limits[0], limits[1]), self.every_row.isChecked())

    def _tell(self, field: str, value: object) -> None:
        if not self._showing:
            self.changed.emit(field, value)

    def _connect(self) -> None:
        self.mode.currentIndexChanged.connect(lambda _: self._tell("contrast", self.mode.currentData()))
        self.inverted.toggled.connect(lambda checked: self._tell("inverted", checked))
        self.colormap.currentTextChanged.connect(lambda name: self._tell("colormap", name))
        self.fourier_colormap.currentTextChanged.connect(lambda name: self._tell("fourier_colormap", name))
        self.slider.valueChanged.connect(self._slid)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        above, beneath = QWidget(), QWidget()
        top, below = grid_of(above), grid_of(beneath)
        add_row(top, "Contrast", self.mode)
        add_row(top, "Row", self.row)
        add_row(below, "", self.every_row)
        add_row(below, "Sections", self.colormap)
        add_row(below, "", self.inverted)
        add_row(below, "Fourier", self.fourier_colormap)
        for part in (above, self.histogram, self.slider, self.limits, beneath):
            layout.addWidget(part)
        self.setFixedWidth(310)


class _Histogram(pg.PlotWidget):
    """How often values occur, on a logarithmic scale."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setFixedHeight(90)
        self.plotItem.hideAxis("left")
        self.plotItem.hideAxis("bottom")
        self.plotItem.hideButtons()
        self.plotItem.setMouseEnabled(x=False, y=False)
        self.plotItem.setContentsMargins(0, 0, 0, 0)
        self._curve = pg.PlotCurveItem([0, 1], [0], stepMode="center", fillLevel=0)
        self._region = pg.LinearRegionItem(movable=False)
        self.addItem(self._curve)
        self.addItem(self._region, ignoreBounds=True)

    def show_values(self, values: np.ndarray, span: tuple[float, float]) -> None:
        counts, edges = np.histogram(values, bins=_BINS, range=span)
        self._curve.setData(edges, np.log1p(counts))
        self.plotItem.setXRange(*span, padding=0)

    def show_limits(self, limits: Levels) -> None:
        self._region.setRegion(limits)

    def set_colours(self, colours: Colours) -> None:
        self.setBackground(colours.cell)
        self._curve.setPen(pg.mkPen(None))
        self._curve.setBrush(pg.mkBrush(colours.faint))
        shade = pg.mkColor(colours.chosen)
        shade.setAlphaF(0.25)
        self._region.setBrush(pg.mkBrush(shade))
        for line in self._region.lines:
            line.setPen(pg.mkPen(colours.chosen, width=1.5))


def _map_box() -> QComboBox:
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    box = QComboBox()
    box.addItems(sorted(name for name in AVAILABLE_COLORMAPS if not name.startswith(("HiLo", "nan"))))
    return box


class ContrastControl:
    """Shows the values of the chosen row, and sets black and white by hand.

    Parameters
    ----------
    box : ContrastBox
        Where it is set.
    model : CompareModel
        Whose rows.
    pictures : PictureControl
        Their sections.
    """

    def __init__(self, box: ContrastBox, model: CompareModel, pictures: PictureControl) -> None:
        self._box, self._model, self._pictures = box, model, pictures
        self._box.changed.connect(lambda name, value: self._model.update(**{name: value}))
        self._box.limits_chosen.connect(self._set_limits)

    def show(self) -> None:
        """Show the histogram of the chosen row's sections."""
        request = self._pictures.section_request()
        row = self._row(request)
        if request is None or row is None:
            return
        pictures = self._pictures.sections.samples(row, request)
        values = np.concatenate([np.zeros(0, np.float32), *(picture.image.ravel() for picture in pictures)])
        limits = self._pictures.sections.levels(request)[row.number]
        self._box.show_values(self._model.entry(row.number).config.name, values[np.isfinite(values)], limits)

    def _row(self, request: SectionRequest | None) -> Row | None:
        chosen = self._model.chosen
        if request is None or chosen is None:
            return None
        return next(row for row in request.rows if row.number == chosen.number)

    def _set_limits(self, limits: Levels, every_row: bool) -> None:
        row = self._row(self._pictures.section_request())
        if row is None:
            return
        numbers = [entry.number for entry in self._model.entries] if every_row else [row.number]
        for number in numbers:
            self._model.set_limits(number, limits)
        self._model.update(contrast="manual")


__all__ = ["MODES", "ContrastBox", "ContrastControl"]
