"""Tests of the convolution before doubling against doubling, joining and convolving in the plain way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.networks import unet_module
from napari_cryorestore.networks.unet_module import convolve_joined, doubling_kernel

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def few_voxels_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet_module, "_LEAST_VOXELS", 1)
    monkeypatch.setattr(unet_module, "_LEAST_VOXELS_16_BITS", 1)


def maps(channels: int, *sizes: int, seed: int = 0) -> Tensor:
    random = torch.randn(2, channels, *sizes, generator=torch.Generator().manual_seed(seed))
    return random.to(memory_format=torch.channels_last_3d).requires_grad_()


def plainly(convolution: nn.Conv3d, skip: Tensor, below: Tensor) -> Tensor:
    above = functional.interpolate(below, size=skip.shape[2:], mode="nearest")
    result: Tensor = convolution(torch.cat([skip, above], 1))
    return result


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("sizes", [(8, 6, 4), (8, 7, 8), (5, 5, 5)], ids=str)
def test_values_and_gradients_are_those_of_the_plain_way(
    sizes: tuple[int, ...], bias: bool, rounding: Callable[..., float]
) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv3d(7, 4, 3, padding=1, bias=bias)
    skip, below = maps(3, *sizes), maps(4, *(size // 2 for size in sizes), seed=1)
    ours, plain = convolve_joined(convolution, skip, below), plainly(convolution, skip, below)
    torch.testing.assert_close(ours, plain, rtol=0, atol=rounding(plain))
    direction = torch.randn(ours.shape, generator=torch.Generator().manual_seed(2))
    leaves = [skip, below, *convolution.parameters()]
    for one, other in zip(
        torch.autograd.grad(ours, leaves, direction),
        torch.autograd.grad(plain, leaves, direction),
        strict=True,
    ):
        assert float((one - other).norm() / other.norm()) < 1e-5


def test_sixteen_bits_lose_no_more_than_in_the_plain_way() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv3d(24, 8, 3, padding=1, bias=False)
    skip, below = maps(8, 8, 8, 8), maps(16, 4, 4, 4, seed=1)
    exact = plainly(convolution, skip, below)
    with torch.autocast("cpu", torch.bfloat16):
        ours, plain = convolve_joined(convolution, skip, below), plainly(convolution, skip, below)
    assert ours.dtype == torch.bfloat16
    lost = [float((rough.float() - exact).detach().norm()) for rough in (ours, plain)]
    # The plain way rounds 3 times: map, weights, result. On processors that convolve no bf16, PyTorch
    # rounds each of the 8 partial sums of ours: map, weights, sums, result. sqrt(11 / 3) = 1.9
    assert lost[0] < 2 * lost[1]


def test_the_joined_map_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet_module, "_plainly", None)
    convolve_joined(nn.Conv3d(3, 2, 3, padding=1), maps(1, 4, 4, 4), maps(2, 2, 2, 2))


def test_weights_that_meet_one_value_are_added_up() -> None:
    weight = torch.zeros(1, 1, 3, 3, 3)
    weight[0, 0, 1, 1] = torch.tensor([1.0, 10.0, 100.0])
    along_x = doubling_kernel(weight)[0, 0, 1, 1]
    assert along_x.tolist() == [100, 110, 11, 1]


@pytest.mark.parametrize(("dtype", "pays"), [(torch.float32, True), (torch.bfloat16, False)])
def test_few_voxels_are_doubled_in_the_plain_way(
    dtype: torch.dtype, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unet_module, "_LEAST_VOXELS", 2 * 4**3)
    monkeypatch.setattr(unet_module, "_LEAST_VOXELS_16_BITS", 2 * 4**3 + 1)
    calls = []
    original = unet_module._plainly
    monkeypatch.setattr(unet_module, "_plainly", lambda *args: (calls.append(1), original(*args))[1])
    convolution = nn.Conv3d(3, 2, 3, padding=1, dtype=dtype)
    convolve_joined(convolution, maps(1, 4, 4, 4).to(dtype), maps(2, 2, 2, 2).to(dtype))
    assert bool(calls) is not pays
