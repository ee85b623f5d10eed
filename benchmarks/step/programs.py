"""One training step of each program, as a function to call again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric

from benchmarks.step.published import PROGRAMS, deepdewedge, icecream, kind_of
from napari_cryorestore.data.crops import CropSampler, TrainingVolume
from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.hardware import FABRIC_PRECISION
from napari_cryorestore.host_memory import keep_freed_memory
from napari_cryorestore.methods import METHODS, build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.training.learner import Batch, Learner, next_batch
from napari_cryorestore.training.refills import Refills

if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], None]

RECIPES = ("paper", "standard")
GRAPHS = "with CUDA graphs"
READY = "with its crops ready"


@dataclass(frozen=True)
class Setting:
    """What is trained, and where.

    Attributes
    ----------
    crop, batch, features : int
        As in a recipe.
    precision : str
        "32", "bf16" or "fp16".
    device : torch.device
    reference : str or None
        A checkout of swing-research/icecream or MLI-lab/DeepDeWedge.
    search : bool
        Whether cuDNN tries several algorithms for our convolutions, as it does in training.
    """

    crop: int
    batch: int
    features: int
    precision: str
    device: torch.device
    reference: str | None
    search: bool = True

    @property
    def compiled(self) -> tuple[str, ...]:
        """Our programs with a compiled network."""
        ways = ("compiled", GRAPHS) if self.device.type == "cuda" else ("compiled",)
        return tuple(f"{recipe} {way}" for recipe in RECIPES for way in ways)

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs that can be run here."""
        if self.reference is None:
            return RECIPES
        others = PROGRAMS[kind_of(self.reference)]
        by_hand = self.precision == "bf16" and self.device.type == "cpu"
        ready = tuple(
            f"{recipe} {READY}" for recipe in RECIPES if any(one.endswith("ready") for one in others)
        )
        return (*RECIPES, *ready, *(other for other in others if by_hand or not other.endswith("bf16")))


def build(program: str, setting: Setting) -> Step:
    """Return one training step of a program, drawing of crops included.

    "paper" and "standard" are recipes of this project, for DeepDeWedge beside a checkout of that and else for
    ICECREAM; "paper compiled" and "paper with CUDA graphs" the same with a network that torch.compile has
    made; "paper with its crops ready" the same on crops that were cut and turned once and for all. The others
    are told of in `step_published`.
    """
    if program.startswith("published"):
        return icecream(setting, _halves(setting), by_hand=program.endswith("bf16"))
    if program.startswith("deepdewedge"):
        return deepdewedge(setting, ready=program.endswith("ready"))
    return _ours(program, setting)


def _ours(program: str, setting: Setting) -> Step:
    size: dict[str, Any] = {
        "schedule": {"crop": setting.crop, "batch": setting.batch, "learning_rate": 1e-4},
        "network": {"features": setting.features},
        "tomograms": [{"even": "even.mrc", "odd": "odd.mrc"}],
    }
    recipe, _, how = program.partition(" ")
    beside = kind_of(setting.reference) if setting.reference else ""
    kind = beside if beside in METHODS else "icecream"
    config = RunConfig.model_validate(merged(preset(recipe, kind), size))
    if setting.device.type == "cpu":
        keep_freed_memory()
    precision = FABRIC_PRECISION[setting.precision]
    fabric = Fabric(accelerator=setting.device.type, devices=1, precision=precision)
    torch.backends.cudnn.benchmark = setting.search
    fabric.launch()
    method = build_method(config.method)
    learner = Learner(config, method, fabric)
    if how not in ("", READY):
        learner.network.compile(dynamic=False, mode="reduce-overhead" if how == GRAPHS else "default")
    generator = torch.Generator().manual_seed(0)
    even, odd = (half.to(setting.device) for half in _halves(setting))
    corners = torch.zeros(1, 3, dtype=torch.long)
    volume = TrainingVolume((even, odd), Imaging(Wedge(-60, 60), RadialFilter((1.0, 0.5, 0.0))), corners)
    cut = method.cut_size(setting.crop)
    sampler = CropSampler(
        [volume], crop=cut, batch=setting.batch, input_kind=method.input_kind, generator=generator
    )
    refills = Refills(method, [volume], size=cut, device=setting.device)

    def drawn() -> Batch:
        batch = next_batch(sampler, method, setting.device, step=1)  # one that refills nothing anew
        batch.crops = refills.given(batch.crops)
        return batch

    if how == READY:
        kept = drawn()
        kept.crops = method.prepare(kept.crops, kept.draws)
        method.prepare = lambda crops, draws: crops  # type: ignore[method-assign]

    def step() -> None:
        if how == GRAPHS:
            torch.compiler.cudagraph_mark_step_begin()  # from here on, what the last step gave may be gone
        learner.update(kept if how == READY else drawn(), step=0)

    return step


def _halves(setting: Setting) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    size = setting.crop + 32
    even, odd = (torch.randn(size, size, size, generator=generator) for _ in range(2))
    return even, odd
