"""Tests of Muon, of the pair it makes with Adam, of the rate over time and of the moving average."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.run_config import ScheduleConfig
from napari_cryorestore.training.optimiser import (
    Muon,
    PlainAdam,
    WeightPair,
    build_optimiser,
    follow,
    orthogonalised,
    rate_factor,
    skip_where,
)


def newton_schulz(matrix: torch.Tensor) -> torch.Tensor:
    """Return the iteration as published, in 64 bits."""
    x = matrix.double() / matrix.double().norm()
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x - 4.7750 * a @ x + 2.0315 * a @ a @ x
    return x


@pytest.mark.parametrize("shape", [(8, 9), (8, 16), (8, 648), (64, 1728), (96, 8), (20, 500)], ids=str)
@pytest.mark.parametrize("rank", [2, 64])
def test_the_iteration_is_the_published_one(shape: tuple[int, int], rank: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rows, columns = (torch.randn(size, rank, generator=generator) for size in shape)
    strengths = torch.logspace(0, -3, rank)
    matrix = (rows * strengths) @ columns.mT
    plain = newton_schulz(matrix) if shape[0] <= shape[1] else newton_schulz(matrix.mT).mT
    assert float((orthogonalised(matrix[None])[0] - plain).norm() / plain.norm()) < 2e-3


@pytest.mark.parametrize("shape", [(8, 27), (64, 16), (32, 32), (2, 500)])
def test_orthogonalised_matrices_have_singular_values_of_about_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-4
    values = torch.linalg.svdvals(orthogonalised(matrix[None])[0])
    assert values.min() > 0.6
    assert values.max() < 1.3
    # the singular vectors stay: the nearest orthogonal matrix is U Vᵀ
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    likeness = (
        (orthogonalised(matrix[None])[0] * (u @ v)).sum()
        / (u @ v).norm()
        / orthogonalised(matrix[None])[0].norm()
    )
    assert likeness > 0.95


def test_matrices_of_one_shape_are_orthogonalised_at_once_each_as_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(part) for part in torch.randn(3, 4, 3, 3, 3, 3, generator=generator)]
    alone = [nn.Parameter(weight.detach().clone()) for weight in weights]
    for each in (weights, *([one] for one in alone)):
        optimiser = Muon(each, lr=0.1)
        for weight in each:
            weight.grad = weight.detach().square()
        optimiser.step()
    for one, other in zip(weights, alone, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", ["muon", "adam", "plain adam"])
def test_a_step_may_be_left_out(kind: str) -> None:
    layer = nn.Conv3d(2, 3, 3)
    if kind == "plain adam":
        optimiser: torch.optim.Optimizer = PlainAdam(layer.parameters(), lr=0.1)
    else:
        optimiser = build_optimiser(layer, ScheduleConfig.model_validate({"optimiser": kind}))
    for value, moves in ((1.0, True), (math.nan, False), (math.inf, False), (1.0, True)):
        before = [weight.detach().clone() for weight in layer.parameters()]
        for weight in layer.parameters():
            weight.grad = torch.full_like(weight, value)
        skip_where(optimiser, torch.tensor(not math.isfinite(value)))
        optimiser.step()
        stayed = [torch.equal(one, other) for one, other in zip(before, layer.parameters(), strict=True)]
        assert stayed == [not moves] * 2
        assert all(weight.isfinite().all() for weight in layer.parameters())


def test_nothing_stays_nothing() -> None:
    assert torch.equal(orthogonalised(torch.zeros(1, 4, 5)), torch.zeros(1, 4, 5))


def test_a_muon_step_moves_a_convolution_by_its_rate() -> None:
    weight = nn.Parameter(torch.zeros(6, 2, 3, 3, 3))
    weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    Muon([weight], lr=0.1).step()
    values = torch.linalg.svdvals(weight.detach().flatten(1)) / 0.1
    assert 0.6 < values.min() <= values.max() < 1.3
    assert float((weight.detach() * weight.grad).sum()) < 0  # downhill


def test_a_tall_matrix_moves_further() -> None:
    weight = nn.Parameter(torch.zeros(64, 4))
    weight.grad = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    Muon([weight], lr=1.0).step()
    assert torch.linalg.svdvals(weight.detach()).mean() == pytest.approx(math.sqrt(64 / 4), rel=0.2)


def test_muon_keeps_nesterov_momentum() -> None:
    weight = nn.Parameter(torch.zeros(3, 5))
    optimiser = Muon([weight], lr=0.1, momentum=0.9)
    gradients = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    buffer, expected = torch.zeros(3, 5), torch.zeros(3, 5)
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimiser.step()
        buffer = 0.9 * buffer + 0.1 * gradient
        expected -= 0.1 * orthogonalised((0.1 * gradient + 0.9 * buffer)[None])[0]
    torch.testing.assert_close(weight.detach(), expected)
    assert torch.equal(weight.grad, gradients[-1])  # the gradient is left as it was


def test_muon_leaves_weights_without_gradient_alone() -> None:
    weight = nn.Parameter(torch.ones(3, 5))
    optimiser = Muon([weight])
    optimiser.step()
    assert torch.equal(weight, torch.ones(3, 5))
    assert not optimiser.state


def test_muon_works_on_channels_last_weights() -> None:
    plain = nn.Parameter(torch.zeros(6, 4, 3, 3, 3))
    last = nn.Parameter(torch.zeros(6, 4, 3, 3, 3).to(memory_format=torch.channels_last_3d))
    plain.grad = torch.randn(plain.shape, generator=torch.Generator().manual_seed(0))
    last.grad = plain.grad.clone(memory_format=torch.channels_last_3d)
    for weight in (plain, last):
        Muon([weight]).step()
    torch.testing.assert_close(plain.detach(), last.detach())


def network(**knobs: Any) -> nn.Module:
    return build_network(UNetConfig(features=2, levels=2, **knobs), seed=0)


def test_the_pair_gives_matrices_to_muon_and_the_rest_to_adam() -> None:
    made = network(bias=True)
    pair = WeightPair(made.parameters(), lr=0.02)
    muon, adam = pair.parts
    assert isinstance(muon, Muon)
    assert isinstance(adam, torch.optim.Adam)
    in_muon = {id(weight) for weight in muon.param_groups[0]["params"]}
    for weight in made.parameters():
        one_row = weight.ndim == 1 or weight.shape[0] == 1
        assert (id(weight) in in_muon) is not one_row
    assert (muon.param_groups[0]["lr"], adam.param_groups[0]["lr"]) == (0.02, 0.002)
    assert sum(len(group["params"]) for group in pair.param_groups) == len(list(made.parameters()))


def test_a_pair_may_be_one_sided() -> None:
    only_bias, only_matrix = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3, 3))
    assert [type(part) for part in WeightPair([only_bias], lr=1).parts] == [torch.optim.Adam]
    assert [type(part) for part in WeightPair([only_matrix], lr=1).parts] == [Muon]


def test_the_state_of_the_pair_goes_round(tmp_path: Any) -> None:
    def stepped(made: nn.Module, pair: WeightPair, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for weight in made.parameters():
            weight.grad = torch.randn(weight.shape, generator=generator)
        pair.step()

    first = network()
    pair = WeightPair(first.parameters(), lr=0.02)
    stepped(first, pair, 1)
    torch.save(pair.state_dict(), tmp_path / "state.pt")
    second = network()
    second.load_state_dict(first.state_dict())
    other = WeightPair(second.parameters(), lr=0.5)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert other.param_groups[0] is other.parts[0].param_groups[0]
    assert other.param_groups[0]["lr"] == 0.02
    for made, optimiser in ((first, pair), (second, other)):
        stepped(made, optimiser, 2)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)


def test_zero_grad_reaches_both_parts() -> None:
    made = network(bias=True)
    pair = WeightPair(made.parameters(), lr=0.02)
    for weight in made.parameters():
        weight.grad = torch.ones_like(weight)
    pair.zero_grad(set_to_none=True)
    assert all(weight.grad is None for weight in made.parameters())


def test_the_schedule_chooses_the_optimiser() -> None:
    made = network()
    assert isinstance(build_optimiser(made, ScheduleConfig(optimiser="muon")), WeightPair)
    adam = build_optimiser(made, ScheduleConfig(optimiser="adam", learning_rate=3e-4))
    assert isinstance(adam, torch.optim.Adam)
    assert adam.param_groups[0]["lr"] == 3e-4


def test_the_rate_warms_up_and_goes_down_as_a_cosine() -> None:
    schedule = ScheduleConfig(steps=110, warmup=10)
    assert [rate_factor(step, schedule) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert [rate_factor(step, schedule) for step in (10, 35, 60, 110)] == pytest.approx(
        [1.0, 0.5 * (1 + math.cos(math.pi / 4)), 0.5, 0.0]
    )
    assert rate_factor(200, schedule) == pytest.approx(0.0)


def test_the_rate_may_stay() -> None:
    schedule = ScheduleConfig(steps=10, decay="constant", warmup=2)
    assert [rate_factor(step, schedule) for step in (0, 1, 2, 9)] == [0.5, 1.0, 1.0, 1.0]


def test_a_warm_up_longer_than_the_run() -> None:
    schedule = ScheduleConfig(steps=5, warmup=10)
    assert [rate_factor(step, schedule) for step in (0, 4)] == pytest.approx([0.1, 0.5])


@pytest.mark.parametrize(("step", "memory"), [(0, 0.1), (8, 0.5), (90, 0.91), (10_000, 0.99)])
def test_the_memory_of_the_average_grows(step: int, memory: float) -> None:
    average, present = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        for weight in average.parameters():
            weight.fill_(1.0)
        for weight in present.parameters():
            weight.fill_(0.0)
    follow(average, present, step=step, memory=0.99)
    assert float(average.weight.detach()) == pytest.approx(memory, abs=1e-6)


def test_the_average_takes_buffers_as_they_are() -> None:
    average, present = nn.BatchNorm3d(1), nn.BatchNorm3d(1)
    present.running_mean.fill_(7.0)  # type: ignore[union-attr]
    follow(average, present, step=0, memory=0.99)
    assert float(average.running_mean) == 7.0  # type: ignore[arg-type]


def test_adam_moves_as_ever_in_one_pass() -> None:
    weights = [
        nn.Parameter(torch.randn(3, 4, generator=torch.Generator().manual_seed(seed))) for seed in (0, 0)
    ]
    plain = torch.optim.Adam(weights[:1], lr=0.01, foreach=False)
    ours = build_optimiser(
        nn.ParameterList(weights[1:]), ScheduleConfig(optimiser="adam", learning_rate=0.01)
    )
    assert ours.param_groups[0]["fused"]
    for seed in range(5):
        for weight, optimiser in zip(weights, (plain, ours), strict=True):
            weight.grad = torch.randn(3, 4, generator=torch.Generator().manual_seed(10 + seed))
            optimiser.step()
    torch.testing.assert_close(weights[0], weights[1])


def test_adam_takes_up_what_one_that_was_not_fused_has_saved() -> None:
    weights = [nn.Parameter(torch.ones(3, 4)) for _ in range(2)]
    old = torch.optim.Adam(weights[:1], lr=0.01)
    new = build_optimiser(nn.ParameterList(weights[1:]), ScheduleConfig(optimiser="adam", learning_rate=0.5))
    for weight in weights:
        weight.grad = torch.arange(12.0).view(3, 4)
    old.step()
    new.load_state_dict(old.state_dict())
    with torch.no_grad():
        weights[1].copy_(weights[0])
    for optimiser in (old, new):
        optimiser.step()
    torch.testing.assert_close(weights[0], weights[1])
