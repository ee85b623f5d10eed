"""How gradients lie in memory: like their weights, to the letter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def lay_out_gradients(network: nn.Module) -> None:
    """Let every gradient have the very strides of its weight, as DDP expects and warns of otherwise.

    PyTorch already sees to all axes but those of length 1, whose stride says nothing: so nothing is copied.
    """
    for weight in network.parameters():
        if 1 in weight.shape:
            hook = partial(_with_strides, strides=weight.stride())
            weight.register_hook(hook)  # type: ignore[no-untyped-call]


def _with_strides(gradient: Tensor, *, strides: tuple[int, ...]) -> Tensor:
    lengths = zip(gradient.shape, gradient.stride(), strides, strict=True)
    alike = all(one == other for length, one, other in lengths if length > 1)
    return gradient.as_strided(gradient.shape, strides) if alike else gradient


__all__ = ["lay_out_gradients"]
