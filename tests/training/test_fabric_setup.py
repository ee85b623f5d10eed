"""Tests of the device of a run, its arithmetic, and of which process is the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from lightning_fabric.plugins.environments import (
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)

from napari_cryorestore.run_config import HardwareConfig
from napari_cryorestore.training import fabric_setup
from napari_cryorestore.training.fabric_setup import has_several, is_first, launch_fabric, leave_process_group
from napari_cryorestore.training.rank import ranks_first

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def cudnn_as_it_was() -> Iterator[None]:
    before = torch.backends.cudnn.benchmark
    yield
    torch.backends.cudnn.benchmark = before


def test_without_ranks_this_is_the_only_process() -> None:
    assert ranks_first()


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"])
def test_any_rank_above_0_is_not_the_first(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    several = HardwareConfig(devices=2)
    assert is_first(several)
    monkeypatch.setenv(name, "0")
    assert is_first(several)
    monkeypatch.setenv(name, "1")
    assert not is_first(several)
    assert not ranks_first()
    assert is_first(HardwareConfig())  # a run of its own, whatever started it


def test_several_are_more_than_one_device_or_computer() -> None:
    assert not has_several(HardwareConfig())
    assert has_several(HardwareConfig(devices=2))
    assert has_several(HardwareConfig(nodes=2))


def test_one_cpu_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(fabric_setup, "use_threads", threads.append)
    said: list[str] = []
    fabric, precision = launch_fabric(
        HardwareConfig(device="cpu", threads=3), precision="32", say=said.append
    )
    assert (fabric.device, fabric.world_size, precision, said, threads) == (
        torch.device("cpu"),
        1,
        "32",
        [],
        [3],
    )
    leave_process_group()  # nothing to leave


def test_what_is_not_right_here_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    _, precision = launch_fabric(HardwareConfig(device="cpu", threads=1), precision="fp16", say=said.append)
    assert precision == "32"
    assert said == ["fp16 is for CUDA devices only: computing in 32 bits on cpu instead."]


@pytest.mark.parametrize(
    ("hardware", "expected"),
    [
        ({"device": "cuda:1"}, {"accelerator": "cuda", "devices": [1], "strategy": "auto", "num_nodes": 1}),
        ({"device": "auto"}, {"accelerator": "cuda", "devices": [0], "strategy": "auto", "num_nodes": 1}),
        (
            {"device": "cuda", "devices": 2, "nodes": 3},
            {"accelerator": "cuda", "devices": 2, "strategy": "ddp", "num_nodes": 3},
        ),
        ({"device": "cpu"}, {"accelerator": "cpu", "devices": 1, "strategy": "auto", "num_nodes": 1}),
    ],
)
def test_what_fabric_is_given(
    monkeypatch: pytest.MonkeyPatch, hardware: dict[str, Any], expected: dict[str, Any]
) -> None:
    given: dict[str, Any] = {}

    class Fabric:
        def __init__(self, **arguments: Any) -> None:
            given.update(arguments)

        def launch(self) -> None:
            given["launched"] = True

    monkeypatch.setattr(fabric_setup, "Fabric", Fabric)
    monkeypatch.setattr(fabric_setup, "choose_precision", lambda precision, device: ("bf16", ""))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    launch_fabric(HardwareConfig(**hardware), precision="auto", say=print)
    (environment,) = given.pop("plugins")
    assert isinstance(environment, LightningEnvironment)
    assert given == {**expected, "precision": "bf16-mixed", "launched": True}


TORCHRUN = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}
SRUN = {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0"}


@pytest.mark.parametrize(
    ("variables", "devices", "kind"),
    [
        (TORCHRUN, 2, TorchElasticEnvironment),
        (SRUN, 2, SLURMEnvironment),
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "2"}, 2, LightningEnvironment),  # started by the training itself
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, 2, LightningEnvironment),  # a script without srun
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, 1, LightningEnvironment),
    ],
)
def test_who_tells_the_processes_of_one_another(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], devices: int, kind: type
) -> None:
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    environment = fabric_setup._environment(HardwareConfig(devices=devices))
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE", raising=False)
    assert type(environment) is kind


def test_another_number_of_processes_than_devices_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    words = r"2 processes were started, but the run is for 2 device\(s\) on 2 computer\(s\): start 4, or"
    with pytest.raises(ValueError, match=words):
        launch_fabric(HardwareConfig(device="cpu", devices=2, nodes=2), precision="32", say=print)
    launch_fabric(
        HardwareConfig(device="cpu", threads=1), precision="32", say=print
    )  # each trains its own run


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no device 'cuda:99' here"):
        launch_fabric(HardwareConfig(device="cuda:99"), precision="32", say=print)
