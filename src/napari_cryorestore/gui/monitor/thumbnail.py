"""Small images of preview frames."""

from __future__ import annotations

import numpy as np


def thumbnail(frame: np.ndarray, limits: tuple[float, float], *, edge: int) -> np.ndarray:
    """Return the middle plane of a frame as a small grey image.

    Parameters
    ----------
    frame : array, shape (z, y, x)
        The frame.
    limits : tuple of float
        The values that become black and white.
    edge : int
        Pixels along the longer side.

    Returns
    -------
    array, shape (height, width), uint8, C-contiguous
        Neighbouring voxels are averaged where the plane is larger than the image.
    """
    plane = np.asarray(frame[len(frame) // 2], dtype=np.float32)
    factor = max(1, -(-max(plane.shape) // edge))
    height, width = (max(1, length // factor) for length in plane.shape)
    cut = plane[: height * factor, : width * factor]
    coarse = cut.reshape(height, min(factor, len(cut)), width, -1).mean(axis=(1, 3))
    low, high = limits
    shades = (np.nan_to_num(coarse) - low) / max(high - low, 1e-12)
    return np.ascontiguousarray((255 * np.clip(shades, 0, 1)).astype(np.uint8))


__all__ = ["thumbnail"]
