"""The Monitor panel: watching a run learn, going back in its time, and choosing a step."""

from __future__ import annotations

from napari_cryorestore.gui.monitor.panel import MonitorPanel

__all__ = ["MonitorPanel"]
