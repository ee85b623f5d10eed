"""Tests of the convolution of a single crop on a CPU against PyTorch's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.networks.module import Convolution, is_slow_alone, network_of
from napari_cryorestore.networks.unet import UNET
from napari_cryorestore.plugin_table import Extra

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("channels", "kernel", "bias"), [(3, 3, True), (3, 3, False), (8, 1, False)])
def test_a_single_crop_gives_the_numbers_of_pytorch(
    channels: int, kernel: int, bias: bool, rounding: Callable[..., float]
) -> None:
    torch.manual_seed(0)
    ours = Convolution(channels, 4, kernel, padding=kernel // 2, bias=bias)
    crop = torch.randn(1, channels, 6, 7, 8, requires_grad=True)
    plain = nn.Conv3d(channels, 4, kernel, padding=kernel // 2, bias=bias)
    plain.load_state_dict(ours.state_dict())
    assert is_slow_alone(crop)
    one, other = ours(crop), plain(crop)
    torch.testing.assert_close(one, other, rtol=0, atol=rounding(other))
    leaves = [(crop, *layer.parameters()) for layer in (ours, plain)]
    for mine, theirs in zip(
        torch.autograd.grad(one.square().sum(), leaves[0]),
        torch.autograd.grad(other.square().sum(), leaves[1]),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=rounding(theirs, 100))  # of 336 products


def test_autocast_keeps_its_say() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert Convolution(2, 2, 3)(torch.randn(1, 2, 4, 4, 4)).dtype == torch.bfloat16


def test_a_crop_alone_is_restored_as_it_is_among_others(rounding: Callable[..., float]) -> None:
    network = build_network(UNetConfig(features=4), channels=1, seed=0).eval()
    crops = torch.randn(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        alone, among = network(crops[:1]), network(crops)[:1]
    torch.testing.assert_close(alone, among, rtol=0, atol=rounding(among))


def _moved_away(config: UNetConfig, channels: int) -> None:
    raise ImportError("cannot import name 'Convolution'")


@pytest.mark.parametrize(
    "build", ["no_such_package:make", "napari_cryorestore.networks.unet:nothing", "?", _moved_away]
)
def test_a_network_that_cannot_be_imported_is_named_with_what_to_do(build: Any) -> None:
    entry = replace(UNET, build=build)
    with pytest.raises(ValueError, match=r"^the network 'unet' cannot be used here \(.+\): update or remove"):
        network_of(entry, UNetConfig(), 1, seed=0)


def test_a_network_whose_extra_is_missing_says_which_one() -> None:
    entry = replace(UNET, extra=Extra("no_such_package", "swin"))
    with pytest.raises(ValueError, match=r"^the network 'unet' needs the package no_such_package: install"):
        network_of(entry, UNetConfig(), 1, seed=0)
