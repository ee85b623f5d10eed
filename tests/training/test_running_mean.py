"""Tests of means that stay on the device until they are asked for."""

from __future__ import annotations

import pytest
import torch

from napari_cryorestore.training.running_mean import RunningMean

CPU = torch.device("cpu")
GOOD, BAD = torch.tensor(False), torch.tensor(True)


def scalar(value: float) -> torch.Tensor:
    return torch.tensor(value, requires_grad=True)


def test_means_since_the_last_call() -> None:
    mean = RunningMean(CPU)
    assert mean.take() == ({}, 0)
    for value in (1.0, 2.0, 6.0):
        mean.add({"loss": scalar(value), "part": torch.tensor(1.0, dtype=torch.bfloat16)}, skipped=GOOD)
    means, skipped = mean.take()
    assert means == pytest.approx({"loss": 3.0, "part": 1.0})
    assert skipped == 0
    mean.add({"loss": scalar(4.0)}, skipped=GOOD)
    assert mean.take() == ({"loss": 4.0}, 0)


def test_skipped_steps_count_for_nothing() -> None:
    mean = RunningMean(CPU)
    mean.add({"loss": scalar(2.0), "part": scalar(1.0)}, skipped=GOOD)
    mean.add({"loss": scalar(float("nan")), "part": scalar(5.0)}, skipped=BAD)
    assert mean.take() == ({"loss": 2.0, "part": 1.0}, 1)


def test_where_all_were_skipped_there_is_no_mean() -> None:
    mean = RunningMean(CPU)
    mean.add({"loss": scalar(float("inf"))}, skipped=BAD)
    mean.add({"loss": scalar(float("inf"))}, skipped=BAD)
    assert mean.take() == ({}, 2)
    assert mean.take() == ({}, 0)


def test_it_holds_no_graph() -> None:
    mean = RunningMean(CPU)
    mean.add({"loss": scalar(2.0)}, skipped=GOOD)
    assert not mean._sums["loss"].requires_grad


def test_several_processes_have_their_means_in_common() -> None:
    other = torch.tensor([1.0, 1.0, 1.0])  # one step with the loss 1, one skipped, one process
    mean = RunningMean(CPU, total=lambda numbers: numbers + other)
    mean.add({"loss": scalar(2.0)}, skipped=GOOD)
    mean.add({"loss": scalar(6.0)}, skipped=GOOD)
    assert mean.take() == ({"loss": 3.0}, 1)  # (2 + 6 + 1) / 3
