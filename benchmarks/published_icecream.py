"""The published ICECREAM program, by its own code and configuration.

A checkout of it is one of swing-research/icecream.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True)
class PublishedTraining:
    """Its network, its trainer, and what gives it crops: `data[0]` is one batch."""

    model: Any
    trainer: Any
    data: Any


def defaults(checkout: str | Path) -> dict[str, Any]:
    """Return its configuration, and make its modules importable."""
    source = Path(checkout) / "src"
    sys.path.insert(0, str(source))
    text = (source / "icecream" / "defaults.yaml").read_text(encoding="utf-8")
    settings: dict[str, Any] = importlib.import_module("yaml").safe_load(text)
    return settings


def network(checkout: str | Path, *, features: int) -> Any:
    """Return its network as it is configured, but for the number of features."""
    configured = defaults(checkout)["model_params"]
    make = importlib.import_module("icecream.models").get_model
    return make(**configured, in_channels=1, out_channels=1, f_maps=features)


def trainer(checkout: str | Path, model: Any, *, tilts: Sequence[float] = (-60, 60), **changes: Any) -> Any:
    """Return its trainer as it is configured, but for the changes."""
    keys = defaults(checkout)["train_params"] | changes
    make = importlib.import_module("icecream.trainer").EquivariantTrainer
    return make(
        configs=SimpleNamespace(**keys), model=model, angle_max_set=[tilts[1]], angle_min_set=[tilts[0]]
    )


def training(
    checkout: str | Path,
    halves: Sequence[Tensor],
    *,
    features: int,
    tilts: Sequence[float] = (-60, 60),
    **changes: Any,
) -> PublishedTraining:
    """Return all that one of its steps takes.

    Parameters
    ----------
    checkout : str or Path
    halves : two Tensors
        Standardised, with axes as it has them, (y, x, z).
    features : int
    tilts : (float, float)
        Lowest and highest tilt angle in degrees.
    **changes
        To its settings of training; `crop_size` and `batch_size` among them.
    """
    even, odd = halves
    model = network(checkout, features=features)
    trains = trainer(checkout, model, tilts=tilts, **changes)
    data = importlib.import_module("icecream.dataset.multi_volumes").MultiVolume(
        volume_1_set=[even], volume_2_set=[odd], wedge_set=trains.wedge_input_set, wedge_eq_set=None,
        mask_set=[torch.ones_like(even)], mask_frac=0.5, crop_size=changes["crop_size"], use_flips=True,
        n_crops=changes["batch_size"], normalize_crops=False, device="cpu",
    )  # fmt: skip
    trains.k_sets = data.k_sets
    model.train()
    return PublishedTraining(model, trains, data)
