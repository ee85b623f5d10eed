"""Slices through the Fourier transform of a volume, without the transform of the volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Triple = tuple[int, int, int]

CHUNK = 16
"""Planes (y, x) read at a time."""
_MOST_BYTES = 2**24  # of a chunk of float32, so that a wide volume takes no more memory than a narrow one
_MEAN_PLANES = 4  # which tell the mean well enough for float32 to hold the rest


@dataclass(frozen=True, eq=False)
class FourierSlices:
    """Fourier magnitudes in three planes.

    Attributes
    ----------
    magnitude : tuple of three arrays, float32, or None where not requested
        In the planes of constant kz (y, x), ky (z, x) and kx (z, y), zero frequency at ``n // 2``.
    shape : (int, int, int)
        Of the volume.
    offsets : (int, int, int)
        Index of kz, ky and kx in those planes; 0 is through the centre.
    warning : str, optional
        What the user should know of it.
    """

    magnitude: tuple[Floats | None, Floats | None, Floats | None]
    shape: Triple
    offsets: Triple = (0, 0, 0)
    warning: str | None = None


def fourier_slices(
    volume: Any,
    *,
    window: bool = True,
    offsets: Sequence[int] = (0, 0, 0),
    planes: Sequence[int] = (0, 1, 2),
    progress: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> FourierSlices:
    """Compute Fourier magnitudes in up to three planes, in one pass over a volume.

    By the projection-slice theorem the plane kz = k of the transform is the two-dimensional transform of
    Σ_z v(z, y, x) exp(-2πi k z / n), and so for the other axes. The mean is subtracted. Held at any
    time: a few planes of the volume and the sums.

    Parameters
    ----------
    volume : array-like, shape (z, y, x)
        Of any real type; read in slabs along z. Voxels that are not finite count as the mean.
    window : bool
        Whether to multiply by the periodic Hann window, sin²(π i / n) along every axis, which removes
        the cross that opposite borders make where they do not match.
    offsets : sequence of int
        Index of kz, ky and kx, negative or not.
    planes : sequence of int
        Which planes to take, by the axis that they cut through: 0, 1, 2.
    progress : callable
        Is told the share done, 0 to 1.
    cancelled : callable
        Returns whether to end; called once per slab.

    Returns
    -------
    FourierSlices
        Equal to the planes of ``abs(fftn(window * (v - mean)))`` up to 1e-5 of their largest value.

    Raises
    ------
    InterruptedError
        If `cancelled` says so.
    ValueError
        If the volume has not three axes or is empty, or there is no such plane or offset.
    """
    shape = _checked_shape(volume)
    offsets = _checked(offsets, shape, planes)
    weights = [_Weights.along(size, k, window) for size, k in zip(shape, offsets, strict=True)]
    sums = _Sums(shape, weights, frozenset(planes))
    guess = _mean_of_some(volume)
    count = max(1, min(CHUNK, _MOST_BYTES // (4 * shape[1] * shape[2])))
    room = np.empty((count, *shape[1:]), dtype=np.float32)
    for start in range(0, shape[0], count):
        if cancelled():
            raise InterruptedError("The Fourier slices were cancelled.")
        block = room[: min(count, shape[0] - start)]
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(np.asarray(volume[start : start + len(block)]), guess, out=block, casting="unsafe")
        sums.add(start, block)
        progress(min(1.0, (start + count) / shape[0]))
    return FourierSlices(sums.magnitudes(), shape, offsets, sums.warning())


@dataclass(frozen=True)
class _Weights:
    """What planes along an axis are multiplied by: a window, and a wave where the slice is not central."""

    window: NDArray[np.float64]
    rows: Floats  # (1, n): the window; (2, n): its product with cosine and sine

    @classmethod
    def along(cls, size: int, k: int, window: bool) -> _Weights:
        taper = np.sin(np.pi * np.arange(size) / size) ** 2 if window else np.ones(size)
        wave = np.exp(-2j * np.pi * (k * np.arange(size) % size) / size)
        rows = taper[None] if k == 0 else np.stack([taper * wave.real, taper * wave.imag])
        return cls(taper, rows.astype(np.float32))

    def complex_sum(self) -> complex:
        """Return the sum of what the planes are multiplied by."""
        return complex(_joined(self.rows.astype(np.float64)).sum())


class _Sums:
    """The weighted sums of a volume along its axes, and the sum of all its voxels."""

    def __init__(self, shape: Triple, weights: list[_Weights], planes: frozenset[int]) -> None:
        z, y, x = shape
        self._weights, self._planes, self._shape = weights, planes, shape
        parts = [len(item.rows) for item in weights]
        self._along_z = np.zeros((parts[0], y, x), dtype=np.float64)
        self._along_y = np.zeros((parts[1], z, x), dtype=np.float64)
        self._along_x = np.zeros((parts[2], z, y), dtype=np.float64)
        self._total, self._missing = 0.0, 0

    def add(self, start: int, block: Floats) -> None:
        """Add planes (n, y, x), which are changed where they are not finite."""
        stop = start + len(block)
        lines = block.sum(axis=2)
        if not np.isfinite(lines).all():
            self._missing += block.size - int(np.count_nonzero(np.isfinite(block)))
            np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
            lines = block.sum(axis=2)
        self._total += float(lines.sum(dtype=np.float64))
        z, y, x = (item.rows for item in self._weights)
        # einsum rather than matmul: as fast, and its one thread does not wait for others on a busy computer
        for part, row in enumerate(z if 0 in self._planes else ()):
            self._along_z[part] += np.einsum("z,zyx->yx", row[start:stop], block)
        for part, row in enumerate(y if 1 in self._planes else ()):
            self._along_y[part, start:stop] = np.einsum("y,zyx->zx", row, block)
        for part, row in enumerate(x if 2 in self._planes else ()):
            self._along_x[part, start:stop] = np.einsum("x,zyx->zy", row, block)

    def magnitudes(self) -> tuple[Floats | None, Floats | None, Floats | None]:
        """Return the slices, with what is left of the mean taken off."""
        z, y, x = self._shape
        mean = self._total / (z * y * x)
        sums = (self._along_z, self._along_y, self._along_x)
        first, second, third = (
            self._magnitude(axis, _joined(sums[axis]), mean) if axis in self._planes else None
            for axis in range(3)
        )
        return first, second, third

    def _magnitude(self, axis: int, projection: NDArray[Any], mean: float) -> Floats:
        down, across = (self._weights[other].window for other in range(3) if other != axis)
        projection = (projection - mean * self._weights[axis].complex_sum()) * (down[:, None] * across)
        magnitude: Floats = np.fft.fftshift(np.abs(np.fft.fft2(projection))).astype(np.float32)
        return magnitude

    def warning(self) -> str | None:
        """Tell how many voxels were not finite."""
        if not self._missing:
            return None
        share = 100 * self._missing / np.prod(self._shape)
        words = f"{share:.2g}" if share < 99.5 else "100"
        return f"{words} % of the voxels are NaN or infinite and were counted as the mean."


def _joined(rows: NDArray[Any]) -> NDArray[Any]:
    """Return one row as it is, two as real and imaginary part."""
    joined: NDArray[Any] = rows[0] if len(rows) == 1 else rows[0] + 1j * rows[1]
    return joined


def _mean_of_some(volume: Any) -> np.float32:
    """Return the mean of a few planes, which the rest of the volume is near."""
    chosen = sorted({round(z) for z in np.linspace(0, volume.shape[0] - 1, _MEAN_PLANES)})
    values = np.concatenate([np.asarray(volume[z], dtype=np.float64)[::4, ::4].ravel() for z in chosen])
    values = values[np.isfinite(values)]
    return np.float32(values.mean()) if values.size else np.float32(0)


def _checked_shape(volume: Any) -> Triple:
    shape = tuple(int(size) for size in volume.shape)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(
            f"A volume has three axes (z, y, x) with voxels, but this one has the shape {shape}."
        )
    return shape[0], shape[1], shape[2]


def _checked(offsets: Sequence[int], shape: Triple, planes: Sequence[int]) -> Triple:
    if not set(planes) <= {0, 1, 2}:
        raise ValueError(f"The planes are cut through the axes 0, 1 and 2, not {tuple(planes)}.")
    if len(offsets) != 3 or any(abs(k) > size // 2 for k, size in zip(offsets, shape, strict=True)):
        raise ValueError(
            f"The slices {tuple(offsets)} lie beyond the Nyquist frequency of the shape {shape}."
        )
    z, y, x = (int(k) for k in offsets)
    return z, y, x


__all__ = ["FourierSlices", "fourier_slices"]
