"""One training step of each program, as a function to call again and again."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric

from napari_cryorestore.data.crops import CropSampler, TrainingVolume
from napari_cryorestore.data.inputs import Imaging
from napari_cryorestore.hardware import FABRIC_PRECISION
from napari_cryorestore.methods import build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener import RadialFilter
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.training.learner import Draw, Learner

if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], None]


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
        A checkout of swing-research/icecream.
    """

    crop: int
    batch: int
    features: int
    precision: str
    device: torch.device
    reference: str | None

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs that can be run here."""
        ours = ("paper", "standard")
        if self.reference is None:
            return ours
        by_hand = self.precision == "bf16" and self.device.type == "cpu"
        return (*ours, "published", "published bf16") if by_hand else (*ours, "published")


def build(program: str, setting: Setting) -> Step:
    """Return one training step of a program, drawing of crops included.

    "paper" and "standard" are recipes of this project; "published" is the released program by its own
    trainer and configuration, on a processor in float32, as its 16-bit mode is for CUDA alone; "published
    bf16" is the same under PyTorch's autocast, which its users do not have.
    """
    if program.startswith("published"):
        return _published(setting, by_hand=program.endswith("bf16"))
    return _ours(program, setting)


def _ours(recipe: str, setting: Setting) -> Step:
    size = {
        "schedule": {"crop": setting.crop, "batch": setting.batch, "learning_rate": 1e-4},
        "network": {"features": setting.features},
        "tomograms": [{"even": "even.mrc", "odd": "odd.mrc"}],
    }
    config = RunConfig.model_validate(merged(preset(recipe, "icecream"), size))
    precision = FABRIC_PRECISION[setting.precision]
    fabric = Fabric(accelerator=setting.device.type, devices=1, precision=precision)
    torch.backends.cudnn.benchmark = True
    fabric.launch()
    method = build_method(config.method)
    learner = Learner(config, method, fabric)
    generator = torch.Generator().manual_seed(0)
    even, odd = (half.to(setting.device) for half in _halves(setting))
    corners = torch.zeros(1, 3, dtype=torch.long)
    volume = TrainingVolume(even, odd, Imaging(Wedge(-60, 60), RadialFilter((1.0, 0.5, 0.0))), corners)
    sampler = CropSampler(
        [volume], crop=setting.crop, batch=setting.batch, input_kind=method.input_kind, generator=generator
    )

    def step() -> None:
        batch = method.augment(sampler.draw(), generator)
        batch = batch.map(lambda crops: crops.contiguous(memory_format=torch.channels_last_3d))
        learner.update(Draw(batch, generator), step=0)

    return step


def _published(setting: Setting, *, by_hand: bool) -> Step:
    trainer, data = _published_trainer(setting)
    device = setting.device
    mixed = by_hand or (device.type == "cuda" and setting.precision != "32")
    trainer.configs.use_mixed_precision = mixed
    trainer.autocast = torch.autocast(
        device.type, dtype=torch.float16 if device.type == "cuda" else torch.bfloat16
    )
    scaler = torch.amp.GradScaler(device.type, enabled=mixed and device.type == "cuda")

    def step() -> None:
        item = data[0]
        trainer.optimizer.zero_grad()
        loss = trainer.compute_loss(item["input_1"].to(device), item["input_2"].to(device), 0)
        scaler.scale(loss).backward()
        scaler.step(trainer.optimizer)
        scaler.update()

    return step


def _published_trainer(setting: Setting) -> tuple[Any, Any]:
    """Return the published trainer and its data, by its own configuration keys."""
    sys.path.insert(0, f"{setting.reference}/src")
    with open(f"{setting.reference}/src/icecream/defaults.yaml", encoding="utf-8") as file:
        defaults: dict[str, Any] = importlib.import_module("yaml").safe_load(file)
    keys = defaults["train_params"] | {
        "device": -1 if setting.device.type == "cpu" else setting.device.index or 0,
        "crop_size": setting.crop,
        "batch_size": setting.batch,
        "learning_rate": 1e-4,
    }
    model = importlib.import_module("icecream.models").get_model(
        **defaults["model_params"], in_channels=1, out_channels=1, f_maps=setting.features
    )
    trainer = importlib.import_module("icecream.trainer").EquivariantTrainer(
        configs=SimpleNamespace(**keys), model=model, angle_max_set=[60], angle_min_set=[-60]
    )
    even, odd = _halves(setting)
    data = importlib.import_module("icecream.dataset.multi_volumes").MultiVolume(
        volume_1_set=[even], volume_2_set=[odd], wedge_set=trainer.wedge_input_set, wedge_eq_set=None,
        mask_set=[torch.ones_like(even)], mask_frac=0.5, crop_size=setting.crop, use_flips=True,
        n_crops=setting.batch, normalize_crops=False, device="cpu",
    )  # fmt: skip
    trainer.k_sets = data.k_sets
    model.train()
    return trainer, data


def _halves(setting: Setting) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    size = setting.crop + 32
    even, odd = (torch.randn(size, size, size, generator=generator) for _ in range(2))
    return even, odd
