"""Tests of cancelling in the middle of a tile."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.restoration.model import cancellable

CROP = torch.zeros(1, 1, 8, 8, 8)


@pytest.fixture
def network() -> nn.Module:
    return build_network(UNetConfig(features=2, levels=3), seed=0)


def test_a_network_checks_before_each_of_its_layers(network: nn.Module) -> None:
    questions: list[int] = []
    with cancellable(network, lambda: questions.append(1) is not None):
        network(CROP)
    convolutions = sum(isinstance(layer, nn.Conv3d) for layer in network.modules())
    assert len(questions) > 2 * convolutions - 4  # and before the ReLUs between them


def test_no_layer_is_computed_after_cancelling(network: nn.Module) -> None:
    computed: list[nn.Module] = []
    for layer in network.modules():
        layer.register_forward_hook(lambda layer, *_: computed.append(layer))
    with pytest.raises(Cancelled, match="was cancelled"), cancellable(network, lambda: len(computed) >= 3):
        network(CROP)
    assert len(computed) == 3


def test_it_checks_no_more_afterwards(network: nn.Module) -> None:
    with pytest.raises(Cancelled), cancellable(network, lambda: True):
        network(CROP)
    assert network(CROP).shape == CROP.shape
