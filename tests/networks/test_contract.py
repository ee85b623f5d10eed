"""What every network of the table promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from napari_cryorestore.networks import NETWORKS, Network, NetworkConfig, build_network

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = {"unet": {"features": 4, "levels": 3}}


@pytest.fixture(params=sorted(NETWORKS))
def config(request: pytest.FixtureRequest) -> NetworkConfig:
    return NETWORKS[request.param].Config(kind=request.param, **SMALL.get(request.param, {}))


def crops(network: Network, *, channels: int = 1, extra: int = 0) -> torch.Tensor:
    size = 2 * network.sizes.multiple + extra
    return torch.randn(2, channels, size, size + extra, size, generator=torch.Generator().manual_seed(3))


def test_kind_is_its_name_in_the_table(config: NetworkConfig) -> None:
    assert NETWORKS[config.kind].Config is type(config)
    assert type(config).from_toml(config.to_toml()) == config


@pytest.mark.parametrize("channels", [1, 2])
def test_one_output_channel_of_the_same_size(config: NetworkConfig, channels: int) -> None:
    network = build_network(config, channels=channels, seed=0)
    inputs = crops(network, channels=channels)
    assert network(inputs).shape == (2, 1, *inputs.shape[2:])


def test_sizes_that_are_no_multiple_work(config: NetworkConfig) -> None:
    network = build_network(config, seed=0)
    inputs = crops(network, extra=1)
    assert network(inputs).shape == inputs.shape


def test_too_small_a_crop_is_explained(config: NetworkConfig) -> None:
    network = build_network(config, seed=0)
    least = network.sizes.minimum
    assert network(torch.ones(1, 1, least, least, least)).shape == (1, 1, least, least, least)
    with pytest.raises(ValueError, match=f"at least {least} voxels"):
        network(torch.ones(1, 1, least, least - 1, least))


@pytest.mark.parametrize("channels", [1, 2])
def test_every_parameter_learns(config: NetworkConfig, channels: int) -> None:
    network = build_network(config, channels=channels, seed=0)
    network(crops(network, channels=channels)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_bf16_and_channels_last_change_only_rounding(
    config: NetworkConfig, rounding: Callable[..., float]
) -> None:
    network = build_network(config, seed=0)
    inputs = crops(network)
    with torch.no_grad():
        expected = network(inputs)
        network = network.to(memory_format=torch.channels_last_3d)
        strided = network(inputs.to(memory_format=torch.channels_last_3d))
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(inputs.to(memory_format=torch.channels_last_3d)).float()
    torch.testing.assert_close(strided, expected, rtol=0, atol=rounding(expected, 100))
    assert (rounded - expected).norm() < 0.03 * expected.norm()


def test_weights_depend_on_the_seed_alone(config: NetworkConfig) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = build_network(config, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    again, other = build_network(config, seed=5), build_network(config, seed=6)
    weights = [torch.cat([p.flatten() for p in n.parameters()]) for n in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_state_makes_the_round_trip(config: NetworkConfig) -> None:
    one, two = build_network(config, seed=0), build_network(config, seed=1)
    inputs = crops(one)
    two.load_state_dict(one.state_dict())
    assert torch.equal(one.eval()(inputs), two.eval()(inputs))


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no network 'capsnet' here: choose one of unet"):
        build_network(NetworkConfig(kind="capsnet"), seed=0)
