"""How runs end by themselves, and how near what they are restored with then comes to their best step.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.quality ending --snr 0.08 --seeds 0 1 2

    python -m benchmarks.quality ending --device cuda --features 32 --crop automatic --precision auto

The recipe `standard` as it is, but for 8 features and crops of 32 unless others are given, trains on a
simulated pair of 96³ voxels until it ends. Every kept step restores the whole tomogram in one pass, which is
compared with the truth. Prints per seed how many steps were taken and why no more, the correlation with the
truth of the step that is restored with by default, of the best one and of the newest, and what is lost by
taking the default. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
from pathlib import Path
from typing import Any

import torch

from benchmarks.quality.against_truth import correlations
from benchmarks.quality.timed_training import Case, case_at, recipe_of, restored, run_at
from napari_cryorestore.checkpoint import load_checkpoint
from napari_cryorestore.hardware import DTYPES, choose_device
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.simulation import SimulationConfig
from napari_cryorestore.training.launch import run_training
from napari_cryorestore.training.preparation import prepare


def main() -> None:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        for seed in options.seeds:
            config = SimulationConfig(size=options.size, snr=options.snr, split="dose", seed=seed)
            found.append(_one(case_at(folder, config), folder / f"run_{seed}", options))
    print(json.dumps({"benchmark": "ending", "snr": options.snr, "runs": found}))


def _one(case: Case, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train, unless that was done already, and judge."""
    run = run_at(folder, _config(case, options)) if not folder.exists() else RunDir.open(folder)
    state = _state(run)
    if state.status() != "completed":
        _train(run, minutes=options.minutes)
        state = _state(run)
    overall = judged(run, case)
    best = max(overall, key=lambda step: overall[step])
    chosen, newest = step_of_run(run).step, max(overall)
    named = {"chosen": chosen, "best": best, "newest": newest}
    why = state.why or ("all steps done" if state.step == state.steps else "no time left")
    row: dict[str, Any] = {"seed": case.seed, "steps": state.step, "why": why}
    row |= {name: (step, overall[step]) for name, step in named.items()}
    row["loss"] = round(overall[best] - overall[chosen], 4)
    print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    return {**row, "overall": overall}


def _config(case: Case, options: argparse.Namespace) -> RunConfig:
    crop = None if options.crop == "automatic" else int(options.crop)
    size = {"network": {"features": options.features}, "schedule": {"crop": crop, "batch": 4}}
    hardware = {"device": options.device, "precision": options.precision, "threads": options.threads}
    settings = {"steps": options.steps, "method": options.method, "hardware": hardware}
    return recipe_of(options.recipe, case, size=size, **settings)


def _train(run: RunDir, *, minutes: float | None) -> None:
    """Train until the run ends, or for so many minutes."""
    limit = threading.Timer(60 * minutes if minutes else threading.TIMEOUT_MAX, run.request_stop)
    limit.daemon = True
    limit.start()
    run_training(run)
    limit.cancel()


@torch.no_grad()
def judged(run: RunDir, case: Case) -> dict[int, float]:
    """Return the correlation with the truth of every kept step."""
    config = RunConfig.from_toml(run.config_text())
    device = choose_device(config.hardware.device)
    volume = prepare(config, device, say=print).volumes[0]
    found = {}
    for step in run.checkpoint_steps():
        method, network = load_checkpoint(run.checkpoint_path(step)).build()
        whole = restored(network.to(device), method, volume, passes=1)
        found[step] = round(correlations(whole, case.truth, case.wedge)["overall"], 4)
        print(f"seed {case.seed}  step {step}  {found[step]}", flush=True)
    return found


def _state(run: RunDir) -> RunState:
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    return state


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recipe", default="standard", help="as for `train`")
    parser.add_argument("--method", default="icecream", choices=["icecream", "noise2noise"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--snr", type=float, default=0.08)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--crop", default="32", help="voxels, or 'automatic' as in the recipe")
    parser.add_argument("--precision", choices=["auto", *DTYPES], default="32")
    parser.add_argument("--minutes", type=float, help="stop a run that takes longer, and judge it as it is")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep simulated pairs and runs here, and go on with those")
    return parser
