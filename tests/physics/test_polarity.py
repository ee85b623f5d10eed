"""Tests of whether density is dark or bright."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.physics.polarity import skewness

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=(2, 48, 48, 48)).astype(np.float32)


def beads(sign: float) -> np.ndarray:
    volume = np.zeros((48, 48, 48), np.float32)
    for z, y, x in RANDOM.integers(0, 40, (30, 3)):
        volume[z : z + 8, y : y + 8, x : x + 8] += sign
    return volume


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_particles_tell_dark_from_bright(sign: float) -> None:
    volume = beads(sign)
    value = skewness([volume + half for half in NOISE])
    assert sign * value > 0.5
    assert skewness([-(volume + half) for half in NOISE]) == pytest.approx(-value, abs=0.05)


def test_noise_is_neither() -> None:
    assert abs(skewness(list(NOISE))) < 0.2


def test_one_speck_of_gold_does_not_decide() -> None:
    volume = beads(1.0)
    volume[20:24, 20:24, 20:24] = -1000
    assert skewness([volume + half for half in NOISE]) > 0.4


@pytest.mark.parametrize("volume", [np.zeros((8, 8, 8)), np.ones((2, 9, 9)), np.full((8, 8, 8), np.nan)])
def test_nothing_to_see_is_zero(volume: np.ndarray) -> None:
    assert skewness([volume]) == 0.0
