"""A picture of a volume, how its columns lie in space, and what is black and white in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_cryorestore.comparison.comparison_config import Column

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
_MOST_PIXELS = 1 << 16  # of a picture, for its contrast


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


def levels_of(pictures: Iterable[Picture], percentiles: tuple[float, float] = (0.5, 99.5)) -> Levels:
    """Return the percentiles of all pixels of some pictures together.

    Parameters
    ----------
    pictures : iterable of Picture
        Of one row, or of all rows where contrast is linked. Large ones are sampled; NaN is left out.
    percentiles : (float, float)
        Shares in percent.

    Returns
    -------
    (float, float)
        Black and white, of which the second is always the higher.
    """
    return _levels([_sample(picture.image) for picture in pictures], percentiles)


def _levels(samples: list[NDArray[np.float32]], percentiles: tuple[float, float]) -> Levels:
    values = _finite(samples)
    if not values.size:
        return 0.0, 1.0
    low, high = (float(level) for level in np.percentile(values, percentiles))
    if high > low:
        return low, high
    reach = max(abs(low), 1.0) * 1e-3
    return low - reach, low + reach


def _finite(samples: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.concatenate([np.zeros(0, np.float32), *samples])
    return values.compress(np.isfinite(values))


def _sample(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return evenly spread pixels, whatever the width, so that no column of the image is favoured."""
    step = max(1, int(np.ceil(np.sqrt(image.size / _MOST_PIXELS))))
    return np.asarray(image[::step, ::step], dtype=np.float32).ravel()


def round_length(most: float) -> float:
    """Return how long a scale bar is: the longest of 1, 2, 5, 10, 20 … that is not above a length."""
    power = 10.0 ** math.floor(math.log10(max(most, 1e-9)))
    return next(power * digit for digit in (5, 2, 1) if power * digit <= most * (1 + 1e-9))


__all__ = ["PLANES", "SECTIONS", "SPECTRA", "Picture", "Plane", "levels_of", "round_length"]
