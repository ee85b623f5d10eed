"""The Compare panel: volumes side by side, in real and in Fourier space."""

from __future__ import annotations

from napari_cryorestore.gui.compare.panel import ComparePanel

__all__ = ["ComparePanel"]
