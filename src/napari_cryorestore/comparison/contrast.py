"""Which values are black and which are white."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_cryorestore.comparison.picture import Levels, Picture

_MOST_PIXELS = 1 << 16


def levels_of(pictures: Iterable[Picture], percentiles: tuple[float, float] = (0.5, 99.5)) -> Levels:
    """Return the percentiles of all pixels of some pictures together.

    Parameters
    ----------
    pictures : iterable of Picture
        Of one row, or of all rows where contrast is linked. Large ones are sampled; NaN is left out.
    percentiles : (float, float)
        Shares in percent.

    Returns
    -------
    (float, float)
        Black and white, of which the second is always the higher.
    """
    return _levels([_sample(picture.image) for picture in pictures], percentiles)


def _levels(samples: list[NDArray[np.float32]], percentiles: tuple[float, float]) -> Levels:
    values = _finite(samples)
    if not values.size:
        return 0.0, 1.0
    low, high = (float(level) for level in np.percentile(values, percentiles))
    if high > low:
        return low, high
    reach = max(abs(low), 1.0) * 1e-3
    return low - reach, low + reach


def _finite(samples: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.concatenate([np.zeros(0, np.float32), *samples])
    return values.compress(np.isfinite(values))


def _sample(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return evenly spread pixels, whatever the width, so that no column of the image is favoured."""
    step = max(1, int(np.ceil(np.sqrt(image.size / _MOST_PIXELS))))
    return np.asarray(image[::step, ::step], dtype=np.float32).ravel()


__all__ = ["levels_of"]
