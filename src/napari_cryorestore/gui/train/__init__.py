"""The Train panel: from two half tomograms to a running training."""

from __future__ import annotations

from napari_cryorestore.gui.train.panel import TrainPanel

__all__ = ["TrainPanel"]
