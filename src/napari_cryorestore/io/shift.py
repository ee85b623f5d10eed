"""How far one half is shifted against the other, by the peak of their cross-correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft

from napari_cryorestore.no_data import faded, find_no_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_BLOCK = 128  # voxels
_TAPER = 0.16  # share of every axis over which a block fades in and out
_SLOWEST = (
    1 / 40
)  # cycles/voxel: what is slower, such as ice that gets thicker, lies alike in any two tomograms
_CLEAR = 8.0  # times the usual size of the correlation, by which it is higher than without a shift
_HIGHER = 2.0  # times the next peak: one of structure on structure stands alone, one of chance does not
_MORE = 0.1  # of the peak, which is so much higher: structure smoother than that does not mind
_WIDTH = 8  # voxels around a peak that belong to it
_FARTHEST = 0.25  # share of the block up to which a shift is looked for


def shift_of(even: NDArray[Any], odd: NDArray[Any]) -> tuple[int, int, int]:
    """Return by how many voxels (z, y, x) the odd half is shifted against the even one; 0 if it is not.

    Parameters
    ----------
    even, odd : ndarray, shape (z, y, x)
        Of one shape; the block of at most 128³ voxels in the middle of what holds data is compared.
    """
    place = _middle(even)
    first, second = (np.asarray(half[place], dtype=np.float32) for half in (even, odd))
    no_data = find_no_data(first, second)
    if no_data is not None:
        weight = no_data.soft_mask()
        first, second = faded(first, weight), faded(second, weight)
    correlation = _near(_cross_correlation(first, second))
    middle = np.array(correlation.shape) // 2
    peak = np.unravel_index(int(correlation.argmax()), correlation.shape)
    usual = 1.4826 * float(np.median(np.abs(correlation - np.median(correlation))))
    highest, unshifted = float(correlation[peak]), max(0.0, float(correlation[tuple(middle)]))
    stands_alone = highest > _HIGHER * _next_peak(correlation, peak) and highest > -float(correlation.min())
    if not stands_alone or highest - unshifted < max(_CLEAR * usual, _MORE * highest):
        return 0, 0, 0
    z, y, x = (int(at) for at in np.array(peak) - middle)
    return z, y, x


def _near(correlation: Floats) -> Floats:
    """Return the lags up to a share of the block, zero in the middle: beyond, too little overlaps."""
    centred = fft.fftshift(correlation)
    reach = [int(_FARTHEST * length) for length in correlation.shape]
    places = [slice(n // 2 - far, n // 2 + far + 1) for n, far in zip(correlation.shape, reach, strict=True)]
    return np.asarray(centred[tuple(places)])


def _next_peak(correlation: Floats, peak: tuple[Any, ...]) -> float:
    """Return the highest correlation away from a peak."""
    others = correlation.copy()
    others[tuple(slice(max(0, at - _WIDTH), at + _WIDTH + 1) for at in peak)] = -np.inf
    return float(others.max())


def _middle(volume: NDArray[Any]) -> tuple[slice, ...]:
    return tuple(slice((n - min(n, _BLOCK)) // 2, (n + min(n, _BLOCK)) // 2) for n in volume.shape)


def _cross_correlation(even: Floats, odd: Floats) -> Floats:
    """Return Σ odd(v + lag) even(v) for every lag, without what varies slowly."""
    spectra = [fft.rfftn(_tapered(half)) for half in (even, odd)]
    axes = [np.fft.fftfreq(length) for length in even.shape[:2]] + [np.fft.rfftfreq(even.shape[2])]
    squares = sum(np.square(k) for k in np.meshgrid(*axes, indexing="ij", sparse=True))
    product = spectra[1] * spectra[0].conj() * (squares > _SLOWEST**2)
    return np.asarray(fft.irfftn(product, s=even.shape), dtype=np.float32)


def _tapered(volume: Floats) -> Floats:
    values = volume - np.float32(volume.mean(dtype=np.float64))
    for axis, length in enumerate(volume.shape):
        position = (np.arange(length, dtype=np.float32) + 0.5) / length
        ramp = np.sin(np.pi / 2 * np.minimum(np.minimum(position, 1 - position) / _TAPER, 1)) ** 2
        values *= ramp.astype(np.float32).reshape([-1 if other == axis else 1 for other in range(3)])
    return values


__all__ = ["shift_of"]
