"""Tests of gradients that lie in memory as their weights do, and are shortened where too long."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.training.gradients import lay_out_gradients, limit_gradients


def gradients(*, laid_out: bool) -> list[tuple[nn.Parameter, torch.Tensor]]:
    network = build_network(UNetConfig(features=2, levels=3), seed=0)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    if laid_out:
        lay_out_gradients(network)
    crops = torch.randn(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    network(crops.contiguous(memory_format=torch.channels_last_3d)).square().mean().backward()
    return [(weight, weight.grad) for weight in network.parameters() if weight.grad is not None]


def test_their_strides_are_those_of_the_weights_and_their_values_the_same() -> None:
    plain, laid_out = (gradients(laid_out=wish) for wish in (False, True))
    assert any(weight.stride() != gradient.stride() for weight, gradient in plain)  # what DDP warns of
    assert [gradient.stride() for _, gradient in laid_out] == [weight.stride() for weight, _ in laid_out]
    for (_, one), (_, other) in zip(plain, laid_out, strict=True):
        assert torch.equal(one, other)


def test_a_gradient_that_really_lies_otherwise_is_left_to_pytorch() -> None:
    weight = nn.Parameter(torch.zeros(3, 4, 1))
    lay_out_gradients(nn.ParameterList([weight]))
    (weight * torch.arange(12.0).reshape(4, 3).t()[..., None]).sum().backward()
    assert weight.grad is not None
    assert weight.grad.flatten().tolist() == torch.arange(12.0).reshape(4, 3).t().flatten().tolist()


def test_long_gradients_are_shortened_alike_and_short_ones_left() -> None:
    network = nn.Linear(2, 1)
    for most, left in ((0.0, 1.0), (1.0, 0.2), (10.0, 1.0)):
        network.weight.grad, network.bias.grad = torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])
        assert float(limit_gradients(network, most=most)) == pytest.approx(5.0)
        assert network.weight.grad.tolist() == [pytest.approx([3.0 * left, 0.0], rel=1e-4)]
        assert network.bias.grad.tolist() == pytest.approx([4.0 * left], rel=1e-4)


def test_weights_without_gradient_count_for_nothing() -> None:
    network = nn.Linear(2, 1)
    network.bias.grad = torch.tensor([float("nan")])
    assert torch.isnan(limit_gradients(network, most=1.0))
