"""Whether a short tail with a falling learning rate, from a run's chosen step, comes nearer to the truth.

Run, after ``ending --keep DIR``, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.quality annealing DIR --snr 0.08 --seeds 0 1 2

Tails of several lengths and rates go on from the averaged weights of the step that the run is restored with
by default, with fresh momentum and a learning rate that falls to 0 as half a cosine. Both their last weights
and an average that begins with the tail restore the whole tomogram in one pass, which is compared with the
truth, as is the step itself. The last line is JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.quality.against_truth import correlations
from benchmarks.quality.timed_training import CPU, Case, case_at, restored
from napari_cryorestore.checkpoint import load_checkpoint, load_into
from napari_cryorestore.data.crops import CropSampler
from napari_cryorestore.methods import build_method
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.simulation import SimulationConfig
from napari_cryorestore.training.fabric_setup import launch_fabric
from napari_cryorestore.training.learner import Learner, next_batch
from napari_cryorestore.training.preparation import crop_of, prepare

if TYPE_CHECKING:
    from torch import nn


class Tails:
    """What goes on from the chosen step of a run."""

    def __init__(self, run: RunDir, case: Case) -> None:
        self.case, self.step = case, step_of_run(run).step
        self.config = RunConfig.from_toml(run.config_text())
        self.fabric, _ = launch_fabric(self.config.hardware, precision="32", say=print)
        self.method = build_method(self.config.method)
        self.volume = prepare(self.config, CPU, say=print).volumes[0]
        self.start = load_checkpoint(run.checkpoint_path(self.step))

    def before(self) -> float:
        """Return the correlation with the truth of the step itself."""
        return self._judged(self.start.build()[1])

    def after(self, length: int, rate: float) -> dict[str, float]:
        """Train so many steps, at so many times the highest rate at first, and judge both results."""
        learner = Learner(self.config, self.method, self.fabric)
        for network in (learner.network, learner.average):
            load_into(network, self.start, source="the chosen step")
        highest, generator = learner.highest_rates, torch.Generator().manual_seed(self.step)
        sampler = CropSampler(
            [self.volume],
            crop=crop_of(self.config),
            batch=self.config.schedule.batch,
            input_kind=self.method.input_kind,
            generator=generator,
        )
        for step in range(length):
            factor = rate * 0.5 * (1 + math.cos(math.pi * step / length))
            learner.highest_rates = [factor * each for each in highest]
            learner.update(next_batch(sampler, self.method, torch.device("cpu")), step=step)
        last = copy.deepcopy(learner.network).eval()
        return {"average": self._judged(learner.average), "last": self._judged(last)}

    def _judged(self, network: nn.Module) -> float:
        whole = restored(network, self.method, self.volume, passes=1)
        return round(correlations(whole, self.case.truth, self.case.wedge)["overall"], 4)


def main() -> None:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    rows: list[dict[str, Any]] = []
    for seed in options.seeds:
        case = case_at(options.folder, SimulationConfig(size=options.size, snr=options.snr, seed=seed))
        tails = Tails(RunDir.open(options.folder / f"run_{seed}"), case)
        _tell(rows, {"seed": seed, "from step": tails.step, "before": tails.before()})
        for share in options.shares:
            length = max(5, round(share * tails.step))
            for rate in options.rates:
                _tell(rows, {"seed": seed, "length": length, "rate": rate, **tails.after(length, rate)})
    print(json.dumps({"benchmark": "annealing", "snr": options.snr, "rows": rows}))


def _tell(rows: list[dict[str, Any]], row: dict[str, Any]) -> None:
    rows.append(row)
    print("  ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="what `ending` was given as --keep")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--snr", type=float, default=0.08)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--shares", nargs="+", type=float, default=[0.1, 0.2], help="of the chosen step")
    parser.add_argument("--rates", nargs="+", type=float, default=[1.0, 0.3], help="of the highest rate")
    parser.add_argument("--threads", type=int, default=1)
    return parser
