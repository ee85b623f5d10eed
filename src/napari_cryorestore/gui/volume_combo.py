"""A combo box of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox

from napari_cryorestore.gui.editors import fit_dock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.gui.volume import Volume

NOTHING = "none"


class VolumeCombo(QComboBox):
    """Chooses one of the volumes on offer, or none."""

    def __init__(self) -> None:
        super().__init__()
        fit_dock(self)
        self._volumes: list[Volume | None] = [None]
        self.addItem(NOTHING)

    def volume(self) -> Volume | None:
        """Return the volume chosen."""
        return self._volumes[max(self.currentIndex(), 0)]

    def choose(self, volume: Volume | None) -> None:
        """Choose a volume; none if it is not on offer."""
        self.setCurrentIndex(self._volumes.index(volume) if volume in self._volumes else 0)

    def offer(self, volumes: Sequence[Volume]) -> None:
        """List volumes; what was chosen stays if it is still there."""
        chosen = self.volume()
        self._volumes = [None, *volumes]
        self.clear()
        self.addItems([NOTHING, *(volume.name for volume in volumes)])
        self.choose(chosen)


__all__ = ["NOTHING", "VolumeCombo"]
