"""Tiles have the margin that the network needs, and take no more memory than there is."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_cryorestore.compute_config import TilingConfig
from napari_cryorestore.methods import build_method
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.methods.noise2noise import Noise2NoiseConfig
from napari_cryorestore.networks import Sizes, UNetConfig, build_network
from napari_cryorestore.restoration import fitting_plan, tiling
from napari_cryorestore.restoration.tiling import least_tile, margin_of, possible_plans, smaller_plans

SHAPE = (2000, 2000, 2000)


class Stub:
    """What the tiling asks of a model."""

    def __init__(self, method: Any, network: Any, *, precision: str = "32") -> None:
        self.method, self.network, self.precision = build_method(method), network, precision
        self.device, self.first = torch.device("cpu"), None


def unet(**knobs: Any) -> Any:
    return build_network(UNetConfig(**knobs), seed=0)


def plan_of(stub: Stub, tile: int | None = None) -> Any:
    model: Any = stub
    return fitting_plan(SHAPE, model, TilingConfig(tile=tile))


@pytest.mark.parametrize(
    ("method", "network", "margin"),
    [
        (Noise2NoiseConfig(), unet(features=2), 12),
        (IcecreamConfig(passes=2), unet(features=2), 12),
        (IcecreamConfig(passes=2), unet(features=2, levels=3), 8),
        (IcecreamConfig(passes=2), unet(features=2, levels=5), 28),
        (Noise2NoiseConfig(), torch.nn.Identity(), 16),
    ],
)
def test_the_margin_goes_by_the_networks_reach(method: Any, network: Any, margin: int) -> None:
    assert margin_of(Stub(method, network)) == margin  # type: ignore[arg-type]


@pytest.mark.parametrize("levels", [2, 3])
def test_the_reach_is_how_far_an_input_voxel_counts(levels: int) -> None:
    network, size, farthest = unet(features=2, levels=levels).double(), 80, 0
    for parameter in network.parameters():
        parameter.data = parameter.data.abs() + 0.1  # so that nothing is cut off or cancels
    ramp = torch.arange(1.0, size + 1, dtype=torch.double).expand(1, 1, 8, 8, size)
    for centre in range(40, 40 + network.sizes.multiple):
        for slope in (ramp, ramp.flip(-1)):  # pooling then lets the voxels through that are farthest
            inputs = slope.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(network(inputs)[0, 0, 4, 4, centre], inputs)
            touched = gradient.abs().amax((0, 1, 2, 3)).nonzero()[:, 0]
            farthest = max(farthest, int((touched - centre).abs().max()))
    assert farthest == network.sizes.reach


@pytest.mark.parametrize(
    ("features", "precision", "gigabytes", "edge"),
    [(8, "32", 16, 128), (64, "32", 16, 80), (64, "bf16", 16, 128), (64, "bf16", 1, 80), (64, "32", 0.1, 64)],
)
def test_tiles_are_as_large_as_the_memory_of_a_cpu_allows(
    monkeypatch: pytest.MonkeyPatch, features: int, precision: str, gigabytes: float, edge: int
) -> None:
    monkeypatch.setattr(tiling, "free_memory", lambda device: gigabytes * 1e9)
    stub = Stub(IcecreamConfig(passes=2), torch.nn.Identity(), precision=precision)
    stub.network.sizes = Sizes(multiple=8, floats_per_voxel=4.5 * features)
    assert max(plan_of(stub).sizes) == edge


def test_the_requested_tile_is_taken_and_there_is_no_smaller_one() -> None:
    stub: Any = Stub(Noise2NoiseConfig(), unet(features=2))
    request = TilingConfig(tile=72)
    plan = fitting_plan(SHAPE, stub, request)
    assert plan.sizes == (72, 72, 72)
    assert smaller_plans(plan, possible_plans(SHAPE, stub, request)) == []


def test_a_tile_that_would_be_nearly_all_margin_is_exceeded() -> None:
    stub: Any = Stub(Noise2NoiseConfig(), unet(features=2))
    request = TilingConfig(tile=16)
    (plan,) = possible_plans((96, 96, 96), stub, request)
    assert min(plan.sizes) >= least_tile(stub) == 4 * plan.margin
    assert len(plan.tiles((96, 96, 96))) <= 125


@pytest.mark.parametrize("reach", [0, 51, 130, 2000])
@pytest.mark.parametrize("multiple", [1, 7, 64])
def test_however_far_a_network_reaches_tiles_are_more_than_margin(reach: int, multiple: int) -> None:
    stub: Any = Stub(Noise2NoiseConfig(), torch.nn.Identity())
    stub.network.sizes = Sizes(multiple=multiple, reach=reach)
    assert 8 <= margin_of(stub) <= 32
    for plan in possible_plans(SHAPE, stub, TilingConfig()):  # type: ignore[arg-type]
        assert min(plan.sizes) % multiple == 0
        through_network = len(plan.tiles((400, 400, 400))) * plan.sizes[0] ** 3
        assert through_network < 100 * 400**3  # the smallest tiles; one voxel each would be 3000


@pytest.mark.parametrize("shape", [(30, 200, 400), SHAPE])
@pytest.mark.parametrize("tile", [None, 16, 120])
def test_tiles_are_as_large_as_the_network_needs(shape: Any, tile: int | None) -> None:
    stub: Any = Stub(Noise2NoiseConfig(), torch.nn.Identity())
    stub.network.sizes = Sizes(multiple=8, minimum=100, reach=20)
    plans = possible_plans(shape, stub, TilingConfig(tile=tile))  # type: ignore[arg-type]
    assert min(min(plan.sizes) for plan in plans) in (104, 120)  # the next multiples of 100, or as typed


def test_smaller_tiles_come_one_after_the_other() -> None:
    stub: Any = Stub(Noise2NoiseConfig(), unet(features=2))
    request = TilingConfig()
    plans = possible_plans(SHAPE, stub, request)
    sizes = [plan.sizes[0] for plan in smaller_plans(plans[0], plans)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= 64
