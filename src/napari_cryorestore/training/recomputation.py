"""Computing a network's inner maps again on the way back, so that few have to be kept at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from napari_cryorestore.methods.base import Network

PIECE = 2
"""Crops whose inner maps are kept at the same time; a single one would be slow in 32 bits on a CPU."""


def recomputed(network: Network) -> Network:
    """Return a network that keeps its inputs only, and computes the rest again for the backward pass.

    The numbers and gradients are the same, for networks that treat every crop by itself. Memory is that of
    two crops, however many there are; a step takes about a third longer.
    """

    def in_pieces(crops: Tensor) -> Tensor:
        pieces = torch.split(crops, PIECE)
        return torch.cat([_later_again(network, piece) for piece in pieces])

    return in_pieces


def _later_again(network: Network, crops: Tensor) -> Tensor:
    result: Tensor = checkpoint(network, crops, use_reentrant=False)
    return result


__all__ = ["PIECE", "recomputed"]
