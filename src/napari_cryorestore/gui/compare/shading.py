"""From the numbers of a picture to the pixels on the screen; numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_cryorestore.comparison.picture import Levels, Picture

SHADES = 256


@dataclass(frozen=True, eq=False)
class Painted:
    """A picture with its pixels as the screen shows them.

    Attributes
    ----------
    picture : Picture
        What was painted; its numbers are shown under the pointer.
    pixels : array, shape (down, across), uint32, C-contiguous
        0xAARRGGBB; nothing (0) where the picture has no finite value.
    extent : (float, float, float, float)
        Left, right, top and bottom of the pixels, in the picture's units.
    """

    picture: Picture
    pixels: NDArray[np.uint32]
    extent: tuple[float, float, float, float]

    def value_at(self, across: float, down: float) -> float | None:
        """Return the number at a place in the units of the picture's extent; ``None`` outside or for NaN."""
        left, right, top, bottom = self.picture.extent
        height, width = self.picture.image.shape
        column = int((across - left) / (right - left) * width)
        row = int((down - top) / (bottom - top) * height)
        if across < left or down < top or not (row < height and column < width):
            return None
        value = float(self.picture.image[row, column])
        return value if np.isfinite(value) else None


def shade_table(colours: NDArray[np.floating], *, inverted: bool = False) -> NDArray[np.uint32]:
    """Turn a colour map into the table that `painted` looks shades up in.

    Parameters
    ----------
    colours : array, shape (256, 4)
        Red, green, blue and opacity from dark to bright, each 0 to 1.
    inverted : bool
        Whether dark and bright change places.

    Returns
    -------
    array, shape (256,), uint32
        0xFFRRGGBB.
    """
    red, green, blue = (np.rint(255 * colours[:, channel]).astype(np.uint32) for channel in range(3))
    table: NDArray[np.uint32] = np.uint32(0xFF000000) | red << 16 | green << 8 | blue
    return np.ascontiguousarray(table[::-1] if inverted else table)


def painted(picture: Picture, table: NDArray[np.uint32], *, levels: Levels, factor: int = 1) -> Painted:
    """Give every pixel of a picture its colour.

    Parameters
    ----------
    picture : Picture
        What to paint.
    table : array, shape (256,), uint32
        From `shade_table`.
    levels : (float, float)
        Black and white.
    factor : int
        So many pixels along either side are averaged into one, where the screen is that much coarser.
    """
    image = block_means(picture.image, factor)
    low, high = levels
    with np.errstate(invalid="ignore", over="ignore"):
        shade = (image - np.float32(low)) * np.float32(SHADES / max(high - low, 1e-30))
    holes = np.isnan(shade)
    pixels = table[np.clip(np.nan_to_num(shade), 0, SHADES - 1).astype(np.uint8)]
    if holes.any():
        pixels[holes] = 0
    return Painted(picture, np.ascontiguousarray(pixels), _extent(picture, factor))


def block_means(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Average blocks of factor × factor pixels; NaN spreads over its block, borders average fewer pixels."""
    if factor <= 1:
        return image
    sums = _sums(_sums(image, factor).T, factor).T
    heights, widths = (_block_lengths(length, factor) for length in image.shape)
    mean: NDArray[np.float32] = sums / (heights[:, None] * widths)
    return mean


def _sums(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Add up so many rows at a time."""
    if len(image) % factor == 0:  # the same as below, several times as quickly
        return np.add.reduce([image[first::factor] for first in range(factor)])
    return np.add.reduceat(image, np.arange(0, len(image), factor), axis=0)


def _block_lengths(length: int, factor: int) -> NDArray[np.float32]:
    return np.diff(np.append(np.arange(0, length, factor), length)).astype(np.float32)


def fitting_factor(voxel: float, pixel: float) -> int:
    """Return how many voxels go into a pixel: 1, 2, 4 …, so that zooming rarely changes it."""
    factor = 1
    while 2 * factor * voxel <= pixel * 1.2:
        factor *= 2
    return factor


def _extent(picture: Picture, factor: int) -> tuple[float, float, float, float]:
    """Let the last block of a row or column be as large as the others."""
    left, right, top, bottom = picture.extent
    height, width = picture.image.shape
    wide, high = (-(-length // factor) * factor / length for length in (width, height))
    return left, left + (right - left) * wide, top, top + (bottom - top) * high


__all__ = ["Painted", "block_means", "fitting_factor", "painted", "shade_table"]
