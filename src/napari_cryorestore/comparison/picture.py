"""A picture of a volume as any door can paint it, and how its columns lie in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cryorestore.comparison.config import Column

    Image = NDArray[np.float32]
    Levels = tuple[float, float]


class Plane(NamedTuple):
    """Which axes (0 z, 1 y, 2 x) a column shows: through which it cuts, downwards, and to the right."""

    through: int
    down: int
    across: int


PLANES: dict[Column, Plane] = {
    "XY": Plane(0, 1, 2),
    "XZ": Plane(1, 0, 2),
    "YZ": Plane(2, 0, 1),
    "|F|xy": Plane(0, 1, 2),
    "|F|xz": Plane(1, 0, 2),
    "|F|yz": Plane(2, 0, 1),
}
SECTIONS: tuple[Column, ...] = ("XY", "XZ", "YZ")
SPECTRA: tuple[Column, ...] = ("|F|xy", "|F|xz", "|F|yz")


@dataclass(frozen=True, eq=False)
class Picture:
    """A section, or a slice of the Fourier magnitude, in its own pixels.

    Attributes
    ----------
    image : array, shape (down, across), float32
        NaN where there is nothing to show.
    extent : (float, float, float, float)
        Left, right, top and bottom: the outer edges of the outer pixels, in Å, or in 1/Å for spectra.
    levels : (float, float), optional
        What is black and what is white.
    crosshair : (float, float), optional
        Where the crosshair lies, across and down, in the units of the extent.
    warning : str, optional
        What the user should know of it, in one sentence.
    """

    image: Image
    extent: tuple[float, float, float, float]
    levels: Levels | None = None
    crosshair: tuple[float, float] | None = None
    warning: str | None = None


__all__ = ["PLANES", "SECTIONS", "SPECTRA", "Picture", "Plane"]
