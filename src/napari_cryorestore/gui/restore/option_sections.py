"""The Result and the Advanced section: where results go, and what is automatic unless chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from napari_cryorestore.compute_config import DeviceConfig, ResultConfig, TilingConfig
from napari_cryorestore.config import settings_of
from napari_cryorestore.gui.editors import AUTOMATIC, combo_box
from napari_cryorestore.gui.forms import ConfigForm
from napari_cryorestore.gui.panel_layout import LABEL_WIDTH, add_row, grid_of
from napari_cryorestore.gui.typed_values import to_text

if TYPE_CHECKING:
    from napari_cryorestore.gui.restore.request import RestoreRequest
    from napari_cryorestore.recording import Recording

_AXES = {"": AUTOMATIC, "y": "y", "x": "x"}


class OutputSection(QWidget):
    """Edits where results go.

    Attributes
    ----------
    value_changed
        The user chose or typed.
    browse_requested
        A folder is to be chosen in a dialog.
    """

    value_changed = Signal()
    browse_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.saves, self.shows = QCheckBox("file in"), QCheckBox("layer")
        self.back = QCheckBox("under the fine detail of the raw tomogram")
        self.output, self.browse = QLineEdit(), QToolButton()
        self.browse.setText("…")
        self.output.setClearButtonEnabled(True)
        self.output.setToolTip("A folder, or a file; empty takes the one shown. Nothing is ever overwritten.")
        self.shows.setToolTip("Add the result to the viewer; it stays on disk and takes no memory.")
        (back,) = settings_of(ResultConfig)
        self.back.setToolTip(back.help)
        grid = grid_of(self)
        add_row(grid, self.saves, self.output, self.browse)
        add_row(grid, self.shows)
        add_row(grid, self.back)
        for box in (self.saves, self.shows, self.back):
            box.toggled.connect(self.value_changed)
        self.output.textEdited.connect(self.value_changed)
        self.browse.clicked.connect(self.browse_requested)

    def value(self) -> dict[str, Any]:
        """Return the fields of `RestoreRequest` that are edited here."""
        return {
            "saves": self.saves.isChecked(),
            "shows": self.shows.isChecked(),
            "output": self.output.text(),
            "add_back": self.back.isChecked(),
        }

    def show_request(self, request: RestoreRequest, folder: str) -> None:
        """Show what is requested, and the folder that is taken if none is typed, without announcing it."""
        shown = ((self.saves, request.saves), (self.shows, request.shows), (self.back, request.add_back))
        self.back.setVisible(request.learned_binned)
        for box, checked in shown:
            box.blockSignals(True)
            box.setChecked(checked)
            box.blockSignals(False)
        if self.output.text() != request.output:
            self.output.setText(request.output)
        self.output.setPlaceholderText(folder)
        for widget in (self.output, self.browse):
            widget.setEnabled(request.saves)


class ComputeSection(QWidget):
    """Edits what is automatic unless somebody knows better.

    Attributes
    ----------
    value_changed
        The user chose or typed.
    """

    value_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tiling = ConfigForm(TilingConfig, label_width=LABEL_WIDTH)
        self.hardware = ConfigForm(DeviceConfig, hidden={"device"}, label_width=LABEL_WIDTH)
        self.tilt_axis = combo_box()
        self.voxel_size, self.tilt_min, self.tilt_max = QLineEdit(), QLineEdit(), QLineEdit()
        self._prepare()
        recording = QWidget()
        grid = grid_of(recording)
        add_row(grid, "voxel size (Å)", self.voxel_size)
        add_row(grid, "tilt range (°)", self.tilt_min, QLabel("…"), self.tilt_max)
        add_row(grid, "tilt axis", self.tilt_axis)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for part in (recording, self.tiling, self.hardware):
            layout.addWidget(part)

    def value(self) -> dict[str, Any]:
        """Return the fields of `RestoreRequest` edited here; of a form with something invalid, none."""
        forms = {"tiling": self.tiling, "hardware": self.hardware}
        return {
            **{name: form.value() for name, form in forms.items() if not form.problem},
            "voxel_size": self.voxel_size.text(),
            "tilt_min": self.tilt_min.text(),
            "tilt_max": self.tilt_max.text(),
            "tilt_axis": list(_AXES)[max(self.tilt_axis.currentIndex(), 0)],
        }

    @property
    def problem(self) -> str:
        """What is wrong in one of the forms, in a sentence; empty if nothing is."""
        return "; ".join(form.problem for form in (self.tiling, self.hardware) if form.problem)

    def show_request(self, request: RestoreRequest, known: Recording) -> None:
        """Show what is requested, and what is taken where nothing is, without announcing it."""
        for form, config in ((self.tiling, request.tiling), (self.hardware, request.hardware)):
            if not form.problem and form.value() != config:
                form.blockSignals(True)
                form.setValue(config)
                form.blockSignals(False)
        low, high = known.tilt_range or (None, None)
        fields = (
            (self.voxel_size, request.voxel_size, known.voxel_size),
            (self.tilt_min, request.tilt_min, low),
            (self.tilt_max, request.tilt_max, high),
        )
        for field, text, value in fields:
            if field.text() != text:
                field.setText(text)
            field.setPlaceholderText(AUTOMATIC if value is None else f"{value:.4g}".replace("-", "−"))
        self.tilt_axis.setCurrentIndex(list(_AXES).index(request.tilt_axis))

    def summary(self) -> str:
        """Return what differs from automatic, in a few words."""
        words = [*_changes(self.tiling), *_changes(self.hardware, without=("device",))]
        words += [f"{self.voxel_size.text()} Å"] * bool(self.voxel_size.text())
        words += [f"{self.tilt_min.text()}…{self.tilt_max.text()}°"] * bool(self.tilt_min.text())
        words += [f"axis {self.tilt_axis.currentText()}"] * bool(self.tilt_axis.currentIndex())
        return ", ".join(words) or "all automatic"

    def _prepare(self) -> None:
        for form in (self.tiling, self.hardware):
            form.value_changed.connect(self.value_changed)
        self.tilt_axis.addItems(list(_AXES.values()))
        self.tilt_axis.activated.connect(self.value_changed)
        self.voxel_size.setToolTip("Edge of a voxel, where the file does not say.")
        self.tilt_axis.setToolTip("The axis about which the specimen was tilted.")
        for field in (self.tilt_min, self.tilt_max):
            field.setToolTip("Tilt angles; from a tilt file beside the tomogram, or from the run.")
        for field in (self.voxel_size, self.tilt_min, self.tilt_max):
            field.textEdited.connect(self.value_changed)


def _changes(form: ConfigForm, *, without: tuple[str, ...] = ()) -> list[str]:
    """Return what of a form differs from the defaults, e.g. ``tile 96``."""
    if form.problem:
        return []
    value = form.value()
    return [
        f"{item.label} {to_text(getattr(value, item.path[0]))}"
        for item in settings_of(form.config)
        if item.path[0] not in without and getattr(value, item.path[0]) != item.default
    ]


__all__ = ["ComputeSection", "OutputSection"]
