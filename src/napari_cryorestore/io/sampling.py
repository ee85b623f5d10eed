"""A bounded sample of a volume, enough to judge its values without reading them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SLAB_PLANES = 4
_MOST_SLABS = 12
_WIDEST = 1024
_LARGEST, _NARROWEST = 1e12, 1e-15  # beyond, sums of squares leave the range of 32-bit floats
_LINES, _PLANES = 16, 64
_FAR, _HALF = 0.75, 0.5  # of the range: jumps nearly across it, and those across half of it
_OFTENER, _FEWEST = 2, 30  # times as many far jumps as half ones, and how many at least
_REMEDY = (
    "Store it again as 32-bit numbers (mode 2), or scale it to fit first: voxels that wrapped cannot be told "
    "from others."
)


def sample_slabs(volume: Any) -> Iterator[NDArray[np.float32]]:
    """Cut a few slabs, evenly spaced along z, one after the other.

    Parameters
    ----------
    volume : array-like
        Voxels (z, y, x), of any real type; a memory map is read only where it is cut.

    Yields
    ------
    ndarray
        Float32 slab (p, y, x) of p ≤ 4 neighbouring planes, y and x cropped about the centre to 1024.
        There are at most twelve slabs.
    """
    depth, height, width = volume.shape
    planes = min(SLAB_PLANES, depth)
    rows, columns = _central(height), _central(width)
    count = max(1, min(_MOST_SLABS, depth // planes))
    spacing = depth / count
    for index in range(count):
        start = min(depth - planes, int(spacing * (index + 0.5) - planes / 2))
        yield np.asarray(volume[start : start + planes, rows, columns], dtype=np.float32)


def sample_lines(volume: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    """Cut a few lines of every plane, so that no plane is overlooked.

    Parameters
    ----------
    volume : ndarray
        Voxels (z, y, x), of any real type; a memory map is read only where it is cut.

    Yields
    ------
    ndarray
        Float32 (p, lines, x) of p ≤ 64 neighbouring planes and at most 16 whole lines, evenly spaced along y.
    """
    depth, height = volume.shape[:2]
    rows = np.unique(np.linspace(0, height - 1, min(_LINES, height)).round().astype(int))
    for start in range(0, depth, _PLANES):
        yield np.asarray(volume[start : start + _PLANES, rows], dtype=np.float32)


def require_finite(sample: NDArray[np.float32], *, name: str) -> None:
    """Refuse NaN and infinity.

    Parameters
    ----------
    sample : ndarray
        Voxels of any shape.
    name : str
        What the sample is of, the subject of the error message.

    Raises
    ------
    ValueError
        If a voxel is not finite.
    """
    bad = int(sample.size - np.count_nonzero(np.isfinite(sample)))
    if bad:
        raise ValueError(
            f"{name} contains NaN or infinite voxels ({bad} of {sample.size} looked at): "
            "reconstruct it again, or replace them by the mean first."
        )


def require_ordinary(sample: NDArray[np.float32], *, name: str) -> None:
    """Refuse values so large, or so close together, that no spectrum of them can be computed.

    Parameters
    ----------
    sample : ndarray
        Finite voxels of any shape.
    name : str
        What the sample is of, the subject of the error message.

    Raises
    ------
    ValueError
        If a value is beyond ±1e12, or if they differ, but by less than 1e-15.
    """
    low, high = float(sample.min()), float(sample.max())
    if max(-low, high) > _LARGEST or 0 < high - low < _NARROWEST:
        raise ValueError(
            f"{name} has values from {low:.3g} to {high:.3g}, but only values up to 1e12 that differ by more "
            "than 1e-15 can be computed with: scale it to a standard deviation of about 1 first."
        )


def _central(length: int) -> slice:
    kept = min(length, _WIDEST)
    first = (length - kept) // 2
    return slice(first, first + kept)


def wrapped_values(half: NDArray[Any], *, name: str) -> list[Finding]:
    """Tell a volume of whole numbers of which some were too large or too small, and wrapped.

    Among values that vary continuously, jumps across the whole range, from one voxel to the next, are rarer
    than shorter ones, however much of the range they fill; where values wrap, they are small steps over its
    end. Voxels at the very ends were clipped, and tell nothing.

    Parameters
    ----------
    half : ndarray, shape (z, y, x)
        Of whole numbers, or of others, which do not wrap; at most twelve slabs are read.
    name : str
        What to call it.

    Returns
    -------
    list of Finding
        One warning, or none.
    """
    if half.dtype.kind not in "iu":
        return []
    ends = np.iinfo(half.dtype)
    size = float(ends.max) - float(ends.min) + 1
    far = shorter = 0
    for slab in sample_slabs(half):
        if float(slab.max()) - float(slab.min()) < _FAR * size:
            continue
        inside = np.where((slab > ends.min + 1) & (slab < ends.max - 1), slab, np.float32(np.nan))
        for axis in range(3):
            jumps = np.abs(np.diff(inside, axis=axis))
            far += int(np.count_nonzero(jumps >= _FAR * size))
            shorter += int(np.count_nonzero((jumps >= _HALF * size) & (jumps < _FAR * size)))
    if far < _FEWEST or far <= _OFTENER * shorter:
        return []
    sentence = (
        f"{name} has wrapped: neighbouring voxels jump by nearly {size:.0f}, from one end of what "
        f"{half.dtype.itemsize * 8} bits hold to the other, more often than by half of that."
    )
    return [Finding("warning", "wrapped values", sentence, _REMEDY)]


__all__ = [
    "SLAB_PLANES",
    "require_finite",
    "require_ordinary",
    "sample_lines",
    "sample_slabs",
    "wrapped_values",
]
