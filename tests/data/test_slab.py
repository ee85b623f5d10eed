"""The slab of ice is found between two planes, however it is tilted and however noisy the tomogram is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_cryorestore.data.slab import slab_mask
from napari_cryorestore.no_data import find_no_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (72, 96, 88)


def tilted_slab(
    *, along_y: float, along_x: float, strength: float, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return noise with structure in a slab of 30 voxels, and where that is."""
    random = np.random.default_rng(seed)
    z, y, x = np.ogrid[tuple(slice(0, size) for size in SHAPE)]
    middle = 36 + along_y * (y - SHAPE[1] / 2) + along_x * (x - SHAPE[2] / 2)
    inside = np.abs(z - middle) < 15
    structure = gaussian_filter(random.standard_normal(SHAPE), 2)
    noisy = inside * strength * structure / structure.std() + random.standard_normal(SHAPE)
    return noisy.astype(np.float32), inside


@pytest.mark.parametrize(("along_y", "along_x"), [(0.0, 0.0), (0.15, -0.2), (-0.2, 0.1)])
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_a_tilted_slab_is_found(along_y: float, along_x: float, strength: float) -> None:
    volume, inside = tilted_slab(along_y=along_y, along_x=along_x, strength=strength)
    found = slab_mask(volume)
    assert found.shape == SHAPE
    assert (found & inside).sum() / (found | inside).sum() > 0.8


def test_grey_values_and_their_sign_do_not_matter() -> None:
    volume, _ = tilted_slab(along_y=0.1, along_x=0.1, strength=1.0)
    assert (slab_mask(-1e-5 * volume - 3e-5) != slab_mask(volume)).mean() < 0.01  # but for rounding


def test_what_holds_no_data_is_left_out() -> None:
    volume, inside = tilted_slab(along_y=0.1, along_x=0.0, strength=1.0)
    volume[:, :, :20] = 0
    no_data = find_no_data(volume)
    assert no_data is not None
    found = slab_mask(no_data.filled(volume, 0), no_data=no_data)
    assert not found[:, :, :18].any()
    inside[:, :, :20] = False
    assert (found & inside).sum() / (found | inside).sum() > 0.7


def test_a_tomogram_too_small_to_tell_is_all_slab() -> None:
    assert slab_mask(np.random.default_rng(0).standard_normal((8, 8, 8)).astype(np.float32)).all()


def test_a_single_image_is_refused() -> None:
    with pytest.raises(ValueError, match="three axes"):
        slab_mask(np.zeros((8, 8)))
