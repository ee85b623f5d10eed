"""Tests of what learns: fp16's scaler and the state that goes into a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn

from napari_cryorestore.data.crops import Crops, CropSampler, Places, TrainingVolume
from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.methods import METHODS, Method, build_method
from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.training.learner import Batch, Learner, lay_out_gradients, limit_gradients, next_batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_cryorestore.run_config import RunConfig


def batch(*, scale: float = 1.0) -> Batch:
    even, odd = scale * torch.randn(2, 2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    places = Places(0, torch.zeros(len(even), 3, dtype=torch.int32), Imaging(), 2)
    return Batch(Crops.of((even, odd), (even, odd), places), {})


def learner(config: RunConfig, *plugins: Any) -> Learner:
    alone = LightningEnvironment()  # whatever launchers this computer has
    fabric = Fabric(accelerator="cpu", devices=1, plugins=[alone, *plugins])
    return Learner(config, build_method(config.method), fabric)


def fp16_learner(config: RunConfig) -> Learner:
    plugin = MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu", init_scale=2.0))
    return learner(config, plugin)


def test_the_rate_follows_the_schedule(recipe: Callable[..., RunConfig]) -> None:
    made = learner(recipe(schedule={"steps": 10, "warmup": 4, "learning_rate": 0.1}))
    rates = []
    for step in range(10):
        made.update(batch(), step=step)
        rates.append([group["lr"] for group in made.optimiser.optimizer.param_groups])
    muon, adam = (list(part) for part in zip(*rates, strict=True))
    assert muon[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert muon[4] == pytest.approx(0.1)
    assert muon[7] == pytest.approx(0.05)
    assert adam == pytest.approx([rate / 10 for rate in muon])


def test_the_rate_still_follows_the_schedule_after_a_resume(recipe: Callable[..., RunConfig]) -> None:
    config = recipe(schedule={"steps": 10})
    first, second = learner(config), learner(config)
    first.update(batch(), step=0)
    second.load(first.state())
    second.update(batch(), step=9)
    inner = second.optimiser.optimizer
    assert inner.param_groups[0]["lr"] < 0.03 * 0.02
    assert inner.parts[0].param_groups[0] is inner.param_groups[0]


def test_fp16_overflow_lowers_the_scale_moves_nothing_and_is_not_reported(
    recipe: Callable[..., RunConfig],
) -> None:
    made = fp16_learner(recipe(schedule={"gradient_clip": 0.0}))
    scaler = made.fabric.strategy.precision.scaler
    scaler.scale(torch.zeros(()))  # starts it
    scaler.update(2.0**127)  # scaled gradients cannot be finite
    before = [weight.clone() for weight in made.network.parameters()]
    for round_ in range(3):
        losses, bad = made.update(batch(), step=round_)
        assert torch.isfinite(losses["loss"])
        assert not bad
    assert scaler.get_scale() == 2.0**124
    assert all(torch.equal(one, other) for one, other in zip(before, made.network.parameters(), strict=True))


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_fp16_does_not_wait_to_know_whether_it_overflowed(
    recipe: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch, optimiser: str
) -> None:
    def waited(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("waited for the device")

    monkeypatch.setattr(torch.amp.GradScaler, "_maybe_opt_step", waited)
    made = fp16_learner(recipe(schedule={"optimiser": optimiser}))
    before = [weight.clone() for weight in made.network.parameters()]
    made.update(batch(), step=0)
    assert not any(torch.equal(one, new) for one, new in zip(before, made.network.parameters(), strict=True))


def test_the_state_holds_fp16s_scale(recipe: Callable[..., RunConfig]) -> None:
    first, second = (fp16_learner(recipe()) for _ in range(2))
    first.update(batch(), step=0)
    first.fabric.strategy.precision.scaler.update(2.0**5)
    second.load(first.state())
    assert second.fabric.strategy.precision.scaler.get_scale() == 2.0**5


def test_large_gradients_are_clipped(
    recipe: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = {}
    for clip in (0.0, 1e-3):
        made = learner(recipe(schedule={"gradient_clip": clip, "optimiser": "adam"}))
        inner = made.optimiser.optimizer
        step = inner.step

        def spy(*args: Any, made: Learner = made, clip: float = clip, step: Any = step, **kwargs: Any) -> Any:
            norms[clip] = float(torch.cat([w.grad.flatten() for w in made.network.parameters()]).norm())
            return step(*args, **kwargs)

        monkeypatch.setattr(inner, "step", spy)
        made.update(batch(scale=30), step=0)
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-2)
    assert norms[0.0] > 1e-2


def test_the_average_follows(recipe: Callable[..., RunConfig]) -> None:
    for memory, same in ((0.0, True), (0.9, False)):
        made = learner(recipe(schedule={"ema": memory}))
        made.update(batch(), step=1)
        pairs = zip(made.network.parameters(), made.average.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs) is same
        assert not made.average.training
        assert not any(weight.requires_grad for weight in made.average.parameters())


def test_an_optimiser_that_runs_out_of_memory_half_way_has_moved_nothing(
    recipe: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, calls = learner(recipe()), []
    original = torch.baddbmm

    def baddbmm(*args: Any, **kwargs: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 8:  # each matrix takes five
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(*args, **kwargs)

    before = [weight.detach().clone() for weight in made.network.parameters()]
    with monkeypatch.context() as patched:
        patched.setattr(torch, "baddbmm", baddbmm)
        with pytest.raises(torch.OutOfMemoryError):
            made.update(batch(), step=0)
    assert len(calls) == 8
    assert all(torch.equal(one, other) for one, other in zip(before, made.network.parameters(), strict=True))


def test_good_weights_are_kept_in_the_same_memory(recipe: Callable[..., RunConfig]) -> None:
    made = learner(recipe())
    places = [value.data_ptr() for weights in made._good for value in weights.values()]
    made.update(batch(), step=0)
    made.keep()
    kept = [weight.detach().clone() for weight in made.network.parameters()]
    assert [value.data_ptr() for weights in made._good for value in weights.values()] == places
    made.update(batch(), step=1)
    moved = list(made.network.parameters())
    assert not all(torch.equal(one, other) for one, other in zip(kept, moved, strict=True))
    made.roll_back()
    assert all(torch.equal(one, other) for one, other in zip(kept, made.network.parameters(), strict=True))


def test_other_errors_are_not_tried_again(recipe: Callable[..., RunConfig]) -> None:
    calls = []

    def wrong() -> None:
        calls.append(1)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        learner(recipe()).with_room(wrong)
    assert calls == [1]


@pytest.mark.parametrize("drawn", [torch.ones(1, dtype=torch.bool), torch.tensor(True), [True, False], None])
def test_draws_must_be_one_for_every_crop(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for all would do what it should not, in silence."""
    volume = TrainingVolume(
        tuple(torch.randn(2, 24, 24, 24)), Imaging(), torch.zeros(1, 3, dtype=torch.int32)
    )
    generator = torch.Generator().manual_seed(0)
    sampler = CropSampler([volume], crop=16, batch=2, input_kind="raw", generator=generator)
    method = METHODS["noise2noise"](METHODS["noise2noise"].Config())
    assert set(next_batch(sampler, method, torch.device("cpu")).draws) == {"turns", "exchanged"}
    draws = None if drawn is None else {"exchanged": drawn}
    monkeypatch.setattr(method, "draw", lambda places, generator: draws)
    with pytest.raises(
        ValueError, match=r"Noise2Noise drew .* that is not for 2 crops: its 'draw' must return"
    ):
        next_batch(sampler, method, torch.device("cpu"))


def gradients(*, laid_out: bool) -> list[tuple[nn.Parameter, torch.Tensor]]:
    network = build_network(UNetConfig(features=2, levels=3), seed=0)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    if laid_out:
        lay_out_gradients(network)
    crops = torch.randn(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    network(crops.contiguous(memory_format=torch.channels_last_3d)).square().mean().backward()
    return [(weight, weight.grad) for weight in network.parameters() if weight.grad is not None]


def test_their_strides_are_those_of_the_weights_and_their_values_the_same() -> None:
    plain, laid_out = (gradients(laid_out=laid) for laid in (False, True))
    assert any(weight.stride() != gradient.stride() for weight, gradient in plain)  # what DDP warns of
    assert [gradient.stride() for _, gradient in laid_out] == [weight.stride() for weight, _ in laid_out]
    for (_, one), (_, other) in zip(plain, laid_out, strict=True):
        assert torch.equal(one, other)


def test_a_gradient_that_really_lies_otherwise_is_left_to_pytorch() -> None:
    weight = nn.Parameter(torch.zeros(3, 4, 1))
    lay_out_gradients(nn.ParameterList([weight]))
    (weight * torch.arange(12.0).reshape(4, 3).t()[..., None]).sum().backward()
    assert weight.grad is not None
    assert weight.grad.flatten().tolist() == torch.arange(12.0).reshape(4, 3).t().flatten().tolist()


def test_long_gradients_are_shortened_alike_and_short_ones_left() -> None:
    network = nn.Linear(2, 1)
    for most, left in ((0.0, 1.0), (1.0, 0.2), (10.0, 1.0)):
        network.weight.grad, network.bias.grad = torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])
        assert float(limit_gradients(network, most=most)) == pytest.approx(5.0)
        assert network.weight.grad.tolist() == [pytest.approx([3.0 * left, 0.0], rel=1e-4)]
        assert network.bias.grad.tolist() == pytest.approx([4.0 * left], rel=1e-4)


def test_weights_without_gradient_count_for_nothing() -> None:
    network = nn.Linear(2, 1)
    network.bias.grad = torch.tensor([float("nan")])
    assert torch.isnan(limit_gradients(network, most=1.0))


def five_crops(method: Method) -> Batch:
    even, odd = torch.randn(2, 5, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    places = Places(0, torch.zeros(5, 3, dtype=torch.int32), Imaging(Wedge(-60, 60)), 2)
    draws = method.draw(places, torch.Generator().manual_seed(1))
    return Batch(Crops.of((even, odd), (even, odd), places), draws)


def alone(**more: Any) -> Fabric:
    """Return one CPU, whatever launchers this computer has."""
    return Fabric(accelerator="cpu", devices=1, plugins=[LightningEnvironment()], **more)


def after_two_steps(config: RunConfig, precision: Any) -> list[Tensor]:
    method = build_method(config.method)
    learner = Learner(config, method, alone(precision=precision))
    for step in range(2):
        learner.update(five_crops(method), step=step)
    return [weight.detach() for weight in learner.network.parameters()]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("method", ["icecream", "noise2noise"])
def test_weights_move_as_without(recipe: Callable[..., RunConfig], method: str, precision: str) -> None:
    usual, again = (
        after_two_steps(recipe(method={"kind": method}, hardware={"recompute": recompute}), precision)
        for recompute in (False, True)
    )
    for one, other in zip(usual, again, strict=True):
        assert float((one - other).norm() / one.norm()) < (1e-5 if precision == "32-true" else 3e-2)


def test_little_is_kept_for_the_way_back(recipe: Callable[..., RunConfig]) -> None:
    kept: list[int] = []
    for recompute in (False, True):
        config = recipe(method={"kind": "icecream"}, hardware={"recompute": recompute})
        method = build_method(config.method)
        learner = Learner(config, method, alone())
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, sizes=sizes: (sizes.append(tensor.nbytes), tensor)[1], lambda tensor: tensor
        ):
            learner.objective(five_crops(method))
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 4
