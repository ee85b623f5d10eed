"""Whether whole numbers left their range when they were stored and came out at its other end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.findings import Finding
from napari_cryorestore.io.sampling import sample_slabs

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FAR, _HALF = 0.75, 0.5  # of the range: jumps nearly across it, and those across half of it
_OFTENER, _FEWEST = 2, 30  # times as many far jumps as half ones, and how many at least
_REMEDY = (
    "Store it again as 32-bit numbers (mode 2), or scale it to fit first: voxels that wrapped cannot be told "
    "from others."
)


def wrapped(half: NDArray[Any], *, name: str) -> list[Finding]:
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


__all__ = ["wrapped"]
