"""The Wiener filter that two half maps prescribe for each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.physics.fourier import hann_window, hermitian_weight, irfft, radius, rfft
from napari_cryorestore.physics.fsc import shell_sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_cryorestore.no_data import NoData
    from napari_cryorestore.physics.wedge import Wedge

_BLOCK = 128  # voxels
_BLOCKS_PER_AXIS = 3
_SMOOTHING = 1.0  # shells, standard deviation
_ZERO = 0.02  # a correlation below this ...
_SUSTAINED = 3  # ... in so many shells in a row is the end of the signal
_HIGHEST = 0.999


@dataclass(frozen=True)
class RadialFilter:
    """A real, isotropic, linear filter.

    Attributes
    ----------
    weights : tuple of float
        Weight i of n applies at |k| = i / (2 (n - 1)) cycles/voxel; linear between, the last beyond Nyquist.

    Raises
    ------
    ValueError
        If there are fewer than two weights, or one is not finite.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.weights) < 2 or not all(math.isfinite(weight) for weight in self.weights):
            raise ValueError(f"A radial filter needs two or more finite weights, not {self.weights}.")

    def on(self, shape: Sequence[int], *, device: torch.device | str | None = None) -> Tensor:
        """Return the weight of every coefficient of the half spectrum.

        Parameters
        ----------
        shape : sequence of three ints
            (z, y, x) of the volume.

        Returns
        -------
        Tensor, shape (z, y, x // 2 + 1), float32
        """
        weights = torch.tensor(self.weights, dtype=torch.float32, device=device)
        last = len(self.weights) - 1
        position = (radius(shape, device=device) * (2 * last)).clamp_(max=last)
        lower = position.long().clamp_(max=last - 1)
        return torch.lerp(weights[lower], weights[lower + 1], position - lower)

    def at_shells(self, shape: Sequence[int], *, device: torch.device) -> Tensor:
        """Return the weight at each Fourier shell of a volume: that of one half is the half maps' FSC there.

        Parameters
        ----------
        shape : sequence of three ints
            (z, y, x) of the volume.

        Returns
        -------
        Tensor, shape (n_shells,), float32
            Of shells 1 to n, see `fourier.shell_index`.
        """
        return _at_shells(self, max(shape), device)

    def apply(self, x: Tensor) -> Tensor:
        """Filter volumes, circularly: pad and crop where the edges matter. Float32, also under autocast.

        Parameters
        ----------
        x : Tensor, shape (..., z, y, x)

        Returns
        -------
        Tensor, shape (..., z, y, x), float32
        """
        shape = x.shape[-3:]
        return irfft(rfft(x) * _kept(self, tuple(shape), x.device), shape)

    def for_mean(self) -> RadialFilter:
        """Turn the filter W = F for one half into the one for the mean of both, 2F / (1 + F)."""
        return RadialFilter(tuple(2 * weight / (1 + weight) for weight in self.weights))


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)
def _kept(wiener: RadialFilter, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return the weights of shapes used again and again: copying them to a device waits for it."""
    return wiener.on(shape, device=device)


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)
def _at_shells(wiener: RadialFilter, size: int, device: torch.device) -> Tensor:
    shells = np.arange(1, size // 2 + 1) / size
    weights = np.interp(shells, np.linspace(0.0, 0.5, len(wiener.weights)), wiener.weights)
    return torch.tensor(weights, dtype=torch.float32, device=device)


def half_map_wiener(
    even: NDArray[Any], odd: NDArray[Any], *, wedge: Wedge | None = None, no_data: NoData | None = None
) -> RadialFilter:
    """Estimate the Wiener filter for ONE half from the Fourier shell correlation F of the two.

    The halves hold one signal and independent noise of equal power, so the spectral signal-to-noise ratio of
    a half is SSNR = F / (1 - F), and its Wiener weight is SSNR / (SSNR + 1) = F. F is measured in up to 27
    Hann-windowed blocks of at most 128³ voxels, spread over the volume; shell sums are averaged over the
    blocks before the ratio is taken. F is then smoothed, clipped to [0, 0.999] and set to 0 beyond the first
    sustained fall to about 0.

    Parameters
    ----------
    even, odd : array, shape (z, y, x)
        Memory-mapped or not; only the blocks are read. Their scales and means need not agree.
    wedge : Wedge, optional
        Restricts F to the measured coefficients.
    no_data : NoData, optional
        What the blocks are faded out at, by one soft mask for both halves.

    Returns
    -------
    RadialFilter
        `RadialFilter.for_mean` makes the one for the mean of the halves of it.

    Raises
    ------
    ValueError
        If the halves differ in shape, contain NaN or infinite voxels, or share no signal.
    """
    if even.shape != odd.shape or even.ndim != 3:
        raise ValueError(
            f"The halves must be volumes (z, y, x) of one shape, not {even.shape} and {odd.shape}: "
            "choose the two halves of one tomogram."
        )
    shape = [min(size, _BLOCK) for size in even.shape]
    curve = _settle(_correlation((even, odd), shape, wedge, no_data))
    if not curve.any():
        raise ValueError(
            "The two halves share no signal (their Fourier shell correlation is 0), so no Wiener filter "
            "exists: check that they are halves of the same tomogram."
        )
    size = max(shape)
    shells = np.arange(1, curve.size + 1) / size
    points = np.linspace(0.0, 0.5, curve.size + 1)
    return RadialFilter(tuple(np.interp(points, shells, curve).tolist()))


def _correlation(
    halves: tuple[NDArray[Any], NDArray[Any]], shape: list[int], wedge: Wedge | None, no_data: NoData | None
) -> NDArray[np.float64]:
    """Return the correlation of shells 1 to n, without the empty ones' division by zero."""
    window, weight = hann_window(shape), hermitian_weight(shape)
    if wedge is not None:
        weight = weight * wedge.mask(shape)
    sums = np.zeros((3, max(shape) // 2))
    for box in _boxes(halves[0].shape, shape):
        soft = None if no_data is None else no_data.soft_mask(box)
        a, b = (_spectrum(half[box], window, soft) for half in halves)
        sums += torch.cat(shell_sums(a, b, shape, weight=weight)).numpy()
    norm = np.sqrt(sums[1] * sums[2])
    curve: NDArray[np.float64] = np.divide(sums[0], norm, out=np.zeros_like(norm), where=norm > 0)
    return curve


def _spectrum(block: NDArray[Any], window: Tensor, soft: NDArray[np.float32] | None) -> Tensor:
    values = np.asarray(block, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("A half map contains NaN or infinite voxels: reconstruct it again, or replace them.")
    if soft is None:
        values = values - values.mean()
    else:
        values = (values - np.average(values, weights=soft)) * soft if soft.any() else np.zeros_like(values)
    return rfft(torch.from_numpy(values) * window)[None]


def _boxes(volume: Sequence[int], block: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    starts = []
    for size, side in zip(volume, block, strict=True):
        count = min(_BLOCKS_PER_AXIS, -(-size // side))
        starts.append(np.linspace(0, size - side, count).round().astype(int).tolist())
    for corner in product(*starts):
        yield tuple(slice(start, start + side) for start, side in zip(corner, block, strict=True))


def _settle(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth, clip, and end the signal at its first sustained fall to zero."""
    reach = np.arange(-3, 4)
    kernel = np.exp(-0.5 * (reach / _SMOOTHING) ** 2)
    padded = np.pad(curve, 3, mode="edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid").clip(0.0, _HIGHEST)
    low = smooth < _ZERO
    for start in range(low.size):
        if low[start : start + _SUSTAINED].all():
            smooth[start:] = 0.0
            break
    return smooth
