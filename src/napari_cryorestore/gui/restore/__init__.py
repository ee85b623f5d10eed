"""The Restore panel: from a trained step to whole restored tomograms."""

from __future__ import annotations

from napari_cryorestore.gui.restore.panel import RestorePanel

__all__ = ["RestorePanel"]
