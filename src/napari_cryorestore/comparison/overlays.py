"""What is drawn over Fourier pictures: rings of equal resolution, and the borders of the missing wedge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_cryorestore.comparison.picture import PLANES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_cryorestore.comparison.comparison_config import Column, ComparisonConfig, Position
    from napari_cryorestore.recording import Recording

    Line = tuple[tuple[float, float], ...]

_DIGITS = (1, 1.5, 2, 3, 4, 5, 8)
_MOST_RINGS = 3
_APART = 1.6  # of one ring's radius to the next one's


@dataclass(frozen=True)
class Overlay:
    """What is drawn over one Fourier picture.

    Attributes
    ----------
    rings : tuple of (float, str)
        Radius in 1/Å, and the resolution in words: ``"20 Å"``.
    wedge : tuple of lines
        Borders of the missing wedge after the tilt range; a line is a tuple of points (across, down) in 1/Å.
    detected : tuple of lines
        Those of the wedge that was found in the data.
    """

    rings: tuple[tuple[float, str], ...] = ()
    wedge: tuple[Line, ...] = ()
    detected: tuple[Line, ...] = ()


def overlays(
    config: ComparisonConfig,
    column: Column,
    voxel_size: Position,
    *,
    tilts: Recording | None = None,
    detected: Recording | None = None,
) -> Overlay:
    """Return what is drawn over a Fourier picture.

    Parameters
    ----------
    config : ComparisonConfig
        Whether rings and wedge are drawn, and where the slices cut.
    column : {"|F|xy", "|F|xz", "|F|yz"}
        Which slice; sections in real space have no overlay.
    voxel_size : Position
        Å along z, y, x, for the Nyquist frequency.
    tilts, detected : Recording, optional
        The tilts between which it was measured, as they are known, and as its spectrum shows them.

    Returns
    -------
    Overlay
    """
    if not column.startswith("|F|"):
        return Overlay()
    plane = PLANES[column]
    fourier = config.fourier
    highest = min(0.5 / voxel_size[plane.down], 0.5 / voxel_size[plane.across])
    drawn = [
        tuple(_borders(item, column, fourier.offset[plane.through], highest))
        if item is not None and fourier.wedge
        else ()
        for item in (tilts, detected)
    ]
    rings = tuple(_rings(highest, abs(fourier.offset[plane.through]))) if fourier.rings else ()
    return Overlay(rings, *drawn)


def _rings(highest: float, off: float) -> Iterator[tuple[float, str]]:
    """Choose round resolutions from the Nyquist frequency inwards."""
    last = math.inf
    found = 0
    for resolution in _round_numbers(1 / highest):
        frequency = 1 / resolution
        if frequency <= off or found == _MOST_RINGS:
            return
        radius = math.sqrt(frequency**2 - off**2)
        if radius <= highest * 0.95 and last / radius >= _APART:
            yield radius, f"{resolution:g} Å"
            last, found = radius, found + 1


def _round_numbers(least: float) -> Iterator[float]:
    """Yield the round numbers from one upwards."""
    power = 10.0 ** math.floor(math.log10(least))
    for _ in range(4):
        yield from (digit * power for digit in _DIGITS if digit * power >= least)
        power *= 10


def _borders(tilts: Recording, column: Column, off: float, highest: float) -> Iterator[Line]:
    """Yield where the planes kz = k tan φ cut a slice; k is kx for tilt axis y and ky for tilt axis x."""
    plane = PLANES[column]
    sideways = 2 if tilts.axis == "y" else 1
    for angle in tilts.tilt_range or ():
        if abs(angle) == 90:
            continue
        slope = math.tan(math.radians(angle))
        if plane.through not in (0, sideways):  # the slice across the tilt axis: two lines through the centre
            reach = math.cos(math.radians(angle)) * highest, math.sin(math.radians(angle)) * highest
            yield ((-reach[0], -reach[1]), reach)
        elif plane.through == sideways:  # along beam and tilt axis
            if (
                off and abs(off * slope) <= highest
            ):  # through the centre only the tilt axis itself is measured
                yield ((-highest, off * slope), (highest, off * slope))
        elif off and abs(off) <= highest * abs(slope):  # across the beam, beside the centre
            place = off / slope
            yield _across(place, highest) if plane.across == sideways else _down(place, highest)


def _across(place: float, highest: float) -> Line:
    return ((place, -highest), (place, highest))


def _down(place: float, highest: float) -> Line:
    return ((-highest, place), (highest, place))


__all__ = ["Overlay", "overlays"]
