"""Values that left the range of their type are told from those that fill it, or were clipped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_cryorestore.io.sampling import wrapped_values

Volume = np.ndarray[Any, Any]
SHAPE = (40, 48, 56)


def density(width: float, seed: int = 0) -> Volume:
    """Return noise of standard deviation 1, smoothed, with structure in it."""
    rng = np.random.default_rng(seed)
    noise, signal = rng.standard_normal(SHAPE), gaussian_filter(rng.standard_normal(SHAPE), 2)
    noise = gaussian_filter(noise, width) if width else noise
    both = noise / noise.std() + 0.5 * signal / signal.std()
    return np.asarray(both / both.std())


def bead() -> Volume:
    z, y, x = np.ogrid[:40, :48, :56]
    return np.exp(-((((z - 20) ** 2 + (y - 24) ** 2 + (x - 28) ** 2) / 4**2) ** 1.5))


def stored(values: Volume, kind: Any = np.int16) -> Volume:
    """Store whole numbers as a program does that does not look at their size."""
    return np.round(values).astype(np.int64).astype(kind)


def clipped(values: Volume, kind: Any = np.int16) -> Volume:
    ends = np.iinfo(kind)
    return np.clip(np.round(values), ends.min, ends.max).astype(kind)


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize(
    ("mean", "spread"), [(0, 12_000), (20_000, 8_000), (30_000, 2_000), (-25_000, 5_000)]
)
def test_values_beyond_an_end_are_told(width: float, mean: float, spread: float) -> None:
    values = mean + spread * density(width)
    (finding,) = wrapped_values(stored(values), name="The even half (a.mrc)")
    assert finding.severity == "warning"
    assert finding.sentence.startswith(
        "The even half (a.mrc) has wrapped: neighbouring voxels jump by nearly 65536"
    )
    assert "32-bit numbers (mode 2)" in finding.remedy
    assert wrapped_values(clipped(values), name="it") == []


def test_gold_that_came_out_bright_is_told() -> None:
    values = 3000 * density(0.6) - 50_000 * bead()
    assert wrapped_values(stored(values), name="it")
    assert wrapped_values(clipped(values), name="it") == []


def test_bytes_wrap_too() -> None:
    values = 60 * density(1)
    (finding,) = wrapped_values(stored(values, np.int8), name="it")
    assert "nearly 256, from one end of what 8 bits hold" in finding.sentence
    assert wrapped_values(stored(200 + values, np.uint8), name="it")
    assert wrapped_values(clipped(200 + values, np.uint8), name="it") == []


def equalised(values: Volume) -> Volume:
    """Fill the whole range evenly."""
    return values.ravel().argsort().argsort().reshape(values.shape) / values.size * 65_535 - 32_768


def sharpened(values: Volume) -> Volume:
    """Make neighbours differ more than they would by chance."""
    return values - gaussian_filter(values, 1)


@pytest.mark.parametrize("width", [0, 0.6, 2])
@pytest.mark.parametrize(
    "filled", [equalised, lambda values: 30_000 * values, sharpened, lambda values: 7_000 * values]
)
def test_what_fills_the_range_or_was_clipped_has_not_wrapped(width: float, filled: Any) -> None:
    values = filled(density(width))
    assert wrapped_values(clipped(values), name="it") == []
    full = 65_535 * (values - values.min()) / (values.max() - values.min()) - 32_768
    assert wrapped_values(clipped(full), name="it") == []


def test_clipped_gold_beside_bright_fringes_has_not_wrapped() -> None:
    fringes = 40_000 * (gaussian_filter(bead(), 2) - 2 * bead())
    assert wrapped_values(clipped(4000 * density(0) + 2 * fringes), name="it") == []


def test_other_numbers_do_not_wrap() -> None:
    assert wrapped_values(stored(12_000 * density(1)).astype(np.float32), name="it") == []
