"""Whether two halves share their noise: they then agree at the finest detail, where signals have faded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_cryorestore.no_data import NoData

    Floats = NDArray[np.float32]

_WIDEST = 256  # pixels of a plane
_NARROWEST = 32
_FINEST, _MIDDLE, _COARSE = (0.4, 0.5), (0.2, 0.3), (0.02, 0.1)  # cycles/pixel
_MOST = 0.35  # correlation at the finest detail that two genuine halves may have
_FALL = 0.9  # of what it is at middle detail: the correlation by a signal falls faster
_LEAST = (1e-4, 1e-6)  # of the mean power at middle and coarse detail: below, the window's leakage is seen


def shared_noise(even: Floats, odd: Floats, no_data: NoData | None) -> float | None:
    """Return the correlation of two halves at the finest detail, if no signal explains it; else None.

    Halves that were low-pass filtered hold next to nothing there, which tells nothing.

    Parameters
    ----------
    even, odd : ndarray, shape (z, y, x)
        Some planes of either half.
    no_data : NoData or None
        What to leave out of them.
    """
    side = min(_WIDEST, *even.shape[1:])
    if side < _NARROWEST:
        return None
    place = tuple(slice((length - side) // 2, (length + side) // 2) for length in even.shape[1:])
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    bands = [(low <= radius) & (radius < high) for low, high in (_FINEST, _MIDDLE, _COARSE)]
    sums = np.zeros((len(bands), 3))
    for z, planes in enumerate(zip(even, odd, strict=True)):
        weight = window if no_data is None else window * no_data.usable[(z, *place)]
        sums += _sums([_spectrum(plane[place], weight) for plane in planes], bands)
    if _is_faded(sums[:, 1:] / [[np.count_nonzero(band)] for band in bands]):
        return None
    finest, middle = (float(cross / np.sqrt(one * other)) for cross, one, other in sums[:2])
    return finest if finest > _MOST and finest > _FALL * middle else None


def _is_faded(powers: NDArray[np.float64]) -> bool:
    """Tell from mean powers (bands, halves) whether next to nothing is left at the finest detail."""
    finest, middle, coarse = powers
    return bool(np.any((finest <= _LEAST[0] * middle) | (finest <= _LEAST[1] * coarse)))


def _spectrum(plane: Floats, weight: Floats) -> NDArray[np.complex64]:
    total = float(weight.sum(dtype=np.float64)) or 1.0
    mean = np.float32((plane * weight).sum(dtype=np.float64) / total)
    return np.asarray(fft.rfft2((plane - mean) * weight))


def _sums(spectra: list[NDArray[np.complex64]], bands: list[NDArray[np.bool_]]) -> NDArray[np.float64]:
    even, odd = spectra
    products = (even * odd.conj()).real, np.square(np.abs(even)), np.square(np.abs(odd))
    return np.array([[float(product[band].sum()) for product in products] for band in bands])


__all__ = ["shared_noise"]
