"""The U-Net of DeepDeWedge has its size, and treats a crop by its own statistics."""

from __future__ import annotations

import pytest
import torch

from napari_cryorestore.networks import NETWORKS, build_network
from napari_cryorestore.networks.module import network_of
from napari_cryorestore.networks.unet_deepdewedge import DeepDeWedgeUNetConfig


@pytest.mark.parametrize(("features", "published"), [(32, 6_832_129), (64, 27_322_369)])
def test_has_the_published_number_of_parameters(features: int, published: int) -> None:
    with torch.device("meta"):
        config = DeepDeWedgeUNetConfig(features=features)
        network = network_of(NETWORKS["unet-deepdewedge"], config, 1, seed=0)
    assert sum(weight.numel() for weight in network.parameters()) == published


def test_it_predicts_a_change_to_the_first_channel() -> None:
    network = build_network(DeepDeWedgeUNetConfig(features=2), channels=2, seed=0)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    inputs = torch.randn(1, 2, 8, 9, 16)
    assert torch.equal(network(inputs), inputs[:, :1])


def test_its_norm_sees_the_whole_crop() -> None:
    network = build_network(DeepDeWedgeUNetConfig(features=2), seed=0).double()
    inputs = torch.randn(1, 1, 8, 8, 256, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    changed = inputs.clone()
    changed[..., -8:] *= 3
    far = slice(0, 256 - 8 - network.sizes.reach)
    with torch.no_grad():
        apart = (network(inputs) - network(changed))[..., far].abs().max()
    assert apart > 1e-6
