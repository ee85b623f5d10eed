"""A pair of halves that share structure, with a density far from 0 as many programs write it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

Volume = np.ndarray[Any, Any]


def make_halves(shape: tuple[int, int, int] = (40, 64, 72), *, offset: float = 6.0) -> list[Volume]:
    rng = np.random.default_rng(0)
    signal = gaussian_filter(rng.standard_normal(shape), 2)
    signal /= signal.std()
    noise = (gaussian_filter(rng.standard_normal(shape), 0.6) for _ in range(2))
    return [(offset + 0.5 * signal + n / n.std()).astype(np.float32) for n in noise]


@pytest.fixture
def halves() -> list[Volume]:
    return make_halves()
