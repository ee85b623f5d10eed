"""SCUNet attends within windows as its formula says, and takes every size."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
import torch

from napari_cryorestore.networks import NETWORKS, build_network
from napari_cryorestore.networks.module import network_of
from napari_cryorestore.networks.scunet import ScunetConfig
from napari_cryorestore.networks.scunet_module import FilterResponseNorm, WindowAttention, apart, attend

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@pytest.mark.parametrize(
    ("features", "levels", "published"),
    [(32, 3, "4.73"), (64, 3, "18.86"), (32, 4, "18.97"), (64, 4, "75.80")],
)
def test_has_the_published_number_of_parameters(features: int, levels: int, published: str) -> None:
    with torch.device("meta"):
        config = ScunetConfig(features=features, levels=levels)
        network = network_of(NETWORKS["scunet"], config, 1, seed=0)
    assert f"{sum(weight.numel() for weight in network.parameters()) / 1e6:.2f}" == published


def voxel_by_voxel(layer: WindowAttention, voxels: Tensor, shift: int) -> Tensor:
    """Return the attention of one crop (z, y, x, c), each voxel by itself."""
    window, heads, sizes = layer.window, layer.heads, voxels.shape[:3]
    seen = (voxels @ layer.projection.weight.T + layer.projection.bias).view(*sizes, 3, heads, -1)
    edge = 2 * window - 1
    offsets = layer.offsets.view(heads, edge, edge, edge)
    result = torch.zeros_like(voxels)
    places = list(product(*map(range, sizes)))

    def cube(place: tuple[int, ...]) -> list[int]:
        return [(at - shift) // window for at in place]

    for here in places:
        others = [there for there in places if cube(there) == cube(here)]
        for head in range(heads):
            query = seen[here][0, head]
            scores = torch.stack(
                [
                    query @ seen[there][1, head] / len(query) ** 0.5
                    + offsets[(head, *(a - b + window - 1 for a, b in zip(here, there, strict=True)))]
                    for there in others
                ]
            ).softmax(0)
            mixed = sum(score * seen[there][2, head] for score, there in zip(scores, others, strict=True))
            part = slice(head * len(query), (head + 1) * len(query))
            result[here][part] = mixed
    return result @ layer.joined.weight.T + layer.joined.bias


@pytest.mark.parametrize("shifted", [False, True])
def test_voxels_are_compared_with_those_of_their_window(
    shifted: bool, rounding: Callable[..., float]
) -> None:
    torch.manual_seed(0)
    layer = WindowAttention(32, 2, shifted=shifted).double()
    torch.nn.init.normal_(layer.offsets)
    voxels = torch.randn(2, 4, 6, 4, 32, dtype=torch.double)
    with torch.no_grad():
        expected = torch.stack([voxel_by_voxel(layer, one, 1 if shifted else 0) for one in voxels])
        torch.testing.assert_close(layer(voxels), expected, rtol=0, atol=rounding(expected, 10))


def test_masks_are_made_once() -> None:
    apart.cache_clear()
    network = build_network(ScunetConfig(features=8, levels=1, window=2), seed=0)
    for _ in range(2):
        with torch.inference_mode():
            network(torch.randn(1, 1, 8, 8, 8))
    network(torch.randn(1, 1, 8, 8, 8)).sum().backward()  # and serve training too
    assert apart.cache_info().misses == 2  # at 8 and at 4 voxels


def test_one_window_is_not_shifted() -> None:
    torch.manual_seed(0)
    plain, shifted = (WindowAttention(4, 3, shifted=one) for one in (False, True))
    shifted.load_state_dict(plain.state_dict())
    voxels = torch.randn(1, 3, 3, 3, 4)
    assert torch.equal(plain(voxels), shifted(voxels))


def test_the_norm_is_that_of_its_formula() -> None:
    layer = FilterResponseNorm(2)
    with torch.no_grad():
        layer.gamma.copy_(torch.tensor([2.0, 1.0]))
        layer.beta.copy_(torch.tensor([0.5, 0.0]))
        layer.tau.copy_(torch.tensor([-1.0, 0.25]))
    maps = torch.tensor([[3.0, -4.0], [0.1, 0.2]]).view(1, 2, 1, 1, 2)
    rms = [(25 / 2) ** 0.5, (0.05 / 2) ** 0.5]
    expected = [[6 / rms[0] + 0.5, -1.0], [0.1 / rms[1], 0.2 / rms[1]]]
    torch.testing.assert_close(layer(maps).flatten(1), torch.tensor(expected).view(1, 4), atol=1e-4, rtol=0)


def test_sizes_fit_windows_at_every_level() -> None:
    network = build_network(ScunetConfig(features=8, levels=2, window=3), seed=0)
    assert network.sizes.multiple == network.sizes.minimum == 12
    assert network(torch.randn(1, 1, 12, 13, 24)).shape == (1, 1, 12, 13, 24)


def test_fused_attention_is_the_formula() -> None:
    made = torch.Generator().manual_seed(2)
    query, key, value = (torch.randn(2, 6, 3, 8, 4, generator=made) for _ in range(3))
    added = torch.randn(6, 3, 8, 8, generator=made)
    added[2:4, :, :4, 4:] = -torch.inf
    written_out = torch.softmax(query @ key.mT / 2 + added, -1) @ value
    with torch.inference_mode():
        torch.testing.assert_close(attend(query, key, value, added), written_out, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(attend(query, key, value, added), written_out, rtol=1e-5, atol=1e-5)
