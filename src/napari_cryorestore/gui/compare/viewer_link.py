"""The crosshair and the viewer's sliders, kept at the same place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from napari.layers import Layer, Points
    from numpy.typing import NDArray

    from napari_cryorestore.comparison.model import CompareModel

PATIENCE = 120
"""Milliseconds between two moves of the viewer, which paints slowly, while the crosshair is being dragged."""
_MOST_WAITS = 4  # so many times in turn: while the crosshair is dragged, something is always being painted
_SAME = 0.5  # of half a voxel
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

    Attributes
    ----------
    is_painting : callable
        Tells whether pictures are still being painted, for which the viewer waits a while.
    """

    def __init__(self, viewer: Viewer, model: CompareModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._model = viewer, model
        self._busy = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._rested)
        self.is_painting: Callable[[], bool] = lambda: False
        self._waited = 0
        viewer.dims.events.point.connect(self._slider_moved)
        model.changed.connect(self._model_changed)

    def leave(self) -> None:
        """Leave viewer and model alone from now on."""
        self._timer.stop()
        with suppress(ValueError, KeyError):
            self._viewer.dims.events.point.disconnect(self._slider_moved)
        self._model.changed.disconnect(self._model_changed)

    def _rested(self) -> None:
        """Let the pictures be painted first: the viewer would take from them what both need."""
        self._waited = self._waited + 1 if self.is_painting() else 0
        if 0 < self._waited < _MOST_WAITS:
            self._timer.start(PATIENCE)
        else:
            self._waited = 0
            self.push()

    def push(self) -> None:
        """Put the viewer's sliders at the crosshair; napari reads anew for each, so only those that moved."""
        cursor, dims = self._model.cursor, self._viewer.dims
        first = dims.ndim - _AXES
        if cursor is None or first < 0:
            return
        self._busy = True
        try:
            for axis in dims.not_displayed:
                place = cursor[axis - first] - self._half(axis) if axis >= first else dims.point[axis]
                if abs(place - dims.point[axis]) > _SAME * self._half(axis):
                    dims.set_point(axis, place)
        finally:
            self._busy = False

    def pull(self) -> None:
        """Put the crosshair where the viewer's sliders are, along the axes that have one."""
        cursor, dims = self._model.cursor, self._viewer.dims
        if cursor is None or dims.ndim < _AXES:
            return
        first = dims.ndim - _AXES
        position = list(cursor)
        for axis in dims.not_displayed:
            if axis >= first:
                position[axis - first] = dims.point[axis] + self._half(axis)
        self._busy = True
        try:
            self._model.set_cursor(position)
        finally:
            self._busy = False

    def points_layers(self, *, selected: bool = False) -> list[Points]:
        """Return the layers of points in space, or those of them that are selected."""
        from napari.layers import Points

        layers = self._viewer.layers.selection if selected else self._viewer.layers
        return [layer for layer in layers if isinstance(layer, Points) and layer.ndim >= _AXES]

    def positions(self, layer: Layer) -> NDArray[np.float64]:
        """Return the points (n, 3) of a points layer, z, y, x in Å in the frame of the comparison."""
        half = [self._half(axis) for axis in range(self._viewer.dims.ndim - _AXES, self._viewer.dims.ndim)]
        world = np.asarray(layer.data)[:, -_AXES:] * layer.scale[-_AXES:] + layer.translate[-_AXES:]
        return np.asarray(world + half, dtype=np.float64)

    def _half(self, axis: int) -> float:
        return float(self._viewer.dims.range[axis].step) / 2

    def _slider_moved(self) -> None:
        if not self._busy and not self._timer.isActive():
            self.pull()

    def _model_changed(self, what: str) -> None:
        if what == "cursor" and not self._busy and not self._timer.isActive():
            self._timer.start(PATIENCE)


__all__ = ["PATIENCE", "ViewerLink"]
