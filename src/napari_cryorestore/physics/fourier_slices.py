"""Slices through the Fourier transform of a volume, without the transform of the volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class FourierSlices:
    """Fourier magnitudes in three planes.

    Attributes
    ----------
    magnitude : tuple of three arrays, float32, or None where not asked for
        In the planes of constant kz (y, x), ky (z, x) and kx (z, y), zero frequency at ``n // 2``.
    shape : (int, int, int)
        Of the volume.
    offsets : (int, int, int)
        Index of kz, ky and kx in those planes; 0 is through the centre.
    warning : str, optional
        What the user should know of it.
    """

    magnitude: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None, NDArray[np.float32] | None]
    shape: tuple[int, int, int]
    offsets: tuple[int, int, int] = (0, 0, 0)
    warning: str | None = None
