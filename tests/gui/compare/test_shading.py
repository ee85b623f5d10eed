from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.comparison.picture import Picture
from napari_cryorestore.gui.compare.shading import block_means, fitting_factor, painted, shade_table

GREYS = np.linspace(0, 1, 256)[:, None] * np.ones(4)


def picture(image: np.ndarray) -> Picture:
    return Picture(image.astype(np.float32), extent=(0.0, 10.0 * image.shape[1], 0.0, 10.0 * image.shape[0]))


def test_black_and_white_are_where_the_levels_are() -> None:
    made = painted(picture(np.array([[-5.0, 0.0, 0.5, 1.0, 9.0]])), shade_table(GREYS), levels=(0.0, 1.0))
    assert [hex(pixel) for pixel in made.pixels[0]] == [
        "0xff000000",
        "0xff000000",
        "0xff808080",
        "0xffffffff",
        "0xffffffff",
    ]
    assert made.pixels.flags.c_contiguous


def test_inverting_exchanges_dark_and_bright() -> None:
    assert (shade_table(GREYS, inverted=True) == shade_table(GREYS)[::-1]).all()


def test_holes_are_transparent() -> None:
    made = painted(picture(np.array([[np.nan, 1.0]])), shade_table(GREYS), levels=(0.0, 1.0))
    assert made.pixels[0, 0] == 0
    assert made.pixels[0, 1] != 0


@pytest.mark.parametrize(("shape", "factor"), [((4, 6), 2), ((5, 7), 2), ((5, 7), 4), ((3, 3), 1)])
def test_binning_averages_blocks(shape: tuple[int, int], factor: int) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    result = block_means(image, factor)
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            block = image[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            assert result[row, column] == pytest.approx(block.mean(), abs=1e-5)
    assert result.shape == tuple(-(-length // factor) for length in shape)


def test_the_last_block_is_drawn_as_large_as_the_others() -> None:
    made = painted(picture(np.zeros((4, 5))), shade_table(GREYS), levels=(0.0, 1.0), factor=2)
    assert made.extent == (0, 60, 0, 40)


def test_the_number_under_the_pointer_is_that_of_the_picture() -> None:
    image = np.arange(6.0).reshape(2, 3)
    image[1, 2] = np.nan
    made = painted(picture(image), shade_table(GREYS), levels=(0.0, 5.0), factor=2)
    assert made.value_at(15.0, 5.0) == 1
    assert made.value_at(1.0, 19.0) == 3
    assert made.value_at(25.0, 15.0) is None
    assert made.value_at(-1.0, 5.0) is None
    assert made.value_at(31.0, 5.0) is None


def test_pixels_are_averaged_where_the_screen_is_coarser() -> None:
    assert [fitting_factor(10.0, pixel) for pixel in (1.0, 10.0, 19.0, 40.0)] == [1, 1, 2, 4]
