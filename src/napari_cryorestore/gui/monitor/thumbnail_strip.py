"""The pinned steps as small images: a click goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QAction, QIcon, QImage, QPixmap
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem, QMenu

from napari_cryorestore.gui.layers import contrast_limits
from napari_cryorestore.gui.monitor.model import name_of
from napari_cryorestore.gui.monitor.preview_frames import INPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QPoint

    from napari_cryorestore.gui.monitor.preview_frames import GrowingFrames

EDGE = 64
_STEP = int(Qt.ItemDataRole.UserRole)


class ThumbnailStrip(QListWidget):
    """The untouched crop and the pinned steps.

    Attributes
    ----------
    chosen : Signal(int)
        The user clicked at a step.
    unpinned : Signal(int)
        The user wants a step unpinned.
    """

    chosen = Signal(int)
    unpinned = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[object, ...] = ()
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setIconSize(QSize(EDGE, EDGE))
        self.setSpacing(2)
        self.setUniformItemSizes(True)
        self.setToolTip("Pinned steps: click to go there, right-click to unpin.")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        self.itemClicked.connect(lambda item: self.chosen.emit(item.data(_STEP)))

    def sizeHint(self) -> QSize:
        """Ask for one column, or one row."""
        return QSize(EDGE + 36, EDGE + 36)

    def show_steps(
        self,
        frames: GrowingFrames,
        steps: Sequence[int],
        *,
        limits: tuple[float, float],
        selected: int | None,
    ) -> None:
        """Show the frames of some steps; images are made anew only where something changed."""
        shown = (tuple(steps), tuple(round(limit, 3) for limit in limits), frames.shape[1:])
        if shown != self._shown:
            self._shown = shown
            self.clear()
            for step in steps:
                frame = frames.frame(step)
                own = contrast_limits(frame) if step == INPUT else limits  # the input is far noisier
                self._add(step, thumbnail(frame, own, edge=EDGE))
        for item in self._items():
            item.setSelected(item.data(_STEP) == selected)

    def steps(self) -> list[int]:
        """Return the steps that are shown."""
        return [int(item.data(_STEP)) for item in self._items()]

    def _items(self) -> list[QListWidgetItem]:
        return [item for row in range(self.count()) if (item := self.item(row)) is not None]

    def _add(self, step: int, grey: np.ndarray) -> None:
        height, width = grey.shape
        image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
        pixels = QPixmap.fromImage(image).scaled(
            EDGE, EDGE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        icon = QIcon(pixels)
        icon.addPixmap(pixels, QIcon.Mode.Selected)  # else it is tinted
        item = QListWidgetItem(icon, name_of(step), self)
        item.setData(_STEP, step)
        item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)

    def _open_menu(self, place: QPoint) -> None:
        item = self.itemAt(place)
        if item is None or item.data(_STEP) == INPUT:
            return
        step = int(item.data(_STEP))
        menu = QMenu(self)
        unpin = QAction(f"Unpin step {step}", menu)
        unpin.triggered.connect(lambda: self.unpinned.emit(step))
        menu.addAction(unpin)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(place))


def thumbnail(frame: np.ndarray, limits: tuple[float, float], *, edge: int) -> np.ndarray:
    """Return the middle plane of a frame as a small grey image.

    Parameters
    ----------
    frame : array, shape (z, y, x)
        The frame.
    limits : tuple of float
        The values that become black and white.
    edge : int
        Pixels along the longer side.

    Returns
    -------
    array, shape (height, width), uint8, C-contiguous
        Neighbouring voxels are averaged where the plane is larger than the image.
    """
    plane = np.asarray(frame[len(frame) // 2], dtype=np.float32)
    factor = max(1, -(-max(plane.shape) // edge))
    height, width = (max(1, length // factor) for length in plane.shape)
    cut = plane[: height * factor, : width * factor]
    coarse = cut.reshape(height, min(factor, len(cut)), width, -1).mean(axis=(1, 3))
    low, high = limits
    shades = (np.nan_to_num(coarse) - low) / max(high - low, 1e-12)
    return np.ascontiguousarray((255 * np.clip(shades, 0, 1)).astype(np.uint8))


__all__ = ["EDGE", "ThumbnailStrip", "thumbnail"]
