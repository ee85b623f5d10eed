"""How weights move: Muon (orthogonalised momentum) or Adam, the rate over time, the moving average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_cryorestore.run_config import ScheduleConfig

_FUSED = ("cpu", "cuda")
_LONG = 2
"""How many times longer than wide a matrix has to be for the iteration to leave it alone."""


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by Newton-Schulz iterations, for convolutions (Jordan et al. 2024).

    Each weight is seen as a matrix (out, in · kz · ky · kx). `torch.optim.Muon` takes only 2-D weights.

    Parameters
    ----------
    params
        Weights of at least two dimensions.
    lr : float
        Step in units of the matrix's spectral norm.
    momentum : float
        Nesterov momentum.
    """

    def __init__(self, params: Iterable[Any], *, lr: float = 0.02, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step; where it raises, such as for lack of memory, no weight has moved."""
        del closure
        skipped: Tensor | None = getattr(self, "found_inf", None)
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            updates = [self._update(weight, group["momentum"], skipped) for weight in weights]
            scale = -group["lr"] if skipped is None else -group["lr"] * (1 - skipped)
            directions = [
                direction.view(weight.shape).to(weight.dtype).mul_(scale * _longer(update))
                for weight, update, direction in zip(weights, updates, _alike(updates), strict=True)
            ]
            if directions:
                torch._foreach_add_(weights, directions)

    def _update(self, weight: nn.Parameter, memory: float, skipped: Tensor | None) -> Tensor:
        """Return the momentum of a weight with its newest gradient, as a matrix."""
        gradient: Tensor = weight.grad  # type: ignore[assignment]
        if skipped is not None:
            gradient = gradient.masked_fill_(skipped != 0, 0.0)
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"].lerp_(gradient, 1 - memory)
        return gradient.lerp(momentum, memory).flatten(1)


def _longer(matrix: Tensor) -> float:
    return math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))


def _alike(matrices: list[Tensor]) -> list[Tensor]:
    """Orthogonalise matrices, all those of one shape at once."""
    result: dict[int, Tensor] = {}
    shapes = list(dict.fromkeys(matrix.shape for matrix in matrices))
    for shape in shapes:
        places = [place for place, matrix in enumerate(matrices) if matrix.shape == shape]
        stack = [matrices[place] for place in places]
        joined = stack[0][None] if len(stack) == 1 else torch.stack(stack)
        result.update(zip(places, orthogonalised(joined), strict=True))
    return [result[place] for place in range(len(matrices))]


def orthogonalised(matrices: Tensor, *, iterations: int = 5) -> Tensor:
    """Return matrices of (nearly) the same singular vectors whose singular values are all about 1.

    Quintic Newton-Schulz iteration: X ← P X with P = aI + bA + cA², A = XXᵀ and
    (a, b, c) = (3.4445, −4.7750, 2.0315). P and A commute, so where X is much longer than wide the iteration
    goes on in A ← P A P alone, and X is multiplied by the product of all P at the end.

    Parameters
    ----------
    matrices : Tensor, shape (n, rows, columns)

    Returns
    -------
    Tensor, shape (n, rows, columns), float32
    """
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x: Tensor = (matrices if wide else matrices.mT).float()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = _iterated_small(x, iterations) if x.shape[-1] >= _LONG * x.shape[-2] else _iterated(x, iterations)
    return x if wide else x.mT


def _iterated(x: Tensor, iterations: int) -> Tensor:
    for _ in range(iterations):
        x = _polynomial(x @ x.mT) @ x
    return x


def _iterated_small(x: Tensor, iterations: int) -> Tensor:
    a = x @ x.mT
    product = p = _polynomial(a)
    for _ in range(iterations - 1):
        a = p @ a @ p
        p = _polynomial(a)
        product = p @ product
    return product @ x


def _polynomial(a: Tensor) -> Tensor:
    p = torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315)
    p.diagonal(dim1=-2, dim2=-1).add_(3.4445)
    return p


class WeightPair(torch.optim.Optimizer):
    """Muon for matrices and Adam, at a tenth of the rate, for everything with one row or fewer dimensions."""

    _step_supports_amp_scaling = True  # else the scaler of 16-bit floats would wait for the device

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float) -> None:
        weights = [weight for weight in parameters if weight.requires_grad]
        matrices = [weight for weight in weights if weight.ndim > 1 and weight.shape[0] > 1]
        inside = {id(weight) for weight in matrices}
        rest = [weight for weight in weights if id(weight) not in inside]
        self.parts: list[torch.optim.Optimizer] = [Muon(matrices, lr=lr)] if matrices else []
        self.parts += [_adam(rest, lr=lr / 10)] if rest else []
        super().__init__(weights, {"lr": lr})
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step of both."""
        del closure
        for part in self.parts:
            for name in ("found_inf", "grad_scale"):  # from `skip_where`, or from the scaler of 16-bit floats
                if hasattr(self, name):
                    setattr(part, name, getattr(self, name))
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the states of both."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def build_optimiser(network: nn.Module, schedule: ScheduleConfig) -> torch.optim.Optimizer:
    """Return the optimiser of a schedule."""
    if schedule.optimiser == "muon":
        return WeightPair(network.parameters(), lr=schedule.learning_rate)
    return _adam(list(network.parameters()), lr=schedule.learning_rate)


def skip_where(optimiser: torch.optim.Optimizer, bad: Tensor) -> None:
    """Let the next step leave weights and momentum as they are if `bad`, a scalar bool on their device.

    PyTorch's own name for that is ``found_inf``, which its scaler of 16-bit floats sets too.
    """
    optimiser.found_inf = bad.float()  # type: ignore[attr-defined]


def _adam(weights: list[nn.Parameter], *, lr: float) -> torch.optim.Adam:
    """Return Adam, in one pass over the weights and without copies of them where PyTorch has that."""
    fused = all(weight.device.type in _FUSED for weight in weights)
    return torch.optim.Adam(weights, lr=lr, fused=True) if fused else PlainAdam(weights, lr=lr)


class PlainAdam(torch.optim.Adam):
    """Adam for devices without PyTorch's fused one, which is the only one that can leave a step out."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step, or none; waits for no device."""
        bad = self.__dict__.pop("found_inf", None)
        if bad is None:
            return super().step(closure)
        weights = [weight for group in self.param_groups for weight in group["params"]]
        weights = [weight for weight in weights if weight.grad is not None]
        before = [weight.clone() for weight in weights]
        for weight in weights:
            weight.grad.masked_fill_(bad != 0, 0.0)
        result = super().step(closure)
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(torch.where(bad != 0, old, weight))
        return result


def require_sound(optimiser: torch.optim.Optimizer) -> None:
    """Refuse a state that was read from a file, if the next step could not begin from it.

    Raises
    ------
    ValueError
        If there is one of no weight of ours, or of another shape, or it is not finite.
    """
    for part in getattr(optimiser, "parts", [optimiser]):
        shapes = {id(weight): weight.shape for group in part.param_groups for weight in group["params"]}
        names = {"momentum"} if isinstance(part, Muon) else {"step", "exp_avg", "exp_avg_sq"}
        for weight, state in part.state.items():
            if not isinstance(state, dict) or state.keys() != names or id(weight) not in shapes:
                raise ValueError("a state of another optimiser")
            for name, value in state.items():
                if not _is_sound(value, torch.Size() if name == "step" else shapes[id(weight)]):
                    raise ValueError(f"a damaged {name}")


def _is_sound(value: object, shape: torch.Size) -> bool:
    if not isinstance(value, Tensor) or value.shape != shape:
        return False
    return value.dtype.is_floating_point and bool(value.isfinite().all())


def rate_factor(step: int, schedule: ScheduleConfig) -> float:
    """Return the learning rate of a step relative to the highest: linear warm-up, then cosine or constant."""
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    if schedule.decay == "constant":
        return 1.0
    done = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, *, step: int, memory: float) -> None:
    """Move the averaged weights towards the network's; the memory grows from 0.1 to its full length."""
    share = 1 - min(memory, (1 + step) / (10 + step)) if memory else 1.0
    for mine, other in zip(average.parameters(), network.parameters(), strict=True):
        mine.data.lerp_(other.data, share)
    for kept, present in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(present)
