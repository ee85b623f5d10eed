"""The crosshair and the viewer's sliders, kept at the same place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari import Viewer

    from napari_cryorestore.comparison.model import CompareModel

PATIENCE = 40
"""Milliseconds that the viewer, which paints slowly, is behind a crosshair that is being dragged."""
_AXES = 3


class ViewerLink(QObject):
    """Moves the viewer's sliders with the crosshair, and the crosshair with those sliders that are there.

    In the comparison, positions are measured from the outer corner of a volume's first voxel; napari has its
    centre at 0. They are half a voxel of the finest layer apart.

    Parameters
    ----------
    viewer : Viewer
        Its last three axes are z, y, x in Å.
    model : CompareModel
        Whose crosshair.
    """

    def __init__(self, viewer: Viewer, model: CompareModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._model = viewer, model
        self._busy = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.push)
        viewer.dims.events.point.connect(self._slider_moved)
        model.changed.connect(self._model_changed)

    def leave(self) -> None:
        """Leave viewer and model alone from now on."""
        self._timer.stop()
        with suppress(ValueError, KeyError):
            self._viewer.dims.events.point.disconnect(self._slider_moved)
        self._model.changed.disconnect(self._model_changed)

    def push(self) -> None:
        """Put the viewer's sliders at the crosshair."""
        cursor, dims = self._model.cursor, self._viewer.dims
        if cursor is None or dims.ndim < _AXES:
            return
        first = dims.ndim - _AXES
        axes = range(first, dims.ndim)
        self._busy = True
        try:
            dims.set_point(axes, [place - self._half(axis) for place, axis in zip(cursor, axes, strict=True)])
        finally:
            self._busy = False

    def pull(self) -> None:
        """Put the crosshair where the viewer's sliders are, along the axes that have one."""
        cursor, dims = self._model.cursor, self._viewer.dims
        if cursor is None or dims.ndim < _AXES:
            return
        first = dims.ndim - _AXES
        wanted = list(cursor)
        for axis in dims.not_displayed:
            if axis >= first:
                wanted[axis - first] = dims.point[axis] + self._half(axis)
        self._busy = True
        try:
            self._model.set_cursor(wanted)
        finally:
            self._busy = False

    def _half(self, axis: int) -> float:
        return float(self._viewer.dims.range[axis].step) / 2

    def _slider_moved(self) -> None:
        if not self._busy and not self._timer.isActive():
            self.pull()

    def _model_changed(self, what: str) -> None:
        if what == "cursor" and not self._busy and not self._timer.isActive():
            self._timer.start(PATIENCE)


__all__ = ["PATIENCE", "ViewerLink"]
