"""What a sample of two halves says of both together, where both hold data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import uniform_filter

from napari_cryorestore.io.sampling import SLAB_PLANES, require_finite, sample_slabs
from napari_cryorestore.io.shared_noise import shared_noise
from napari_cryorestore.no_data import find_no_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_cryorestore.no_data import NoData

    Floats = NDArray[np.float32]

_BACKGROUND = 5  # coarse pixels
_COARSE_PIXELS = 32


def sampled(half: NDArray[Any], name: str) -> Floats:
    """Return the sampled slabs as one volume; refuse what is not finite or constant."""
    sample = np.concatenate(list(sample_slabs(half)))
    require_finite(sample, name=f"The {name} half")
    if sample.min() == sample.max():
        value = f"{float(sample.flat[0]):g}"
        raise ValueError(
            f"The {name} half is constant (every voxel looked at is {value}): choose another file."
        )
    return sample


class JointSample:
    """What the sampled slabs of two halves say where both hold data.

    Parameters
    ----------
    even, odd : ndarray of float32, shape (planes, y, x)
        As `sampled` returns them.

    Attributes
    ----------
    found : NoData or None
        Where they hold no data.
    no_data : float
        Share of the voxels without data.
    alone : (float, float)
        The share that is constant in the even or the odd half alone.
    correlation : float
        Of the others.
    spreads : (float, float)
        Their standard deviation in either half.
    coarse : (float, float)
        Correlation of averages over blocks, without their slow background, and the standard error of none.
    shared_noise : float or None
        See `shared_noise`.
    """

    def __init__(self, even: Floats, odd: Floats) -> None:
        self.found: NoData | None = find_no_data(even, odd)
        found = self.found
        self.no_data = 0.0 if found is None else found.share
        self.alone = (0.0, 0.0) if found is None else found.alone
        products, coarse = np.zeros((3, 3)), []
        for start in range(0, len(even), SLAB_PLANES):
            slabs = even[start : start + SLAB_PLANES], odd[start : start + SLAB_PLANES]
            usable = (
                np.ones(slabs[0].shape, bool) if found is None else found.usable[start : start + SLAB_PLANES]
            )
            for planes in zip(*slabs, usable, strict=True):
                products += _moments(*planes)
            coarse.append([_coarse_picture(slab, usable) for slab in slabs])
        self.correlation, self.spreads = _from_moments(products)
        self.coarse = _coarse_correlation(coarse)
        self.shared_noise = shared_noise(even, odd, found)


def _moments(even: Floats, odd: Floats, usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    values = np.ones((3, int(np.count_nonzero(usable))))
    values[1], values[2] = even[usable], odd[usable]
    return np.asarray(values @ values.T)


def _from_moments(products: NDArray[np.float64]) -> tuple[float, tuple[float, float]]:
    """Return the correlation and both standard deviations."""
    if products[0, 0] == 0:
        return 0.0, (0.0, 0.0)
    moments = products / products[0, 0]
    covariance = moments[1:, 1:] - np.outer(moments[0, 1:], moments[0, 1:])
    first, second = (math.sqrt(max(float(covariance[i, i]), 0.0)) for i in (0, 1))
    # as one root: two of them multiplied can round a correlation of 1 to more
    scale = math.sqrt(max(float(covariance[0, 0] * covariance[1, 1]), 0.0))
    return (float(covariance[0, 1]) / scale if scale > 0 else 0.0), (first, second)


def _coarse_correlation(pictures: list[list[Floats]]) -> tuple[float, float]:
    """Correlation of the coarse pictures and the standard error of no correlation."""
    first, second = (np.concatenate(parts) for parts in zip(*pictures, strict=True))
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return (float(first @ second) / scale if scale > 0 else 0.0), 1.0 / math.sqrt(first.size)


def _coarse_picture(slab: Floats, filled: NDArray[np.bool_]) -> Floats:
    """Average a slab over its planes and over blocks, and take the slow background away."""
    # The outline of the empty part would agree between any two tomograms.
    mean = float(slab[filled].sum(dtype=np.float64)) / max(1, int(np.count_nonzero(filled)))
    plane = np.where(filled, slab, np.float32(mean)).mean(axis=0)
    block = min(max(min(plane.shape) // _COARSE_PIXELS, 4), 16)
    rows, columns = (min(block, length) for length in plane.shape)
    height, width = plane.shape[0] // rows, plane.shape[1] // columns
    blocks = plane[: height * rows, : width * columns].reshape(height, rows, width, columns)
    means: Floats = blocks.mean(axis=(1, 3), dtype=np.float32)
    # Ice gradients and the shape of the slab agree between any two tomograms.
    background = np.asarray(uniform_filter(means, _BACKGROUND, mode="reflect"), dtype=np.float32)
    return (means - background).ravel()


__all__ = ["JointSample", "sampled"]
