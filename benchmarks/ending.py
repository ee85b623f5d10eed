"""How runs end by themselves, and how near what they are restored with then comes to their best step.

Run, for example::

    OMP_NUM_THREADS=1 python benchmarks/ending.py --snr 0.08 --seeds 0 1 2

The recipe `standard` as it is, but for 8 features and crops of 32, trains on a simulated pair of 96³ voxels
until it ends. Every kept step restores the whole tomogram in one pass, which is held against the truth.
Prints per seed how many steps were taken and why no more, and the correlation with the truth of the step that
is restored with by default, of the best one and of the newest. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from against_truth import correlations
from timed_training import CPU, Case, case_at, recipe_of, restored, run_at

from napari_cryorestore.checkpoint import load_checkpoint
from napari_cryorestore.run_config import RunConfig
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
    wishes = {"steps": options.steps, "threads": options.threads, "method": options.method}
    config = recipe_of(options.recipe, case, precision="32", **wishes)
    run = run_at(folder, config) if not folder.exists() else RunDir.open(folder)
    state = _state(run)
    if state.status() != "completed":
        run_training(run)
        state = _state(run)
    overall = _judged(run, case)
    best = max(overall, key=lambda step: overall[step])
    chosen, newest = run.chosen_step().step, max(overall)
    named = {"chosen": chosen, "best": best, "newest": newest}
    row: dict[str, Any] = {"seed": case.seed, "steps": state.step, "why": state.why or "all steps done"}
    row |= {name: (step, overall[step]) for name, step in named.items()}
    print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    return {**row, "overall": overall}


def _judged(run: RunDir, case: Case) -> dict[int, float]:
    """Return the correlation with the truth of every kept step."""
    config = RunConfig.from_toml(run.config_text())
    volume = prepare(config, CPU, say=print).volumes[0]
    found = {}
    for step in run.checkpoint_steps():
        method, network = load_checkpoint(run.checkpoint_path(step)).build()
        whole = restored(network, method, volume, passes=1)
        found[step] = round(correlations(whole, case.truth, case.wedge)["overall"], 4)
        print(f"seed {case.seed}  step {step}  {found[step]}", flush=True)
    return found


def _state(run: RunDir) -> RunState:
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    return state


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recipe", default="standard", help="as for quality.py")
    parser.add_argument("--method", default="icecream", choices=["icecream", "noise2noise"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--snr", type=float, default=0.08)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep simulated pairs and runs here, and go on with those")
    return parser


if __name__ == "__main__":
    main()
