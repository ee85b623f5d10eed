"""Tests that computing again gives the same numbers with less memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from napari_cryorestore.data.crops import Crops, Places
from napari_cryorestore.data.inputs import Imaging
from napari_cryorestore.methods import Method, build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.training.learner import Batch, Learner

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_cryorestore.run_config import RunConfig


def batch(method: Method) -> Batch:
    even, odd = torch.randn(2, 5, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    places = Places(0, torch.zeros(5, 3, dtype=torch.int32), Imaging(Wedge(-60, 60)), 2)
    draws = method.draw(places, torch.Generator().manual_seed(1))
    return Batch(Crops.of((even, odd), (even, odd), places), draws)


def alone(**more: Any) -> Fabric:
    """Return one CPU, whatever launchers this computer has."""
    return Fabric(accelerator="cpu", devices=1, plugins=[LightningEnvironment()], **more)


def after_two_steps(config: RunConfig, precision: Any) -> list[Tensor]:
    method = build_method(config.method)
    learner = Learner(config, method, alone(precision=precision))
    for step in range(2):
        learner.update(batch(method), step=step)
    return [weight.detach() for weight in learner.network.parameters()]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("method", ["icecream", "noise2noise"])
def test_weights_move_as_without(recipe: Callable[..., RunConfig], method: str, precision: str) -> None:
    usual, again = (
        after_two_steps(recipe(method={"kind": method}, hardware={"recompute": recompute}), precision)
        for recompute in (False, True)
    )
    for one, other in zip(usual, again, strict=True):
        assert float((one - other).norm() / one.norm()) < (1e-5 if precision == "32-true" else 3e-2)


def test_little_is_kept_for_the_way_back(recipe: Callable[..., RunConfig]) -> None:
    kept: list[int] = []
    for recompute in (False, True):
        config = recipe(method={"kind": "icecream"}, hardware={"recompute": recompute})
        method = build_method(config.method)
        learner = Learner(config, method, alone())
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, sizes=sizes: (sizes.append(tensor.nbytes), tensor)[1], lambda tensor: tensor
        ):
            learner.objective(batch(method))
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 4
