"""Tilt-series projection and weighted back-projection, each the exact adjoint geometry of the other.

By the projection-slice theorem the projection of f(z, y, x) at tilt θ has the Fourier transform

    F(k, y) = Σ_zx f(z, y, x) exp(-2πi k (x cos θ + z sin θ)),

so a tilt of θ measures the direction k_z / k_x = tan θ, the sign convention of the wedge mask. The sums are
evaluated directly as matrix products: no interpolation, no gridding. Coordinates count from ``n // 2``.
The Nyquist frequency of an even camera is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROLL_OFF = 0.3
"""Where the radial filter starts to fall, in cycles/voxel; it reaches zero at 0.5."""


def project(volume: NDArray[np.float32], angles: Sequence[float], *, width: int) -> NDArray[np.float32]:
    """Project a volume along z after tilting it about y.

    Parameters
    ----------
    volume : array (z, y, x)
        Density.
    angles : sequence of float
        Tilt angles in degrees.
    width : int
        Pixels of the camera along x. What falls beyond an edge comes in at the other one.

    Returns
    -------
    array (tilts, y, width)
        Sums of density along the beam, float32.
    """
    depth, height, length = volume.shape
    flat = np.ascontiguousarray(volume, np.float32).reshape(depth * height, length)
    images = np.empty((len(angles), height, width), np.float32)
    for image, angle in zip(images, np.radians(angles), strict=True):
        across = _waves(length, np.cos(angle), width)
        along = _waves(depth, np.sin(angle), width)
        partial = (flat @ across.view(np.float32)).view(np.complex64).reshape(depth, height, -1)
        image[:] = _to_camera(np.einsum("zyk,zk->yk", partial, along), width)
    return images


def back_project(
    images: NDArray[np.float32], angles: Sequence[float], *, shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Smear images back into a volume: the adjoint of `project`.

    Parameters
    ----------
    images : array (tilts, y, width)
        Projections.
    angles : sequence of float
        Tilt angles in degrees, one per image.
    shape : tuple of int
        Shape (z, y, x) of the volume; y is that of the images.

    Returns
    -------
    array (z, y, x)
        float32.
    """
    spectra = _from_camera(images) * _multiplicity(images.shape[-1])
    return _smear(spectra.astype(np.complex64), angles, shape, images.shape[-1])


def weighted_back_project(
    images: NDArray[np.float32], angles: Sequence[float], *, shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Reconstruct a volume by ramp-filtered back-projection.

    Every measured frequency gets the weight ``Δθ |k|`` (Δθ the angle to the neighbouring tilts), which
    restores the amplitude of the density, times a round cosine roll-off from 0.3 to 0.5 cycles/voxel.

    Parameters
    ----------
    images : array (tilts, y, width)
        Projections.
    angles : sequence of float
        Tilt angles in degrees, ascending, one per image; at least two.
    shape : tuple of int
        Shape (z, y, x) of the volume; y is that of the images.

    Returns
    -------
    array (z, y, x)
        float32.
    """
    height, width = images.shape[-2:]
    frequency = _frequencies(width)
    roll_off = _roll_off(np.hypot(np.fft.fftfreq(height)[:, None], frequency))
    spectra = np.fft.fft(_from_camera(images), axis=1) * (roll_off * frequency * _multiplicity(width))
    spectra *= np.gradient(np.radians(np.asarray(angles, float)))[:, None, None]
    return _smear(np.fft.ifft(spectra, axis=1).astype(np.complex64), angles, shape, width)


def _smear(
    spectra: NDArray[np.complex64], angles: Sequence[float], shape: tuple[int, int, int], width: int
) -> NDArray[np.float32]:
    depth, height, length = shape
    volume = np.zeros((depth * height, length), np.float32)
    for spectrum, angle in zip(spectra, np.radians(angles), strict=True):
        across = _waves(length, np.cos(angle), width)
        along = _waves(depth, np.sin(angle), width).conj()
        sheets = spectrum * along[:, None, :]
        volume += sheets.reshape(depth * height, -1).view(np.float32) @ across.view(np.float32).T
    return volume.reshape(shape)


def _waves(length: int, slope: float, width: int) -> NDArray[np.complex64]:
    """Return exp(-2πi k slope x), shape (length, frequencies)."""
    positions = slope * (np.arange(length) - length // 2)
    waves: NDArray[np.complex64] = np.exp(-2j * np.pi * np.outer(positions, _frequencies(width))).astype(
        np.complex64
    )
    return waves


def _frequencies(width: int) -> NDArray[np.float64]:
    return np.arange((width + 1) // 2) / width


def _multiplicity(width: int) -> NDArray[np.float64]:
    """Count each frequency with its negative twin, in the normalisation of the inverse transform."""
    return np.where(np.arange((width + 1) // 2) == 0, 1.0, 2.0) / width


def _roll_off(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    position = np.clip((frequency - ROLL_OFF) / (0.5 - ROLL_OFF), 0, 1)
    fall: NDArray[np.float64] = 0.5 + 0.5 * np.cos(np.pi * position)
    return fall


def _to_camera(spectrum: NDArray[np.complex64], width: int) -> NDArray[np.float64]:
    return np.fft.fftshift(np.fft.irfft(spectrum, n=width, axis=-1), axes=-1)


def _from_camera(images: NDArray[np.float32]) -> NDArray[np.complex128]:
    width = images.shape[-1]
    return np.fft.rfft(np.fft.ifftshift(images, axes=-1), axis=-1)[..., : (width + 1) // 2]
