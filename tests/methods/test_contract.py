"""What every method in the table promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from napari_cryorestore.config import settings_of
from napari_cryorestore.data.crops import Crops
from napari_cryorestore.data.inputs import network_input
from napari_cryorestore.methods import METHODS, Method, StepLoss, build_method
from napari_cryorestore.networks import UNetConfig, build_network

EVERY = sorted(METHODS)
TRAINABLE = [name for name in EVERY if METHODS[name].trainable]
MakeBatch = Callable[..., Crops]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(name: str, **knobs: Any) -> Method:
    return build_method(METHODS[name].Config.model_validate({"kind": name, **knobs}))


def loss_of(method: Method, network: Any, crops: Crops, *, seed: int = 0) -> StepLoss:
    """Return the loss of a step whose draws come from a seed."""
    draws = method.draw(crops.places, generator(seed))
    return method.loss(network, method.prepare(crops, draws), draws, teacher=torch.no_grad()(network))


def network_of(method: Method) -> nn.Module:
    return build_network(UNetConfig(features=2, levels=2), channels=method.channels, seed=0)


@pytest.mark.parametrize("name", EVERY)
def test_it_introduces_itself(name: str) -> None:
    method = METHODS[name]
    assert method.Config().kind == name
    assert method.title
    assert method.summary.endswith(".")
    assert all(item.help.endswith(".") for item in settings_of(method.Config) if item.path != ("kind",))
    assert isinstance(made(name), method)


@pytest.mark.parametrize("name", EVERY)
def test_it_holds_nothing_but_its_knobs(name: str) -> None:
    assert vars(made(name)) == {"config": METHODS[name].Config()}


@pytest.mark.parametrize("kind", ["raw", "wiener+raw"])
@pytest.mark.parametrize("name", TRAINABLE)
def test_the_loss_is_a_scalar_that_trains_every_weight(name: str, kind: str, make_batch: MakeBatch) -> None:
    method = made(name, input=kind)
    assert method.channels == (1 if kind == "raw" else 2)
    network = network_of(method)
    result = loss_of(method, network, make_batch(kind=kind))
    assert isinstance(result, StepLoss)
    assert result.total.shape == ()
    assert all(part.shape == () for part in result.parts.values())
    result.total.backward()
    for weight in network.parameters():
        assert weight.grad is not None
        assert torch.isfinite(weight.grad).all()
        assert weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", TRAINABLE)
def test_the_same_generator_gives_the_same_loss(name: str, make_batch: MakeBatch) -> None:
    method = made(name)
    network = network_of(method)

    def loss(seed: int) -> float:
        with torch.no_grad():
            return float(loss_of(method, network, make_batch(), seed=seed).total)

    assert loss(1) == loss(1)
    assert len({loss(seed) for seed in range(5)}) > 1


@pytest.mark.parametrize("name", TRAINABLE)
def test_a_few_steps_lower_the_loss(name: str, make_batch: MakeBatch) -> None:
    method = made(name)
    network = network_of(method)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss = loss_of(method, network, make_batch()).total
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < 0.98 * losses[0]


@pytest.mark.parametrize("name", TRAINABLE)
def test_the_loss_is_float32_under_autocast(name: str, make_batch: MakeBatch) -> None:
    method = made(name)
    network = network_of(method)
    exact = loss_of(method, network, make_batch()).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = loss_of(method, network, make_batch()).total
    assert rough.dtype == torch.float32
    assert float(rough.detach()) == pytest.approx(float(exact.detach()), rel=0.02)


@pytest.mark.parametrize("name", EVERY)
def test_restored_crops_have_the_shape_of_the_half(name: str, make_batch: MakeBatch) -> None:
    method = made(name)
    imaging = make_batch().imaging
    for shape in ((2, 1, 16, 16, 16), (1, 1, 12, 17, 20)):
        crops = torch.randn(shape, generator=generator())
        inputs = network_input(crops, imaging, kind=method.input_kind)
        restored = method.restore_crop(network_of(method).eval(), inputs, imaging)
        assert restored.shape == shape
        assert restored.dtype == torch.float32


@pytest.mark.parametrize("name", EVERY)
def test_restoring_in_inference_mode_spoils_no_later_training(name: str, make_batch: MakeBatch) -> None:
    method = made(name)
    batch = make_batch(size=18)
    with torch.inference_mode():
        for size in (18, 36):
            crop = torch.randn(1, 1, size, size, size)
            method.restore_crop(network_of(method), crop, batch.imaging)
    if method.trainable:
        loss_of(method, network_of(method), batch).total.backward()


@pytest.mark.parametrize("name", EVERY)
def test_prepared_crops_keep_their_shape_and_pairs(name: str, make_batch: MakeBatch) -> None:
    batch = make_batch(count=8)
    method = made(name)
    turned = method.prepare(batch, method.draw(batch.places, generator()))
    assert turned.even.shape == batch.even.shape
    # what was a pair still is: the same voxels, only elsewhere or exchanged
    before = (batch.even * batch.odd).sum(dim=(1, 2, 3, 4))
    after = (turned.even * turned.odd).sum(dim=(1, 2, 3, 4))
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-3)
