"""Whether two half tomograms belong together, judged from a sample of their voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import uniform_filter

from napari_cryorestore.io.sampling import require_finite, sample_slabs

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_VOLUME = 0.999
_WEAK = 0.05
_CLEAR = 0.1
_STANDARD_ERRORS = 4.0
_BACKGROUND = 5


@dataclass(frozen=True)
class HalvesCheck:
    """What a sample of two halves says about them.

    Attributes
    ----------
    correlation : float
        Correlation of the voxels that are not empty.
    coarse_correlation : float
        The same for averages over blocks of 4 to 16 voxels a side, without their slow background: shared
        structure shows here even where the noise of single voxels hides it.
    empty_fraction : float
        Share of the voxels that are zero in both halves.
    message : str
        Size, voxel size, agreement and emptiness in one line.
    warning : str or None
        What looks wrong, in one sentence.
    """

    correlation: float
    coarse_correlation: float
    empty_fraction: float
    message: str
    warning: str | None = None


def check_halves(even: NDArray[Any], odd: NDArray[Any], *, voxel_size: float = 0.0) -> HalvesCheck:
    """Compare two half tomograms, in less than a second.

    Parameters
    ----------
    even, odd : ndarray
        Voxels (z, y, x); memory maps are read in at most twelve slabs of four planes.
    voxel_size : float
        Å, for the message; 0 if unknown.

    Returns
    -------
    HalvesCheck
        Numbers and the sentences to show.

    Raises
    ------
    ValueError
        If the halves differ in shape, are the same volume, or if one is constant or not finite.
    """
    require_equal_shapes(even, odd)
    first, second = _varied_sample(even, name="The even half"), _varied_sample(odd, name="The odd half")
    filled = (first != 0) | (second != 0)
    correlation = _correlation(first[filled], second[filled])
    if correlation > SAME_VOLUME:
        raise ValueError(
            f"The two halves are the same volume (correlation {correlation:.4f}): "
            "choose the tomograms made from different frames or tilts."
        )
    coarse, error = _coarse_correlation(first, second)
    warning = _warning(correlation, coarse, error)
    empty = 1.0 - float(filled.mean())
    agreement = "halves agree" if warning is None else "halves do not agree"
    message = f"{describe_size(even.shape, voxel_size)}, {agreement} (r = {correlation:.2g})"
    if empty >= 0.005:
        message += f", {100 * empty:.0f} % empty"
    return HalvesCheck(correlation, coarse, empty, message, warning)


def require_equal_shapes(even: NDArray[Any], odd: NDArray[Any]) -> None:
    """Refuse halves of different size.

    Parameters
    ----------
    even, odd : ndarray
        Voxels (z, y, x).

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if even.shape != odd.shape:
        raise ValueError(
            f"The halves differ in size: even is {_size(even.shape)}, odd is {_size(odd.shape)} (z×y×x); "
            "choose two halves of the same tomogram."
        )


def describe_size(shape: tuple[int, ...], voxel_size: float) -> str:
    """Write a size the way people say it.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x).
    voxel_size : float
        Å, 0 if unknown.

    Returns
    -------
    str
        For example "464×928×928, 8.0 Å".
    """
    unit = f"{voxel_size:.2f}".removesuffix("0") + " Å" if voxel_size > 0 else "voxel size unknown"
    return f"{_size(shape)}, {unit}"


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(length) for length in shape)


def _varied_sample(half: NDArray[Any], *, name: str) -> NDArray[np.float32]:
    sample = sample_slabs(half)
    require_finite(sample, name=name)
    low, high = float(sample.min()), float(sample.max())
    if low == high:
        raise ValueError(f"{name} is constant (every voxel looked at is {low:g}): choose another file.")
    return sample


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(dtype=np.float64).astype(np.float32), b - b.mean(dtype=np.float64).astype(np.float32)
    scale = math.sqrt(_inner(a, a) * _inner(b, b))
    return _inner(a, b) / scale if scale > 0 else 0.0


def _inner(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.einsum("...i,...i->...", a, b).sum(dtype=np.float64))


def _coarse_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[float, float]:
    """Correlation of block averages and the standard error of no correlation."""
    factor = min(max(min(a.shape[2:]) // 32, 4), 16)
    coarse = [_without_background(_block_means(slabs, factor)) for slabs in (a, b)]
    return _correlation(coarse[0], coarse[1]), 1.0 / math.sqrt(coarse[0].size)


def _block_means(slabs: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    planes = slabs.mean(axis=1)
    count, height, width = planes.shape
    rows, columns = min(factor, height), min(factor, width)
    cut = planes[:, : height // rows * rows, : width // columns * columns]
    blocks = cut.reshape(count, height // rows, rows, width // columns, columns)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4), dtype=np.float32)
    return means


def _without_background(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    # Ice gradients and the shape of the slab agree between any two tomograms.
    window = (1, _BACKGROUND, _BACKGROUND)
    background = np.asarray(uniform_filter(planes, window, mode="reflect"), dtype=np.float32)
    return planes - background


def _warning(correlation: float, coarse: float, error: float) -> str | None:
    limit = max(_WEAK, _STANDARD_ERRORS * error)
    if coarse < -limit:
        return (
            f"The halves have opposite contrast (coarse correlation {coarse:.2f}): "
            "one of them is inverted; invert it back before training."
        )
    if coarse < limit and correlation < _CLEAR:
        return (
            f"The halves seem unrelated (correlation {correlation:.3f}, {coarse:.3f} for coarse structure): "
            "check that both belong to the same tomogram and are not shifted or flipped."
        )
    return None
