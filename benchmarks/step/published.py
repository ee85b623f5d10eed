"""Training steps of published programs, from checkouts of them, by their own code and configuration."""

from __future__ import annotations

import importlib
import math
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.published_icecream import training

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.step.programs import Setting

    Step = Callable[[], None]

PROGRAMS = {
    "icecream": ("published", "published bf16"),
    "deepdewedge": ("deepdewedge", "deepdewedge, data ready"),
}
"""The programs of each checkout."""
_PLACES = {"icecream": "src/icecream/trainer", "deepdewedge": "ddw/fit_model.py"}
_STORED = 8
"""Crops that DeepDeWedge finds stored."""


def kind_of(checkout: str) -> str:
    """Return which program a checkout is of: "icecream" or "deepdewedge".

    Raises
    ------
    ValueError
        If it is of neither.
    """
    for kind, place in _PLACES.items():
        if (Path(checkout) / place).exists():
            return kind
    raise ValueError(
        f"{checkout} is no checkout of swing-research/icecream or MLI-lab/DeepDeWedge: give the folder that "
        f"holds {' or '.join(_PLACES.values())}"
    )


def icecream(setting: Setting, halves: tuple[torch.Tensor, torch.Tensor], *, by_hand: bool) -> Step:
    """Return a step of the published ICECREAM, whose 16-bit mode is for CUDA alone.

    `by_hand` puts it under PyTorch's autocast to bf16, which its users do not have.
    """
    device = setting.device
    parts = training(
        setting.reference or "",
        halves,
        features=setting.features,
        device=-1 if device.type == "cpu" else device.index or 0,
        crop_size=setting.crop,
        batch_size=setting.batch,
        learning_rate=1e-4,
    )
    trainer, data = parts.trainer, parts.data
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


def deepdewedge(setting: Setting, *, ready: bool) -> Step:
    """Return a step of DeepDeWedge: its network, loss, optimiser and anomaly detection, in float32.

    Its training step is called without Lightning's trainer around it. `ready` has one batch loaded once and
    for all; else every step reads and rotates its crops first, in this very process, by its own data set.
    """
    sys.path.insert(0, str(setting.reference))
    model = importlib.import_module("ddw.utils.unet").LitUnet3D(
        unet_params={"chans": setting.features, "num_downsample_layers": 3, "drop_prob": 0.0},
        adam_params={"lr": 4e-4},
        subtomo_dir="",
    )
    model.log = lambda *args, **kwargs: None
    model.to(setting.device).train()
    (optimiser,) = model.configure_optimizers()
    batches = _deepdewedge_batches(setting)
    kept = next(batches) if ready else None

    def step() -> None:
        batch = kept if kept is not None else next(batches)
        loaded = {
            name: value.to(setting.device) if isinstance(value, torch.Tensor) else value
            for name, value in batch.items()
        }
        with torch.autograd.set_detect_anomaly(mode=True):
            optimiser.zero_grad()
            model.training_step(loaded, 0).backward()
            optimiser.step()

    return step


def _deepdewedge_batches(setting: Setting) -> Any:
    """Return DeepDeWedge's batches of crops that lie in a folder, large enough to be rotated, without end."""
    folder = Path(tempfile.mkdtemp(prefix="deepdewedge_"))
    generator = torch.Generator().manual_seed(1)
    size = 2 * math.ceil(math.sqrt(2) * setting.crop / 2)
    for half in ("subtomo0", "subtomo1"):
        (folder / half).mkdir()
        for index in range(max(_STORED, setting.batch)):
            torch.save(torch.randn(size, size, size, generator=generator), folder / half / f"{index}.pt")
    data = importlib.import_module("ddw.utils.subtomo_dataset").SubtomoDataset(
        subtomo_dir=str(folder), mw_angle=60, crop_subtomos_to_size=setting.crop
    )
    loader = importlib.import_module("ddw.utils.dataloader").MultiEpochsDataLoader(
        dataset=data, batch_size=setting.batch, num_workers=0, drop_last=True
    )
    while True:
        yield from loader
