"""CPU seconds of one ICECREAM training step, beside the published program's where that is at hand.

Run, for example::

    OMP_NUM_THREADS=1 python benchmarks/step.py --crop 32 --batch 4 --features 8 --reference PATH

where PATH is a checkout of swing-research/icecream. Both run the published loss and Adam at the same setting
on the same random halves, alternating A B A B in one process. The last line is JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import statistics
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric

from napari_cryorestore.data.crops import CropSampler, TrainingVolume
from napari_cryorestore.data.inputs import Imaging
from napari_cryorestore.methods import build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener import RadialFilter
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.training.learner import Draw, Learner

if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], None]

PRECISION = {"32": "32-true", "bf16": "bf16-mixed"}


def ours(recipe: str, options: argparse.Namespace) -> Step:
    """Return one training step of this project, drawing of crops included."""
    size = {
        "schedule": {"crop": options.crop, "batch": options.batch, "learning_rate": 1e-4},
        "network": {"features": options.features},
        "tomograms": [{"even": "even.mrc", "odd": "odd.mrc"}],
    }
    config = RunConfig.model_validate(merged(preset(recipe, "icecream"), size))
    fabric = Fabric(accelerator="cpu", devices=1, precision=PRECISION[options.precision])  # type: ignore[arg-type]
    fabric.launch()
    method = build_method(config.method)
    learner = Learner(config, method, fabric)
    generator = torch.Generator().manual_seed(0)
    even, odd = _halves(options)
    corners = torch.zeros(1, 3, dtype=torch.long)
    volume = TrainingVolume(even, odd, Imaging(Wedge(-60, 60), RadialFilter((1.0, 0.5, 0.0))), corners)
    sampler = CropSampler(
        [volume], crop=options.crop, batch=options.batch, input_kind=method.input_kind, generator=generator
    )

    def step() -> None:
        batch = method.augment(sampler.draw(), generator)
        batch = batch.map(lambda crops: crops.contiguous(memory_format=torch.channels_last_3d))
        learner.update(Draw(batch, generator), step=0)

    return step


def published(options: argparse.Namespace) -> Step:
    """Return one training step of the published program, by its own trainer and configuration keys."""
    sys.path.insert(0, f"{options.reference}/src")
    yaml = importlib.import_module("yaml")
    with open(f"{options.reference}/src/icecream/defaults.yaml", encoding="utf-8") as file:
        defaults: dict[str, Any] = yaml.safe_load(file)
    keys = defaults["train_params"] | {
        "device": -1,
        "use_mixed_precision": False,
        "crop_size": options.crop,
        "batch_size": options.batch,
        "learning_rate": 1e-4,
    }
    model = importlib.import_module("icecream.models").get_model(
        **defaults["model_params"], in_channels=1, out_channels=1, f_maps=options.features
    )
    trainer = importlib.import_module("icecream.trainer").EquivariantTrainer(
        configs=SimpleNamespace(**keys), model=model, angle_max_set=[60], angle_min_set=[-60]
    )
    even, odd = _halves(options)
    volumes = importlib.import_module("icecream.dataset.multi_volumes").MultiVolume
    data = volumes(
        volume_1_set=[even], volume_2_set=[odd], wedge_set=trainer.wedge_input_set, wedge_eq_set=None,
        mask_set=[torch.ones_like(even)], mask_frac=0.5, crop_size=options.crop, use_flips=True,
        n_crops=options.batch, normalize_crops=False, device="cpu",
    )  # fmt: skip
    trainer.k_sets = data.k_sets
    model.train()

    def step() -> None:
        item = data[0]
        trainer.optimizer.zero_grad()
        trainer.compute_loss(item["input_1"], item["input_2"], 0).backward()
        trainer.optimizer.step()

    return step


def _halves(options: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    size = options.crop + 32
    even, odd = (torch.randn(size, size, size, generator=generator) for _ in range(2))
    return even, odd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--crop", type=int, default=32)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--precision", choices=list(PRECISION), default="32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--reference", help="a checkout of swing-research/icecream")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    steps: dict[str, Step] = {"paper": ours("paper", options), "standard": ours("standard", options)}
    if options.reference:
        steps["published"] = published(options)
    times = _alternate(steps, options.rounds)
    summary = {name: round(statistics.median(cpu), 3) for name, cpu in times.items()}
    for name, cpu in times.items():
        middle = statistics.median(cpu)
        print(f"{name:10s} CPU s/step: median {middle:.3f}  min {min(cpu):.3f}  max {max(cpu):.3f}")
    ratios = {}
    for name in ("paper", "standard"):
        if options.reference:
            pairs = [slow / fast for slow, fast in zip(times["published"], times[name], strict=True)]
            ratios[name] = round(statistics.median(pairs), 2)
            print(f"published / {name}: median {ratios[name]:.2f}  ({min(pairs):.2f} to {max(pairs):.2f})")
    print(json.dumps({
        "benchmark": "step", "crop": options.crop, "batch": options.batch, "features": options.features,
        "precision": options.precision, "threads": options.threads, "cpu_seconds": summary, "ratios": ratios,
        "torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability(),
        "machine": platform.machine(),
    }))  # fmt: skip


def _alternate(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Time every step in turn, round after round, the first round left out."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(rounds + 1):
        for name, step in steps.items():
            start = time.process_time()
            step()
            if round_:
                times[name].append(time.process_time() - start)
    return times


if __name__ == "__main__":
    main()
