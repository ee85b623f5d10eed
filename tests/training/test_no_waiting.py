"""No step waits for its device: nothing on it has values here, so that to look at one is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.accelerators import CPUAccelerator
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies import SingleDeviceStrategy
from packaging.version import Version
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from napari_cryorestore.data.crops import CropSampler, TrainingVolume
from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.methods import build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.training.learner import Batch, Learner, next_batch
from napari_cryorestore.training.optimiser import PlainAdam
from napari_cryorestore.training.progress import RunningMean
from napari_cryorestore.training.refills import Refills

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICE = torch.device("meta")
"""A device whose tensors have no values; like on a GPU, most can be done on it without knowing them."""


class Elsewhere(CPUAccelerator):
    """Lets the network be on any device."""

    def setup_device(self, device: torch.device) -> None:
        del device


class Copies(TorchDispatchMode):
    """Notes copies to the device that the host would wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_for: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        sources = [one for one in args if isinstance(one, torch.Tensor)]
        copied = "copy" in str(func) and {one.device.type for one in sources} != {result.device.type}
        if copied and not (kwargs.get("non_blocking") or True in args[2:]):
            self.waited_for.append(f"{func} of {tuple(sources[-1].shape)}")
        return result


class OnTheHost(TorchDispatchMode):
    """Notes what touches a tensor of the host, or looks at a value."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.looks = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        result = func(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves([args, kwargs, result]) if isinstance(one, torch.Tensor)]
        if self.looks and any(one.device != DEVICE for one in tensors):
            self.seen.append(str(func))
        return result


def tiny(recipe: str, method: str, **changes: Any) -> RunConfig:
    sizes = {
        "schedule": {"crop": 16, "batch": 2},
        "network": {"features": 2, "levels": 2},
        "tomograms": [{"even": "even.mrc", "odd": "odd.mrc"}],
    }
    return RunConfig.model_validate(merged(merged(preset(recipe, method), sizes), changes))


def loop(config: RunConfig) -> tuple[Callable[[], Batch], Callable[[Batch, int], torch.Tensor]]:
    """Return the two parts of a step, drawing and learning, with halves and network on that device."""
    strategy = SingleDeviceStrategy(device=DEVICE, accelerator=Elsewhere())
    fabric = Fabric(strategy=strategy, devices=1, plugins=[LightningEnvironment()])
    method = build_method(config.method)
    learner, losses = Learner(config, method, fabric), RunningMean(DEVICE)
    halves = torch.empty(1 if method.maps == 1 else 2, 24, 24, 24, device=DEVICE)
    imaging = Imaging(Wedge(-60, 60), RadialFilter((1.0, 0.5, 0.0)))
    volume = TrainingVolume(tuple(halves), imaging, torch.zeros(5, 3, dtype=torch.int32), DEVICE)
    generator = torch.Generator().manual_seed(0)
    cut, kind = method.cut_size(16), method.input_kind
    sampler = CropSampler([volume], crop=cut, batch=2, input_kind=kind, generator=generator)
    refills = Refills(method, [volume], size=cut, device=DEVICE)

    def draw() -> Batch:
        batch = next_batch(sampler, method, DEVICE)
        batch.crops = refills.given(batch.crops)
        return batch

    def learn(batch: Batch, index: int) -> torch.Tensor:
        found, bad = learner.update(batch, step=index)
        losses.add(found, skipped=bad)
        return bad

    return draw, learn


CASES = pytest.mark.parametrize(
    ("recipe", "method"),
    [
        ("paper", "icecream"),
        ("standard", "icecream"),
        ("standard", "noise2noise"),
        ("paper", "deepdewedge"),
        ("standard", "deepdewedge"),
        ("standard", "isonet"),
        ("standard", "isonet-halves"),
    ],
)


@pytest.mark.parametrize("clip", [0.0, 1.0])
@CASES
def test_a_step_looks_at_nothing_on_the_device_and_waits_for_no_copy_to_it(
    recipe: str, method: str, clip: float
) -> None:
    draw, learn = loop(tiny(recipe, method, schedule={"gradient_clip": clip}))
    learn(draw(), 0)  # makes what is kept for later
    with Copies() as copies:
        for index in range(1, 4):
            assert learn(draw(), index).device == DEVICE
    assert copies.waited_for == []


RECOMPUTED = pytest.param(
    {"recompute": True},
    id="recomputed",
    marks=pytest.mark.skipif(
        Version(torch.__version__) < Version("2.13"),
        reason="PyTorch's own checkpointing makes an empty tensor on the host, which waits for nothing",
    ),
)


@pytest.mark.parametrize("knobs", [pytest.param({}, id="as usual"), RECOMPUTED])
@CASES
def test_what_follows_the_draws_touches_nothing_on_the_host(
    recipe: str, method: str, knobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = OnTheHost()
    original = PlainAdam.step

    def step(self: PlainAdam) -> Any:
        host.looks = False  # unlike the fused one of GPUs, it counts its steps on the host
        result = original(self)
        host.looks = True
        return result

    monkeypatch.setattr(PlainAdam, "step", step)
    draw, learn = loop(tiny(recipe, method, hardware=knobs))
    learn(draw(), 0)
    for index in range(1, 4):
        batch = draw()
        with host:
            learn(batch, index)
        assert sorted(set(host.seen)) == []


def test_looking_at_the_device_is_found_out() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        float(torch.zeros((), device=DEVICE))
    with Copies() as copies:
        torch.ones(3).to(DEVICE)
        torch.zeros(3, device=DEVICE).copy_(torch.ones(3))
        torch.ones(4).to(DEVICE, non_blocking=True)
    assert len(copies.waited_for) == 2
    with OnTheHost() as host:
        torch.zeros(3, device=DEVICE) + torch.zeros(())
        torch.zeros(3, device=DEVICE) + 1.0
        torch.ones(3)
    assert host.seen == ["aten.zeros.default", "aten.add.Tensor", "aten.ones.default"]
