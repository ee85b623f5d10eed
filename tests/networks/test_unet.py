"""The U-Net is ICECREAM's, and indifferent to contrast."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from napari_cryorestore.networks import UNetConfig, build_network


def parameters(config: UNetConfig) -> int:
    return sum(parameter.numel() for parameter in build_network(config, seed=0).parameters())


@pytest.mark.parametrize(
    ("features", "published"), [(8, 254_996), (16, 1_019_752), (32, 4_078_544), (64, 16_313_248)]
)
def test_has_the_published_number_of_parameters(features: int, published: int) -> None:
    assert parameters(UNetConfig(features=features)) == published


def test_widths_of_csbdeep_make_its_network() -> None:
    config = UNetConfig(features=16, bias=True, residual=True, widths="csbdeep")
    assert parameters(config) == 1_024_017


def test_bias_adds_one_number_per_feature_map() -> None:
    convolutions = [4, 8, 8, 16, 8, 8]  # two levels: two, two and two
    extra = parameters(UNetConfig(features=8, levels=2, bias=True)) - parameters(
        UNetConfig(features=8, levels=2)
    )
    assert extra == sum(convolutions) + 1


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("scale", [1e-3, 7.3, 1e4])
def test_is_positively_homogeneous(scale: float, residual: bool) -> None:
    network = build_network(UNetConfig(features=8, residual=residual), seed=0)
    crop = torch.randn(1, 1, 16, 16, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = scale * network(crop)
        torch.testing.assert_close(
            network(scale * crop), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
        )


def test_bias_and_norm_give_homogeneity_up() -> None:
    crop = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    for config in (UNetConfig(features=4, bias=True), UNetConfig(features=4, norm="instance")):
        network = build_network(config, seed=0)
        with torch.no_grad():
            once, thrice = network(crop), network(3 * crop)
        assert (thrice - 3 * once).norm() > 0.1 * (3 * once).norm()


@pytest.mark.parametrize("levels", [2, 3, 4, 5])
def test_levels_set_the_size_rule(levels: int) -> None:
    network = build_network(UNetConfig(features=2, levels=levels), seed=0)
    assert network.sizes.multiple == network.sizes.minimum == 2 ** (levels - 1)
    size = network.sizes.minimum
    assert network(torch.ones(1, 1, size, 2 * size + 1, size)).shape == (1, 1, size, 2 * size + 1, size)


def test_a_norm_needs_more_than_one_voxel_at_the_deepest_level() -> None:
    network = build_network(UNetConfig(features=2, levels=3, norm="instance"), seed=0)
    assert network.sizes.minimum == 8
    assert network(torch.rand(1, 1, 8, 8, 8)).isfinite().all()
    with pytest.raises(ValueError, match="at least 8 voxels"):
        network(torch.rand(1, 1, 4, 4, 4))


def test_the_residual_adds_the_first_channel() -> None:
    inputs = torch.randn(1, 2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    plain = build_network(UNetConfig(features=4), channels=2, seed=0)
    residual = build_network(UNetConfig(features=4, residual=True), channels=2, seed=0)
    torch.testing.assert_close(residual(inputs), plain(inputs) + inputs[:, :1])


def test_he_initialisation_keeps_the_signal_and_the_default_loses_it() -> None:
    crop = torch.randn(1, 1, 24, 24, 24, generator=torch.Generator().manual_seed(0))
    strengths = {}
    for init in ("default", "he"):
        network = build_network(UNetConfig(features=8, init=init), seed=0)
        with torch.no_grad():
            strengths[init] = float(network(crop).square().mean().sqrt())
    assert strengths["default"] < 0.05
    assert 0.2 < strengths["he"] < 5


def test_he_initialisation_starts_biases_at_zero() -> None:
    network = build_network(UNetConfig(features=4, levels=2, bias=True, init="he"), seed=0)
    biases = [value for name, value in network.named_parameters() if name.endswith("bias")]
    assert biases
    assert all(not bias.any() for bias in biases)


@pytest.mark.parametrize(
    "wrong", [{"levels": 1}, {"levels": 6}, {"features": 1}, {"norm": "batch"}, {"width": 3}]
)
def test_wrong_knobs_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        UNetConfig(**wrong)
