"""How gradients lie in memory, like their weights to the letter, and how long they may be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch.nn.utils import clip_grads_with_norm_, get_total_norm

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


def limit_gradients(network: nn.Module, *, most: float) -> Tensor:
    """Shorten all gradients alike where their common norm is above `most`; waits for no device.

    Parameters
    ----------
    network : Module
        Whose weights have gradients.
    most : float
        0 leaves them as they are.

    Returns
    -------
    Tensor, scalar
        The norm as it was, which may be infinite or not a number.
    """
    weights = [weight for weight in network.parameters() if weight.grad is not None]
    norm: Tensor = get_total_norm([weight.grad for weight in weights if weight.grad is not None])
    if most:
        clip_grads_with_norm_(weights, most, norm)
    return norm


def _with_strides(gradient: Tensor, *, strides: tuple[int, ...]) -> Tensor:
    lengths = zip(gradient.shape, gradient.stride(), strides, strict=True)
    alike = all(one == other for length, one, other in lengths if length > 1)
    return gradient.as_strided(gradient.shape, strides) if alike else gradient


__all__ = ["lay_out_gradients", "limit_gradients"]
