"""What a sample of two halves says of both: how they agree, shared noise, and a shift."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter

from napari_cryorestore.io.sampling import SLAB_PLANES, require_finite, sample_slabs
from napari_cryorestore.no_data import faded, find_no_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_cryorestore.no_data import NoData

    Floats = NDArray[np.float32]

_BACKGROUND = 5  # coarse pixels
_COARSE_PIXELS = 32
_WIDEST = 256  # pixels of a plane
_NARROWEST = 32
_FINEST, _MIDDLE, _COARSE = (0.4, 0.5), (0.2, 0.3), (0.02, 0.1)  # cycles/pixel
_MOST = 0.35  # correlation at the finest detail that two genuine halves may have
_FALL = 0.9  # of what it is at middle detail: the correlation by a signal falls faster
_LEAST = (1e-4, 1e-6)  # of the mean power at middle and coarse detail: below, the window's leakage is seen
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


__all__ = ["JointSample", "sampled", "shared_noise", "shift_of"]
