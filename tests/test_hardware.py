"""Tests of what is found out about devices and arithmetic."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import torch

from napari_cryorestore import hardware
from napari_cryorestore.hardware import (
    available_devices,
    choose_device,
    choose_precision,
    conv_error,
    free_memory,
    is_out_of_memory,
    peak_memory,
    release_memory,
    use_threads,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU = torch.device("cpu")
_SLOWNESS = hardware._slowness


@pytest.fixture(autouse=True)
def measured_anew() -> Iterator[None]:
    """Forget what was measured before, and then what was measured with parts replaced."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    conv_error.cache_clear()
    _SLOWNESS.cache_clear()


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_the_cpu_is_always_there_and_comes_last() -> None:
    assert available_devices()[-1] == "cpu"
    assert choose_device("cpu") == CPU


@pytest.mark.usefixtures("two_gpus")
def test_auto_takes_the_fastest_and_cuda_the_first() -> None:
    assert available_devices()[:2] == ("cuda:0", "cuda:1")
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.usefixtures("two_gpus")
def test_a_device_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"no device 'cuda:7' here; available: cuda:0, cuda:1, "):
        choose_device("cuda:7")


def test_memory_in_bytes() -> None:
    assert free_memory(CPU) > 1 << 20
    assert peak_memory(CPU) == 0.0
    release_memory()


def test_memory_of_other_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3, 4))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 2e9)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 10)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 4)
    cuda = torch.device("cuda")
    assert (free_memory(cuda), peak_memory(cuda), free_memory(torch.device("mps"))) == (3, 2.0, 6)


@pytest.mark.parametrize(("requested", "cores", "used"), [(3, 8, 3), (0, 8, 6), (0, 2, 1), (0, 1, 1)])
def test_threads_are_those_this_program_may_use(
    monkeypatch: pytest.MonkeyPatch, requested: int, cores: int, used: int
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", counts.append)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    use_threads(requested)
    assert counts == [used]


def test_the_self_test_tells_right_from_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert conv_error("32", CPU) == 0.0
    assert 0 < conv_error("bf16", CPU) < 1e-2
    _forget()
    right = hardware._run

    def wrong(conv: torch.nn.Conv3d, crop: torch.Tensor, precision: hardware.Precision) -> torch.Tensor:
        return right(conv, crop, precision) * 1.1

    monkeypatch.setattr(hardware, "_run", wrong)
    assert conv_error("bf16", CPU) > 1e-2


@pytest.mark.parametrize("result", [RuntimeError("not implemented"), float("nan")])
def test_arithmetic_that_fails_is_infinitely_wrong(monkeypatch: pytest.MonkeyPatch, result: object) -> None:
    def broken(conv: torch.nn.Conv3d, crop: torch.Tensor, precision: hardware.Precision) -> torch.Tensor:
        if isinstance(result, RuntimeError):
            raise result
        return torch.full_like(crop, float("nan"))

    monkeypatch.setattr(hardware, "_run", broken)
    assert conv_error("bf16", CPU) == float("inf")


@pytest.mark.parametrize("requested", ["32", "bf16", "fp16"])
def test_a_precision_that_passes_is_taken(monkeypatch: pytest.MonkeyPatch, requested: str) -> None:
    monkeypatch.setattr(hardware, "conv_error", lambda precision, device: 1e-3)
    assert choose_precision(requested, torch.device("cuda")) == (requested, "")


@pytest.mark.parametrize("requested", ["bf16", "fp16"])
def test_a_precision_that_is_wrong_here_is_replaced_and_said(
    monkeypatch: pytest.MonkeyPatch, requested: str
) -> None:
    monkeypatch.setattr(hardware, "conv_error", lambda precision, device: 0.3)
    monkeypatch.setattr(hardware, "_slowness", lambda precision, device: 0.5)
    cuda = torch.device("cuda")
    chosen, words = choose_precision(requested, cuda)
    assert chosen == "32"
    assert words.startswith(f"{requested} convolutions are wrong on cuda")
    assert choose_precision("auto", CPU) == ("32", "")
    assert choose_precision("32", CPU) == ("32", "")


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_fp16_is_for_cuda_alone(device: str) -> None:
    chosen, words = choose_precision("fp16", torch.device(device))
    assert chosen == "32"
    assert words == f"fp16 is for CUDA devices only: computing in 32 bits on {device} instead."


def test_auto_avoids_what_is_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "conv_error", lambda precision, device: 1e-3)
    for seconds, chosen in (({"bf16": 2.0, "32": 1.0}, "32"), ({"bf16": 1.0, "32": 2.0}, "bf16")):
        _forget()
        monkeypatch.setattr(hardware, "_seconds", lambda conv, crop, precision, s=seconds: s[precision])
        assert choose_precision("auto", CPU)[0] == chosen


@pytest.mark.parametrize(("slowness", "told"), [(2.5, False), (12.3, True)])
def test_arithmetic_that_is_far_slower_here_is_taken_and_said(
    monkeypatch: pytest.MonkeyPatch, slowness: float, told: bool
) -> None:
    seconds = {"bf16": slowness, "32": 1.0}
    monkeypatch.setattr(hardware, "conv_error", lambda precision, device: 1e-3)
    monkeypatch.setattr(hardware, "_seconds", lambda conv, crop, precision: seconds[precision])
    chosen, words = choose_precision("bf16", CPU)
    assert chosen == "bf16"
    assert words == told * (
        "bf16 takes about 12 times as long as 32 bits here, as this CPU has no instructions for it: "
        "choose the precision 32 or auto."
    )
    assert choose_precision("bf16", torch.device("cuda")) == ("bf16", "")


def test_what_a_device_can_do_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    for name in ("_seconds", "_run"):
        original = getattr(hardware, name)
        monkeypatch.setattr(hardware, name, lambda *args, f=original: (measured.append(1), f(*args))[1])
    first = choose_precision("auto", CPU)
    spent = len(measured)
    assert choose_precision("auto", CPU) == first
    assert len(measured) == spent > 0


@pytest.mark.parametrize(("supported", "chosen"), [(True, "bf16"), (False, "fp16")])
def test_auto_on_a_gpu(monkeypatch: pytest.MonkeyPatch, supported: bool, chosen: str) -> None:
    monkeypatch.setattr(hardware, "conv_error", lambda precision, device: 1e-3)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    assert choose_precision("auto", torch.device("cuda:0"))[0] == chosen
    assert choose_precision("auto", torch.device("mps"))[0] == "32"


def test_the_self_test_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    choose_precision("auto", CPU)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="no precision 'bf17'; known: auto, 32, bf16, fp16"):
        choose_precision("bf17", CPU)


@pytest.mark.parametrize(
    ("error", "ran_out"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), True),
        (MemoryError(), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: BaseException, ran_out: bool) -> None:
    assert is_out_of_memory(error) is ran_out
