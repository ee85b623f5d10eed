"""Tests of filters on padded grids, and of their gradients against those that autograd works out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from napari_cryorestore.physics.filtering import (
    filtered,
    laid_out,
    masked_mean_square,
    masked_mean_squares,
)
from napari_cryorestore.physics.fourier import nyquist_ball
from napari_cryorestore.physics.rotation import GROUP
from napari_cryorestore.physics.wedge import Wedge, apply_mask

if TYPE_CHECKING:
    from collections.abc import Callable

WEDGE = Wedge(-65, 45)


def crops(*shape: int) -> Tensor:
    return torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(0))


def plainly(volume: Tensor, mask: Tensor, *, grid: tuple[int, int, int], inside: int) -> Tensor:
    """Pad, filter in three dimensions, and cut."""
    z, y, x = volume.shape[-3:]
    padded = torch.nn.functional.pad(volume, (0, grid[2] - x, 0, grid[1] - y, 0, grid[0] - z))
    parts = tuple(slice(inside, size - inside) for size in (z, y, x))
    return apply_mask(padded, mask)[(..., *parts)]


def value_and_gradient(function: Callable[[Tensor], Tensor], volume: Tensor) -> tuple[Tensor, Tensor]:
    leaf = volume.clone().requires_grad_()
    result = function(leaf)
    direction = torch.randn(result.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad(result, leaf, direction)
    return result.detach(), gradient


@pytest.mark.parametrize("rotation", [None, GROUP[5]])
@pytest.mark.parametrize("inside", [0, 3])
@pytest.mark.parametrize(
    ("shape", "grid"), [((12, 10, 8), (24, 20, 16)), ((12, 12, 12), (12, 12, 12)), ((9, 9, 9), (18, 18, 18))]
)
def test_filtering_and_its_gradient(
    shape: tuple[int, int, int], grid: tuple[int, int, int], inside: int, rotation: object
) -> None:
    mask = WEDGE.mask(grid, rotation=rotation)  # type: ignore[arg-type]
    volume = crops(*shape)
    ours = value_and_gradient(lambda v: filtered(v, mask, grid=grid, inside=inside), volume)
    plain = value_and_gradient(lambda v: plainly(v, mask, grid=grid, inside=inside), volume)
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_every_crop_may_have_a_mask_of_its_own() -> None:
    volume, grid = crops(12, 12, 12), (24, 24, 24)
    masks = torch.stack([WEDGE.mask(grid), nyquist_ball(grid)])[:, None]
    both = filtered(volume, masks, grid=grid)
    for index in range(2):
        alone = filtered(volume[index], masks[index], grid=grid)
        torch.testing.assert_close(both[index], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [12, 13])
def test_parseval_gives_the_mean_square_of_what_the_filter_lets_through(size: int) -> None:
    mask = WEDGE.mask((size,) * 3)
    ours = value_and_gradient(lambda v: masked_mean_square(v, mask), crops(size, size, size))
    plain = value_and_gradient(lambda v: apply_mask(v, mask).square().mean(), crops(size, size, size))
    torch.testing.assert_close(ours[0], plain[0], rtol=1e-5, atol=0)
    assert float((ours[1] - plain[1]).norm() / plain[1].norm()) < 1e-5


def test_the_gradient_of_the_mean_square_goes_with_what_follows() -> None:
    mask = WEDGE.mask((12, 12, 12))
    leaf = crops(12, 12, 12).requires_grad_()
    (once,) = torch.autograd.grad(masked_mean_square(leaf, mask), leaf)
    (thrice,) = torch.autograd.grad(3 * masked_mean_square(leaf, mask), leaf)
    torch.testing.assert_close(thrice, 3 * once)


def test_several_mean_squares_come_from_one_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    wedge, ball = WEDGE.mask((12, 12, 12)), nyquist_ball((12, 12, 12))
    each = torch.stack([wedge, ball])[:, None]  # a mask of its own for either crop
    transforms: list[Tensor] = []
    plain = torch.fft.rfftn
    monkeypatch.setattr(torch.fft, "rfftn", lambda *a, **k: transforms.append(a[0]) or plain(*a, **k))  # type: ignore[func-returns-value]

    def ours(volume: Tensor) -> Tensor:
        measured, missing = masked_mean_squares(volume, (each & wedge, each & ~wedge))
        return measured + 2 * missing

    value, gradient = value_and_gradient(ours, crops(12, 12, 12))
    assert len(transforms) == 1
    parts = [(1, each & wedge), (2, each & ~wedge)]
    expected = value_and_gradient(
        lambda v: torch.stack([weight * apply_mask(v, mask).square().mean() for weight, mask in parts]).sum(),
        crops(12, 12, 12),
    )
    torch.testing.assert_close(value, expected[0], rtol=1e-5, atol=0)
    assert float((gradient - expected[1]).norm() / expected[1].norm()) < 1e-5


def test_nothing_is_kept_for_the_backward_pass_but_the_mask() -> None:
    kept: list[Tensor] = []
    leaf, mask = crops(12, 12, 12).requires_grad_(), WEDGE.mask((24, 24, 24))
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda x: x):  # type: ignore[func-returns-value]
        filtered(leaf, mask, grid=(24, 24, 24))
    assert [tensor.dtype for tensor in kept] == [torch.bool]


def test_a_laid_out_mask_is_the_same_mask() -> None:
    mask, grid = WEDGE.mask((12, 10, 8)), (12, 10, 8)
    assert torch.equal(laid_out(mask), mask)
    ours, plain = (filtered(crops(*grid), kept, grid=grid) for kept in (laid_out(mask), mask))
    torch.testing.assert_close(ours, plain, rtol=0, atol=0)
