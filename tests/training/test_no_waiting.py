"""No step waits for its device: nothing on it has values here, so that to look at one is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.accelerators import CPUAccelerator
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies import SingleDeviceStrategy
from torch.utils._python_dispatch import TorchDispatchMode

from napari_cryorestore.data.crops import CropSampler, TrainingVolume
from napari_cryorestore.data.inputs import Imaging
from napari_cryorestore.methods import build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener import RadialFilter
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.training.learner import Learner, next_batch
from napari_cryorestore.training.running_mean import RunningMean

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


def tiny(recipe: str, method: str, **changes: Any) -> RunConfig:
    sizes = {
        "schedule": {"crop": 16, "batch": 2},
        "network": {"features": 2, "levels": 2},
        "tomograms": [{"even": "even.mrc", "odd": "odd.mrc"}],
    }
    return RunConfig.model_validate(merged(merged(preset(recipe, method), sizes), changes))


def loop(config: RunConfig) -> Callable[[int], torch.Tensor]:
    """Return the training loop's step, with halves and network on a device without values."""
    strategy = SingleDeviceStrategy(device=DEVICE, accelerator=Elsewhere())
    fabric = Fabric(strategy=strategy, devices=1, plugins=[LightningEnvironment()])
    method = build_method(config.method)
    learner, losses = Learner(config, method, fabric), RunningMean(DEVICE)
    halves = torch.empty(2, 24, 24, 24, device=DEVICE)
    imaging = Imaging(Wedge(-60, 60), RadialFilter((1.0, 0.5, 0.0)))
    volume = TrainingVolume(tuple(halves), imaging, torch.zeros(5, 3, dtype=torch.int32), DEVICE)
    generator = torch.Generator().manual_seed(0)
    sampler = CropSampler([volume], crop=16, batch=2, input_kind=method.input_kind, generator=generator)

    def step(index: int) -> torch.Tensor:
        found, bad = learner.update(next_batch(sampler, method, DEVICE), step=index)
        losses.add(found, skipped=bad)
        return bad

    return step


@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize(
    ("recipe", "method"),
    [("paper", "icecream"), ("standard", "icecream"), ("standard", "noise2noise")],
)
def test_a_step_looks_at_nothing_on_the_device_and_waits_for_no_copy_to_it(
    recipe: str, method: str, clip: float
) -> None:
    step = loop(tiny(recipe, method, schedule={"gradient_clip": clip}))
    step(0)  # makes what is kept for later
    with Copies() as copies:
        for index in range(1, 4):
            assert step(index).device == DEVICE
    assert copies.waited_for == []


def test_looking_at_the_device_is_found_out() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        float(torch.zeros((), device=DEVICE))
    with Copies() as copies:
        torch.ones(3).to(DEVICE)
        torch.zeros(3, device=DEVICE).copy_(torch.ones(3))
        torch.ones(4).to(DEVICE, non_blocking=True)
    assert len(copies.waited_for) == 2
