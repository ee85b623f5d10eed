"""The preview history: an image layer that gains a frame per snapshot along *training time*."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_cryorestore.gui.layers import KEY, UNITS, LayerOrigin, contrast_limits, origin_of
from napari_cryorestore.gui.monitor.preview_frames import GrowingFrames, Placement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari import Viewer
    from napari.layers import Image

AXES = ("training time", "z", "y", "x")


class HistoryLayer:
    """Owns the layer of a `GrowingFrames`: contrast, zoom and slider are the user's and stay.

    Parameters
    ----------
    viewer
        Where the layer is.
    frames
        What it shows; call `sync` after every change.

    Attributes
    ----------
    dismissed : bool
        Whether the user deleted the layer, which then stays away until `revive`.
    step_selected : Signal(int)
        The user moved the slider of training time to the frame of this step.
    """

    step_selected = Signal(int)

    def __init__(self, viewer: Viewer, frames: GrowingFrames) -> None:
        self.frames = frames
        self.placement = Placement()
        self.layer: Image | None = None
        self.step: int | None = None
        self.dismissed = False
        self._viewer = viewer
        self._own_limits: tuple[float, float] | None = None
        self._limits_of: set[int] = set()
        self._busy = False
        viewer.dims.events.current_step.connect(self._slider_moved)
        viewer.layers.events.removed.connect(self._layer_removed)

    def sync(self) -> None:
        """Show what the frames are now; the slider stays at its step, wherever that has moved to."""
        if not len(self.frames):
            self.remove()
            return
        if self.dismissed:
            return
        with self._quietly():
            if self.layer is None:
                self._add_layer()
            else:
                self.layer.data = self.frames
        self._fit_contrast()
        self.show(self.step if self.step is not None else self.frames.steps[-1])

    def revive(self) -> None:
        """Put the layer back if the user deleted it."""
        if self.dismissed:
            self.dismissed = False
            self.sync()

    def show(self, step: float) -> None:
        """Move the slider to the frame nearest to a step."""
        nearest = self.frames.nearest(step)
        self.step = nearest
        if nearest is None or self.layer is None:
            return
        self.layer.metadata[KEY]["step"] = nearest
        with self._quietly():
            self._viewer.dims.set_point(self._axis, self.frames.steps.index(nearest))

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        layer, self.layer = self.layer, None
        self.step = self._own_limits = None
        self.dismissed = False
        self._limits_of.clear()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def disconnect(self) -> None:
        """Leave the viewer alone from now on; the layer stays."""
        self._viewer.dims.events.current_step.disconnect(self._slider_moved)
        self._viewer.layers.events.removed.disconnect(self._layer_removed)

    @property
    def limits(self) -> tuple[float, float]:
        """The contrast limits in use."""
        if self.layer is None:
            return 0.0, 1.0
        low, high = self.layer.contrast_limits
        return float(low), float(high)

    @property
    def _axis(self) -> int:
        return int(self._viewer.dims.ndim) - self.frames.ndim

    def _add_layer(self) -> None:
        place = self.placement
        voxel = place.voxel_size or 1.0
        origin = LayerOrigin(voxel_size=place.voxel_size, run=place.run, label="training history")
        self._remove_earlier()
        self._limits_of.clear()
        self._own_limits = contrast_limits(self.frames[0])
        self.layer = self._viewer.add_image(
            self.frames,
            name=place.name,
            scale=(1.0, voxel, voxel, voxel),
            translate=(0.0, *(voxel * first for first in place.start)),
            units=("pixel", *UNITS),
            axis_labels=AXES,
            contrast_limits=self._own_limits,
            metadata={KEY: asdict(origin)},
            rgb=False,
            multiscale=False,
        )
        self._look_at_it()

    def _remove_earlier(self) -> None:
        """Take out what a panel that was closed since has left of the same run."""
        for layer in list(self._viewer.layers):
            origin = origin_of(layer)
            if layer.ndim == self.frames.ndim and origin is not None and origin.run == self.placement.run:
                self._viewer.layers.remove(layer)

    def _look_at_it(self) -> None:
        """Go to the middle of the crop, which may be a small part of a tomogram."""
        for axis, (first, length) in enumerate(
            zip(self.placement.start, self.frames.shape[1:], strict=True), 1
        ):
            middle = (first + length // 2) * (self.placement.voxel_size or 1.0)
            self._viewer.dims.set_point(self._axis + axis, middle)
        self._viewer.fit_to_view(layers=[self.layer])

    def _fit_contrast(self) -> None:
        """Widen the limits to what was restored so far, unless the user has set them.

        The input is much noisier than what is restored from it, so it counts only while it is alone.
        """
        if self.layer is None or not np.allclose(self.limits, self._own_limits or (0, 0), rtol=1e-4):
            return
        new = [step for step in self.frames.steps if step > 0 and step not in self._limits_of]
        if not new:
            return
        limits = [contrast_limits(self.frames.frame(step)) for step in new]
        if self._limits_of and self._own_limits is not None:
            limits.append(self._own_limits)
        self._limits_of.update(new)
        self._own_limits = min(low for low, _ in limits), max(high for _, high in limits)
        self.layer.contrast_limits = self._own_limits

    def _slider_moved(self) -> None:
        if self._busy or self.layer is None or not len(self.frames):
            return
        index = round(float(self._viewer.dims.point[self._axis]))
        step = self.frames.steps[min(max(index, 0), len(self.frames) - 1)]
        if step != self.step:
            self.step = step
            self.layer.metadata[KEY]["step"] = step
            self.step_selected.emit(step)

    def _layer_removed(self, event: Any) -> None:
        if self.layer is not None and event.value == self.layer:
            self.layer = None
            self.dismissed = True

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before


__all__ = ["AXES", "HistoryLayer"]
