"""What learns: the network, its averaged copy and the optimiser, and how one batch moves them."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.utils.checkpoint import checkpoint

from napari_cryorestore.checkpoint import load_checkpoint, load_into
from napari_cryorestore.data.crops import brought
from napari_cryorestore.hardware import is_out_of_memory, release_memory
from napari_cryorestore.networks import build_network
from napari_cryorestore.networks.module import channels_last
from napari_cryorestore.training.optimiser import (
    build_optimiser,
    follow,
    rate_factor,
    require_sound,
    skip_where,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lightning_fabric import Fabric

    from napari_cryorestore.data.crops import Crops, CropSampler
    from napari_cryorestore.methods import Method
    from napari_cryorestore.methods.base import Draws, Network
    from napari_cryorestore.run_config import RunConfig

Result = TypeVar("Result")
PIECE = 2
"""Crops whose inner maps are kept at the same time; a single one would be slow in 32 bits on a CPU."""


class Batch:
    """What one step learns from: crops, and what was drawn for them.

    No dataclass: Fabric and DDP would try to take one apart.
    """

    def __init__(self, crops: Crops, draws: Draws) -> None:
        self.crops = crops
        self.draws = draws


def next_batch(
    sampler: CropSampler, method: Method, device: torch.device, *, step: int = 0, steps: int = 0
) -> Batch:
    """Draw a step: where its crops lie and what else is random; cut them and bring all to a device.

    The method finds in the places how many steps were done, and how many there will be.
    """
    places = replace(sampler.draw(), step=step, steps=steps)
    draws = method.draw(places, sampler.generator)
    _require_one_each(draws, len(places), title=method.title)
    crops = sampler.cut(places).to(device)
    return Batch(crops, {name: brought(values, device) for name, values in draws.items()})


def _require_one_each(draws: Any, crops: int, *, title: str) -> None:
    """Refuse draws that are not for every crop: a single one would pass for all of them unseen."""
    named = draws.items() if isinstance(draws, dict) else [("something", draws)]
    for name, values in named:
        if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != crops:
            raise ValueError(
                f"{title} drew {name!r} that is not for {crops} crops: its 'draw' must return tensors by "
                "name, each with one value or row for every place."
            )


class Objective(nn.Module):
    """Network and method as one module whose forward is the loss, so that several devices see one forward.

    Attributes
    ----------
    refill : Tensor or None
        What to keep for the places of the last step, see `StepLoss.refill`.
    """

    def __init__(
        self, network: nn.Module, average: nn.Module, method: Method, *, recompute: bool = False
    ) -> None:
        super().__init__()
        self.network = network
        self.method = method
        self.recompute = recompute
        self.refill: Tensor | None = None
        self._average = (average,)  # in a tuple, as it is no part of what learns

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of one batch and its parts, by name."""
        network = recomputed(self.network) if self.recompute else self.network
        crops = self.method.prepare(batch.crops, batch.draws)
        step = self.method.loss(network, crops, batch.draws, teacher=self._teacher)
        self.refill = None if step.refill is None else step.refill.detach()
        return {"loss": step.total, **{name: part.detach() for name, part in step.parts.items()}}

    @torch.no_grad()
    def _teacher(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self._average[0](inputs)
        return outputs


class Learner:
    """Network, moving average and optimiser of one run.

    Parameters
    ----------
    config : RunConfig
        Which network and which schedule.
    method : Method
        Whose loss is minimised.
    fabric : Fabric
        Launched; knows device, precision and number of processes.

    Attributes
    ----------
    average : Module
        The averaged weights, in evaluation mode: what is shown and saved.
    """

    def __init__(self, config: RunConfig, method: Method, fabric: Fabric) -> None:
        self.schedule, self.fabric = config.schedule, fabric
        network = build_network(config.network, channels=method.channels, seed=config.schedule.seed)
        self.network = channels_last(network.to(fabric.device))
        self.average = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        if fabric.world_size > 1:
            lay_out_gradients(self.network)
        optimiser = build_optimiser(self.network, config.schedule)
        self.highest_rates = [group["lr"] for group in optimiser.param_groups]
        self._objective = Objective(self.network, self.average, method, recompute=config.hardware.recompute)
        wrapped: Any = fabric.setup(self._objective, optimiser)
        self.objective, self.optimiser = wrapped
        self._arithmetic: Any = fabric.strategy.precision
        self._scaler = getattr(self._arithmetic, "scaler", None)
        self._good = copy.deepcopy((self.network.state_dict(), self.average.state_dict()))

    def start_from(self, path: Path) -> int:
        """Take the weights of a checkpoint instead of random ones, and return their step.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is none, or it does not fit the network.
        """
        checkpoint = load_checkpoint(path)
        for network in (self.network, self.average):
            load_into(network, checkpoint, source=path)
        self.keep()
        return checkpoint.label.step

    @property
    def refill(self) -> Tensor | None:
        """What to keep for the places of the last step, see `StepLoss.refill`."""
        return self._objective.refill

    def update(self, batch: Batch, *, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """Take one optimiser step; one whose gradient is not finite leaves the weights as they are.

        Returns
        -------
        dict of str to scalar Tensor
            The "loss" of this batch and its parts.
        Tensor, scalar bool
            Whether it was not finite; on the device, not waited for.
        """
        factor = rate_factor(step, self.schedule)
        for group, highest in zip(self.optimiser.param_groups, self.highest_rates, strict=True):
            group["lr"] = highest * factor
        self.optimiser.zero_grad(set_to_none=True)
        losses: dict[str, Tensor] = self.objective(batch)
        self.fabric.backward(losses["loss"])
        finite = torch.isfinite(self._limit_gradients())
        if self._scaler is None:  # 16-bit floats overflow now and then by design; their scaler sees to it
            skip_where(self.optimiser.optimizer, ~finite)
        self.optimiser.step()
        follow(self.average, self.network, step=step, memory=self.schedule.ema)
        good = torch.isfinite(losses["loss"].detach())
        return losses, ~(good & finite if self._scaler is None else good)

    def _limit_gradients(self) -> Tensor:
        """Take the scale of 16-bit floats off the gradients, shorten them if set to; return their norm."""
        if self._scaler is not None:
            self._scaler.unscale_(self.optimiser.optimizer)
        return limit_gradients(self.network, most=self.schedule.gradient_clip)

    def keep(self) -> None:
        """Remember the present weights as good, in the same memory each time."""
        for good, network in zip(self._good, (self.network, self.average), strict=True):
            for name, value in network.state_dict().items():
                good[name].copy_(value)

    def roll_back(self) -> None:
        """Return to the weights last kept."""
        for network, weights in zip((self.network, self.average), self._good, strict=True):
            network.load_state_dict(weights)

    def release(self) -> None:
        """Give memory back after it ran out."""
        self.optimiser.zero_grad(set_to_none=True)
        release_memory()

    def with_room(self, work: Callable[[], Result]) -> Result:
        """Do what must be done between steps; where memory runs out, free some and try once more."""
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or self.fabric.world_size > 1:
                raise
        self.release()
        return work()

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on, as tensors and plain values."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self._arithmetic.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Load what `state` returned; the optimiser's settings stay those of the schedule.

        Raises
        ------
        ValueError, or another error of Python or PyTorch
            If it is not that of this network and optimiser.
        """
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        if not all(
            value.isfinite().all()
            for network in (self.network, self.average)
            for value in network.state_dict().values()
        ):
            raise ValueError("weights that are not finite")
        settings = [
            {name: value for name, value in group.items() if name != "params"}
            for group in self.optimiser.param_groups
        ]
        self.optimiser.load_state_dict(state["optimiser"])
        for group, own in zip(self.optimiser.param_groups, settings, strict=True):
            group.update(own)
        require_sound(self.optimiser.optimizer)
        self._arithmetic.load_state_dict(state["scaler"])
        self.keep()


def lay_out_gradients(network: nn.Module) -> None:
    """Give every gradient the strides of its weight, as DDP expects and warns of otherwise.

    PyTorch already sees to all axes but those of length 1, whose stride says nothing: so nothing is copied.
    """
    for weight in network.parameters():
        if 1 in weight.shape:
            hook = partial(_with_strides, strides=weight.stride())
            weight.register_hook(hook)  # type: ignore[no-untyped-call]


def limit_gradients(network: nn.Module, *, most: float) -> Tensor:
    """Scale all gradients down alike where their common norm is above `most`; waits for no device.

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


__all__ = [
    "PIECE",
    "Batch",
    "Learner",
    "Objective",
    "Result",
    "lay_out_gradients",
    "limit_gradients",
    "next_batch",
    "recomputed",
]
