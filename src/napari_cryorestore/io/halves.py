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
_COARSE_PIXELS = 32


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
    sample = _JointSample()
    for first, second in zip(sample_slabs(even), sample_slabs(odd), strict=True):
        sample.add(first, second)
    sample.refuse_constant()
    correlation = sample.correlation()
    if correlation > SAME_VOLUME:
        raise ValueError(
            f"The two halves are the same volume (correlation {correlation:.4f}): "
            "choose the tomograms made from different frames or tilts."
        )
    coarse, error = sample.coarse_correlation()
    warning = _warning(correlation, coarse, error)
    empty = sample.empty_fraction()
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


class _JointSample:
    """Moments of the voxels that are not empty in both halves, and the coarse picture of each slab."""

    def __init__(self) -> None:
        self._seen = 0
        self._products = np.zeros((3, 3))
        self._ranges = {"even": (math.inf, -math.inf), "odd": (math.inf, -math.inf)}
        self._coarse: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []

    def add(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
        for slab, name in ((first, "even"), (second, "odd")):
            require_finite(slab, name=f"The {name} half")
            low, high = self._ranges[name]
            self._ranges[name] = (min(low, float(slab.min())), max(high, float(slab.max())))
        for plane, other in zip(first, second, strict=True):
            self._add_moments(plane, other)
        self._seen += first.size
        filled = (first != 0) | (second != 0)
        self._coarse.append((_coarse_picture(first, filled), _coarse_picture(second, filled)))

    def _add_moments(self, plane: NDArray[np.float32], other: NDArray[np.float32]) -> None:
        filled = (plane != 0) | (other != 0)
        values = np.ones((3, int(np.count_nonzero(filled))))
        values[1], values[2] = plane[filled], other[filled]
        self._products += values @ values.T

    def refuse_constant(self) -> None:
        for name, (low, high) in self._ranges.items():
            if low == high:
                raise ValueError(
                    f"The {name} half is constant (every voxel looked at is {low:g}): choose another file."
                )

    def empty_fraction(self) -> float:
        return 1.0 - float(self._products[0, 0]) / self._seen

    def correlation(self) -> float:
        moments = self._products / self._products[0, 0]
        covariance = moments[1:, 1:] - np.outer(moments[0, 1:], moments[0, 1:])
        scale = math.sqrt(max(float(covariance[0, 0] * covariance[1, 1]), 0.0))
        return float(covariance[0, 1]) / scale if scale > 0 else 0.0

    def coarse_correlation(self) -> tuple[float, float]:
        """Correlation of the coarse pictures and the standard error of no correlation."""
        first, second = (np.concatenate(pictures) for pictures in zip(*self._coarse, strict=True))
        scale = float(np.linalg.norm(first) * np.linalg.norm(second))
        return (float(first @ second) / scale if scale > 0 else 0.0), 1.0 / math.sqrt(first.size)


def _coarse_picture(slab: NDArray[np.float32], filled: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Average a slab over its planes and over blocks, and take the slow background away."""
    # The outline of the empty part would agree between any two tomograms.
    mean = float(slab.sum(dtype=np.float64)) / max(1, int(np.count_nonzero(filled)))
    plane = np.where(filled, slab, np.float32(mean)).mean(axis=0)
    block = min(max(min(plane.shape) // _COARSE_PIXELS, 4), 16)
    rows, columns = (min(block, length) for length in plane.shape)
    height, width = plane.shape[0] // rows, plane.shape[1] // columns
    blocks = plane[: height * rows, : width * columns].reshape(height, rows, width, columns)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    # Ice gradients and the shape of the slab agree between any two tomograms.
    background = np.asarray(uniform_filter(means, _BACKGROUND, mode="reflect"), dtype=np.float32)
    return (means - background).ravel()


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
