"""The mixed-scale dense network computes as its formula says, and keeps every map once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.networks import build_network
from napari_cryorestore.networks.msdnet import MSDNetConfig, dilations_of
from napari_cryorestore.networks.msdnet_module import MSDNet

if TYPE_CHECKING:
    from collections.abc import Callable


def made(channels: int = 1, **knobs: Any) -> MSDNet:
    network = build_network(MSDNetConfig(**knobs), channels=channels, seed=0)
    assert isinstance(network, MSDNet)
    return network


def by_the_formula(network: MSDNet, crops: Tensor) -> Tensor:
    """Convolve, and join the maps anew for every layer."""
    maps = crops
    for layer, weight in enumerate(network.weights):
        new = []
        for index, step in enumerate(network.dilations[layer]):
            bias = None if network.biases is None else network.biases[layer, index : index + 1]
            around = functional.pad(maps, [step] * 6, mode="replicate")
            new.append(functional.conv3d(around, weight[index : index + 1], bias, dilation=step).relu())
        maps = torch.cat([maps, *new], 1)
    restored = functional.conv3d(maps, network.head.view(1, -1, 1, 1, 1), network.head_bias)
    return restored + crops[:, :1] if network.residual else restored


@pytest.mark.parametrize(("layers", "published"), [(50, 34_527), (100, 136_552)])
def test_has_the_published_number_of_parameters(layers: int, published: int) -> None:
    weights = made(layers=layers, bias=True).parameters()
    assert sum(weight.numel() for weight in weights) == published


def test_dilations_follow_one_another_over_all_maps() -> None:
    assert dilations_of(MSDNetConfig(layers=4, width=2, dilations=3)) == [[1, 2], [3, 1], [2, 3], [1, 2]]


@pytest.mark.parametrize(
    "knobs",
    [
        {"layers": 12, "dilations": 10, "residual": False},
        {"layers": 3, "width": 3, "dilations": 4, "bias": True},
    ],
    ids=["one map per layer", "three"],
)
@pytest.mark.parametrize("sizes", [(9, 8, 7), (3, 1, 16)], ids=str)
def test_values_and_gradients_are_those_of_the_formula(
    knobs: dict[str, Any], sizes: tuple[int, ...], rounding: Callable[..., float]
) -> None:
    network = made(channels=2, **knobs).double()
    for bias in (network.biases, network.head_bias):
        if bias is not None:
            nn.init.normal_(bias, std=0.1)
    generator = torch.Generator().manual_seed(1)
    crops = torch.randn(2, 2, *sizes, generator=generator, dtype=torch.double, requires_grad=True)
    ours, plain = network(crops), by_the_formula(network, crops)
    torch.testing.assert_close(ours, plain, rtol=0, atol=rounding(plain))
    direction = torch.randn(ours.shape, generator=generator, dtype=torch.double)
    leaves = [crops, *network.parameters()]
    for one, other in zip(
        torch.autograd.grad(ours, leaves, direction),
        torch.autograd.grad(plain, leaves, direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=rounding(other, 100))


@pytest.mark.parametrize("bits", [32, 16])
def test_every_map_is_kept_once(bits: int) -> None:
    network, crops, kept = made(layers=12), torch.randn(2, 1, 8, 8, 8), {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    autocast = torch.autocast("cpu", torch.bfloat16, enabled=bits == 16)
    with autocast, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        restored = network(crops)
    restored.float().sum().backward()
    weights = sum(4 * weight.numel() for weight in network.parameters())
    assert sum(kept.values()) == (1 + 12) * crops.numel() * bits // 8 + weights


@pytest.mark.parametrize("scale", [1e-3, 1e4])
@pytest.mark.parametrize("residual", [False, True])
def test_is_positively_homogeneous(scale: float, residual: bool) -> None:
    network = made(layers=12, dilations=4, residual=residual)
    crop = torch.randn(1, 1, 12, 8, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = scale * network(crop)
        torch.testing.assert_close(
            network(scale * crop), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
        )


def test_recomputing_changes_no_gradient() -> None:
    from napari_cryorestore.training.learner import recomputed

    network, crops = made(layers=6).double(), torch.randn(4, 1, 8, 8, 8, dtype=torch.double)
    gradients = []
    for compute in (network, recomputed(network)):
        loss = compute(crops).square().sum()
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
