from __future__ import annotations

import pytest
import torch

from napari_cryorestore.gui.train.recipes import Recipes
from napari_cryorestore.run_config import HardwareConfig
from napari_cryorestore.training.memory_estimate import OVERHEAD, estimated_memory

SHAPE = (64, 64, 64)


@pytest.fixture(scope="module")
def recipes() -> Recipes:
    return Recipes()


def sections(recipes: Recipes, method: str, **schedule):
    made = recipes.preset("quick-look", method)
    made["network"] = made["network"].model_copy(update={"features": 4, "levels": 2})
    made["schedule"] = made["schedule"].model_copy(update={"batch": 1, "crop": 16, **schedule})
    return made


def estimate(chosen, *, half_precision: bool = False) -> float:
    return estimated_memory(chosen, [SHAPE], half_precision=half_precision) - OVERHEAD


def test_every_trainable_method_is_estimated(recipes):
    for method in recipes.methods:
        assert estimate(sections(recipes, method)) > 2 * 4 * 64**3


def test_memory_grows_with_batch_and_crop_and_shrinks_with_precision(recipes):
    volumes = 2 * 4 * 64**3
    one, two, four, large = (
        estimate(sections(recipes, "noise2noise", **size)) - volumes
        for size in ({}, {"batch": 2}, {"batch": 4}, {"crop": 32})
    )
    of_crop = two - one
    of_weights = one - of_crop  # and of kernels made of them: they are there once
    assert 0 < of_weights < 0.2 * one
    assert four == pytest.approx(of_weights + 4 * of_crop, rel=0.01)
    assert large == pytest.approx(of_weights + 8 * of_crop, rel=0.1)
    half = estimate(sections(recipes, "noise2noise"), half_precision=True) - volumes
    assert 0.5 * of_crop < half < 0.65 * one


def test_the_count_is_that_of_a_real_step(recipes):
    from napari_cryorestore.networks import build_network

    chosen = sections(recipes, "noise2noise", batch=2, crop=16)
    network = build_network(chosen["network"], channels=2, seed=0)
    seen: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = network(torch.randn(2, 2, 16, 16, 16)).square().mean()
    loss.backward()
    weights = sum(weight.numel() * 4 for weight in network.parameters())
    real = sum(seen.values()) + 5 * weights + 2 * max(seen.values()) + 2 * 4 * 64**3
    assert estimate(chosen) == pytest.approx(real, rel=0.1)


def test_no_values_are_allocated(recipes):
    # a crop that would need terabytes is estimated at once
    assert estimate(sections(recipes, "noise2noise", batch=64, crop=1024)) > 1e12


def test_computing_again_keeps_little(recipes):
    chosen = sections(recipes, "icecream", batch=16, crop=32)
    usual = estimate(chosen)
    chosen["hardware"] = HardwareConfig(recompute=True)
    assert estimate(chosen) < 0.4 * usual
