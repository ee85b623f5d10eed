"""The mixed-scale dense network, whose maps are kept once in one buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from napari_cryorestore.networks.module import Network
from napari_cryorestore.networks.msdnet import dilations_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_cryorestore.networks.msdnet import MSDNetConfig

_TAPS = -4
"""The dimension of three neighbours along an axis, once those of the axes behind it are gone."""


class MSDNet(Network):
    """Dilated convolutions, each of all maps before it, after Pelt and Sethian.

    Every layer convolves (3³) the input and all maps so far with a dilation of its own, followed by ReLU; a
    linear 1³ convolution of all maps ends it. Beyond its border, a crop goes on as its outermost voxels.
    Without bias, f(a v) = a f(v) for every a > 0. The residual, if it is set, adds input channel 0.

    Parameters
    ----------
    config : MSDNetConfig
        Its knobs.
    channels : int
        Input channels.
    """

    def __init__(self, config: MSDNetConfig, channels: int = 1) -> None:
        super().__init__()
        self.residual, self.dilations = config.residual, dilations_of(config)
        width, maps = config.width, channels + config.layers * config.width
        self.weights = nn.ParameterList(
            torch.randn(width, channels + layer * width, 3, 3, 3) * (2 / (27 * maps)) ** 0.5
            for layer in range(config.layers)
        )
        self.head = nn.Parameter(torch.randn(maps) * maps**-0.5)
        self.biases = nn.Parameter(torch.zeros(config.layers, width)) if config.bias else None
        self.head_bias = nn.Parameter(torch.zeros(1)) if config.bias else None

    def forward(self, inputs: Tensor) -> Tensor:
        """Restore crops.

        Parameters
        ----------
        inputs : Tensor, shape (b, c, z, y, x)

        Returns
        -------
        Tensor, shape (b, 1, z, y, x)
        """
        dtype = _arithmetic(inputs)
        outputs: Tensor = MixedScaleDense.apply(  # type: ignore[no-untyped-call]
            inputs.to(dtype), self.dilations, self.head, self.biases, *self.weights
        )
        if self.head_bias is not None:
            outputs = outputs + self.head_bias.to(dtype)
        return outputs + inputs[:, :1] if self.residual else outputs


class MixedScaleDense(torch.autograd.Function):
    """All layers of the network, with a backward pass that reads their maps where the forward pass put them.

    (c + d w) maps are kept, where joining the maps anew for every layer keeps some (c + d w)² / 2 w of them.
    A convolution is a product of matrices, 27 weights times maps, whose 27 results are moved by the dilation
    and added; its gradients are the same in reverse. So the maps are never copied, and a layer that makes
    only one map keeps a processor busy.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        dilations: list[list[int]],
        head: Tensor,
        biases: Tensor | None,
        *weights: Tensor,
    ) -> Tensor:
        """Return the restored crops (b, 1, z, y, x) of inputs (b, c, z, y, x)."""
        size, channels = inputs.shape[2:], inputs.shape[1]
        maps = inputs.new_empty((len(inputs), len(head), *size))
        maps[:, :channels] = inputs
        for (piece,) in _pieces(maps):
            flat, known = piece.flatten(2), channels
            shares, by_map = _shares(piece, width=len(weights[0]))
            for layer, weight in enumerate(weights):
                torch.bmm(_matrix(weight, flat), flat[:, :known], out=shares)
                for index, step in enumerate(dilations[layer]):
                    total = gathered(by_map[:, index], step)
                    if biases is not None:
                        total += biases[layer, index]
                    torch.clamp_min(total, 0, out=piece[:, known + index])
                known += len(weight)
        ctx.save_for_backward(maps, head, biases, *weights)
        ctx.dilations, ctx.channels = dilations, channels
        flat_head = head.to(maps.dtype).expand(len(maps), 1, -1)
        return torch.bmm(flat_head, maps.flatten(2)).view(len(maps), 1, *size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all that `forward` was given."""
        maps, head, biases, *weights = ctx.saved_tensors
        of_head = torch.einsum("bczyx,bczyx->c", maps, gradient.expand_as(maps)).to(head.dtype)
        of_weights = [torch.zeros_like(_matrix(weight, weight)[0]) for weight in weights]
        of_biases = None if biases is None else torch.zeros_like(biases)
        of_inputs = maps.new_empty((len(maps), ctx.channels, *maps.shape[2:]))
        for piece, given, result in _pieces(maps, gradient, of_inputs):
            moved = given * head.to(maps.dtype).view(1, -1, 1, 1, 1)
            flat, known = piece.flatten(2), len(head)
            shares, by_map = _shares(piece, width=len(weights[0]))
            for layer, weight in reversed(list(enumerate(weights))):
                ours = slice(known - len(weight), known)
                known -= len(weight)
                own = moved[:, ours]
                own *= piece[:, ours] > 0
                for index, step in enumerate(ctx.dilations[layer]):
                    spread(own[:, index], step, out=by_map[:, index])
                of_weights[layer] += torch.bmm(shares, flat[:, :known].mT).sum(0, dtype=head.dtype)
                if of_biases is not None:
                    of_biases[layer] += own.sum((0, 2, 3, 4), dtype=head.dtype)
                moved.flatten(2)[:, :known].baddbmm_(_matrix(weight, flat).mT, shares)
            result.copy_(moved[:, : ctx.channels])
        shaped = (
            one.view(len(weight), 3, 3, 3, -1).permute(0, 4, 1, 2, 3)
            for one, weight in zip(of_weights, weights, strict=True)
        )
        return of_inputs, None, of_head, of_biases, *shaped


def _arithmetic(inputs: Tensor) -> torch.dtype:
    """Return the type of floats in which autocast, where it is on, has a convolution of them computed."""
    device = inputs.device.type
    on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if on else inputs.dtype


def _pieces(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Return what is computed at once: crop by crop on a CPU, whose caches hold no more."""
    at_once = 1 if tensors[0].device.type == "cpu" else len(tensors[0])
    return zip(*(torch.split(tensor, at_once) for tensor in tensors), strict=True)


def _shares(piece: Tensor, *, width: int) -> tuple[Tensor, Tensor]:
    """Return room for 27 numbers per voxel and map: as rows (b, 27 w, n), and as (b, w, 3, 3, 3, z, y, x)."""
    room = piece.new_empty((len(piece), width, 3, 3, 3, *piece.shape[2:]))
    return room.flatten(1, 4).flatten(2), room


def _matrix(weight: Tensor, like: Tensor) -> Tensor:
    """Return weights (w, c, 3, 3, 3) as a matrix (b, 27 w, c) for every one of b crops."""
    matrix = weight.permute(0, 2, 3, 4, 1).reshape(27 * len(weight), -1)
    return matrix.to(like.dtype).expand(len(like), -1, -1)


def gathered(shares: Tensor, step: int) -> Tensor:
    """Add up what the 27 neighbours of every voxel say of it, in place.

    Parameters
    ----------
    shares : Tensor, shape (b, 3, 3, 3, z, y, x)
        What every voxel says of that `step` voxels behind, at and before it, along every axis.
    step : int
        Voxels.

    Returns
    -------
    Tensor, shape (b, z, y, x)
        A part of `shares`. Voxels beyond the border say what the outermost ones do.
    """
    for axis in (-1, -2, -3):
        before, here, behind = shares.unbind(_TAPS)
        edge = min(step, here.shape[axis])
        inside = here.shape[axis] - edge
        here.narrow(axis, edge, inside).add_(before.narrow(axis, 0, inside))
        here.narrow(axis, 0, edge).add_(before.narrow(axis, 0, 1))
        here.narrow(axis, 0, inside).add_(behind.narrow(axis, edge, inside))
        here.narrow(axis, inside, edge).add_(behind.narrow(axis, -1, 1))
        shares = here
    return shares


def spread(totals: Tensor, step: int, *, out: Tensor) -> None:
    """Write the gradient of what `gathered` was given, (b, 3, 3, 3, z, y, x), from that of its result."""
    for axis in (-3, -2, -1):
        edge = min(step, totals.shape[axis])
        inside = totals.shape[axis] - edge
        shares = out if axis == -1 else totals.new_empty((*totals.shape[:-3], 3, *totals.shape[-3:]))
        before, here, behind = shares.unbind(_TAPS)
        here.copy_(totals)
        before.narrow(axis, 0, inside).copy_(totals.narrow(axis, edge, inside))
        before.narrow(axis, inside, edge).zero_()
        before.narrow(axis, 0, 1).add_(totals.narrow(axis, 0, edge).sum(axis, keepdim=True))
        behind.narrow(axis, edge, inside).copy_(totals.narrow(axis, 0, inside))
        behind.narrow(axis, 0, edge).zero_()
        behind.narrow(axis, -1, 1).add_(totals.narrow(axis, inside, edge).sum(axis, keepdim=True))
        totals = shares


__all__ = ["MSDNet", "MixedScaleDense", "gathered", "spread"]
