"""Filters of zero-padded crops and what they let through, with gradients that cost no more than they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from napari_cryorestore.physics.fourier import hermitian_weight, three

if TYPE_CHECKING:
    from collections.abc import Sequence

_AXES = (-3, -2, -1)
_DIMENSIONS = 3


def filtered(volume: Tensor, mask: Tensor, *, grid: Sequence[int], inside: int = 0) -> Tensor:
    """Filter volumes on a zero-padded grid and cut the result back.

    Parameters
    ----------
    volume : Tensor, shape (..., z, y, x), float32
    mask : Tensor, shape (..., grid z, grid y, grid x // 2 + 1), bool or float
        Real and even, ``mask(k) == mask(-k)``, as those of `Wedge.mask`; leading dimensions broadcast.
    grid : sequence of three ints
        Sizes to pad to with zeros behind each axis: the volume's own for a circular filter, twice these for a
        linear one.
    inside : int
        Voxels to cut off every side of the result.

    Returns
    -------
    Tensor, shape (..., z - 2 inside, y - 2 inside, x - 2 inside), float32
    """
    result: Tensor = _Filter.apply(volume, mask, three(grid), inside)  # type: ignore[no-untyped-call]
    return result


def masked_mean_square(volume: Tensor, mask: Tensor) -> Tensor:
    """Return mean |filtered volume|² from one transform, by Parseval's theorem.

    Parameters
    ----------
    volume : Tensor, shape (..., z, y, x), float32
    mask : Tensor, shape (..., z, y, x // 2 + 1), bool
        As for `filtered`.

    Returns
    -------
    Tensor, scalar
    """
    (result,) = masked_mean_squares(volume, (mask,))
    return result


def masked_mean_squares(volume: Tensor, masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return mean |filtered volume|² of several filters, all from one transform.

    Parameters
    ----------
    volume : Tensor, shape (..., z, y, x), float32
    masks : sequence of Tensor, shapes (..., z, y, x // 2 + 1), bool
        As for `filtered`; leading dimensions broadcast.

    Returns
    -------
    tuple of Tensor, scalars
    """
    results: tuple[Tensor, ...] = _MaskedMeanSquares.apply(volume, *masks)  # type: ignore[no-untyped-call]
    return results


def laid_out(mask: Tensor) -> Tensor:
    """Return the same mask (..., z, y, x // 2 + 1) in the memory order in which `filtered` needs it."""
    return mask.transpose(-3, -1).contiguous().transpose(-3, -1)


class _Filter(torch.autograd.Function):
    """A real, even filter is its own adjoint, so its gradient is filtered the same way."""

    @staticmethod
    def forward(ctx: Any, volume: Tensor, mask: Tensor, grid: tuple[int, int, int], inside: int) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.grid, ctx.inside = grid, inside
        return _filter(volume, mask, grid, inside)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        whole = functional.pad(gradient, (ctx.inside,) * 6)
        return _filter(whole, ctx.saved_tensors[0], ctx.grid, 0), None, None, None


class _MaskedMeanSquares(torch.autograd.Function):
    """The gradient of mean |A d|² is 2 A d / n."""

    @staticmethod
    def forward(ctx: Any, volume: Tensor, *masks: Tensor) -> tuple[Tensor, ...]:
        spectrum = torch.fft.rfftn(volume, dim=_AXES, norm="ortho")
        ctx.save_for_backward(spectrum, *masks)
        ctx.size = volume.shape[-3:]
        weight = hermitian_weight(volume.shape[-3:], device=volume.device)
        power = (spectrum.real.square() + spectrum.imag.square()) * weight
        return tuple((power * mask).sum() / volume.numel() for mask in masks)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        spectrum, *masks = ctx.saved_tensors
        weighted = [gradient * mask for gradient, mask in zip(gradients, masks, strict=True)]
        spectrum = spectrum * sum(weighted[1:], start=weighted[0])
        volume: Tensor = torch.fft.irfftn(spectrum, s=ctx.size, dim=_AXES, norm="ortho")
        return volume.mul_(2 / volume.numel()), *(None for _ in masks)


def _filter(volume: Tensor, mask: Tensor, grid: tuple[int, int, int], inside: int) -> Tensor:
    """Filter crop by crop on a CPU, whose cache holds one spectrum but not many."""
    if volume.device.type != "cpu" or volume.ndim == _DIMENSIONS:
        return _filter_at_once(volume, mask, grid, inside)
    masks = mask.expand(len(volume), *mask.shape[1:]) if mask.ndim == volume.ndim else [mask] * len(volume)
    size = [n - 2 * inside for n in volume.shape[-_DIMENSIONS:]]
    result = volume.new_empty(*volume.shape[:-_DIMENSIONS], *size)
    for index, crop in enumerate(volume):
        result[index] = _filter(crop, masks[index], grid, inside)
    return result


def _filter_at_once(volume: Tensor, mask: Tensor, grid: tuple[int, int, int], inside: int) -> Tensor:
    """Filter axis by axis, the present one last in memory; lines of nothing but padding are left out."""
    z, y, x = (slice(inside, size - inside) for size in volume.shape[-_DIMENSIONS:])
    spectrum = torch.fft.rfft(volume, n=grid[2])  # z, y, kx
    spectrum = torch.fft.fft(spectrum.mT, n=grid[1])  # z, kx, ky
    spectrum = torch.fft.fft(spectrum.movedim(-3, -1), n=grid[0])  # kx, ky, kz
    spectrum *= mask.transpose(-3, -1)
    lines = torch.fft.ifft(spectrum)[..., z]  # kx, ky, z
    lines = torch.fft.ifft(lines.mT)[..., y]  # kx, z, y
    result: Tensor = torch.fft.irfft(lines.movedim(-3, -1), n=grid[2])[..., x]
    return result


__all__ = ["filtered", "laid_out", "masked_mean_square", "masked_mean_squares"]
