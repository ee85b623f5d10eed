"""Compares the tilt range that is given with the empty sector of a tomogram's spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.data.imaging import wedge_of
from napari_cryorestore.physics.wedge_detection import DetectedWedge, detect_wedge, disagreement

if TYPE_CHECKING:
    from napari_cryorestore.io.tomogram import Tomogram


def wedge_warning(tomogram: Tomogram) -> str | None:
    """Return a sentence if the tilt range of a tomogram contradicts its spectrum."""
    given = wedge_of(tomogram)
    return None if given is None else disagreement(given, detect_wedge(tomogram.even))


def detected_words(detected: DetectedWedge) -> str:
    """Return what the spectrum says of the tilt range."""
    if not detected.reliable:
        return "not clear"
    wedge = detected.wedge
    return f"{wedge.tilt_min:.0f}…{wedge.tilt_max:.0f}°, tilt axis {wedge.tilt_axis}"


__all__ = ["detected_words", "wedge_warning"]
