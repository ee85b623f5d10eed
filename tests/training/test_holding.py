"""Tests of where halves lie while training, by wish and by the memory there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_cryorestore.data.stored import StoredHalf
from napari_cryorestore.physics.normalize import measure
from napari_cryorestore.run_config import HardwareConfig
from napari_cryorestore.training import holding
from napari_cryorestore.training.holding import held

HALF = np.random.default_rng(0).standard_normal((8, 8, 8)).astype(np.float32)
BYTES = HALF.nbytes
DEVICE = torch.device("meta")  # stands for a graphics card


def place(monkeypatch: pytest.MonkeyPatch, *, there: float, here: float, **wishes: Any) -> str:
    free = {"meta": int(there * BYTES), "cpu": int(here * BYTES)}
    monkeypatch.setattr(holding, "free_memory", lambda device: free[device.type])
    half = held(HALF, measure(HALF), HardwareConfig(**wishes), DEVICE)
    return "disk" if isinstance(half, StoredHalf) else half.device.type


@pytest.mark.parametrize(
    ("wishes", "there", "here", "found"),
    [
        ({}, 4, 0, "meta"),
        ({}, 3.9, 4, "cpu"),
        ({}, 3.9, 3.9, "disk"),
        ({"devices": 2}, 3.9, 4, "disk"),  # two processes, each with a copy
        ({"devices": 2}, 4, 0, "meta"),  # each has a device of its own
        ({"hold": "memory"}, 4, 0, "meta"),
        ({"hold": "memory"}, 0, 0, "cpu"),
        ({"hold": "disk"}, 9, 9, "disk"),
    ],
)
def test_where_a_half_lies(
    wishes: dict[str, Any], there: float, here: float, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place(monkeypatch, there=there, here=here, **wishes) == found


def test_large_halves_are_held_in_16_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "SINGLE_PRECISION_BELOW", 1000)
    half = held(HALF, measure(HALF), HardwareConfig(), torch.device("cpu"))
    assert isinstance(half, torch.Tensor)
    assert half.dtype == torch.float32
    monkeypatch.setattr(holding, "SINGLE_PRECISION_BELOW", 500)
    half = held(HALF, measure(HALF), HardwareConfig(), torch.device("cpu"))
    assert isinstance(half, torch.Tensor)
    assert half.dtype == torch.float16
    np.testing.assert_allclose(half.numpy(), (HALF - HALF.mean()) / HALF.std(), atol=5e-3)
