"""What becomes of trainings and restorations that are killed, or that lack disk, memory or a fast disk.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.faults mishaps --only kills disk memory slow
    OMP_NUM_THREADS=1 python -m benchmarks.faults mishaps --only long --steps 20000

Everything is tiny and takes place in a temporary folder. Linux only; a full disk takes root, who may mount a
small one. The last line is JSON; exit code 1 means that something was lost.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.faults.disk import full_disk_restoration, full_disk_training
from benchmarks.faults.kill import kill_restoration, kill_training
from benchmarks.faults.memory import long_run
from benchmarks.faults.out_of_memory import out_of_memory_restoration, out_of_memory_training
from benchmarks.faults.slow_disk import slow_disk
from benchmarks.faults.tiny_run import Child, tiny_run
from napari_cryorestore.training.launch import run_training

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("kills", "disk", "memory", "slow", "long")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20_000, help="of the long run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="faults_") as name:
        folder = Path(name)
        for kind in options.only:
            for title, measure in _measures(kind, folder, options).items():
                told[title] = measure()
                print(f"{title}: {json.dumps(told[title], indent=1)}", flush=True)
    lost = [problem for found in told.values() for problem in found.get("problems", [])]
    print(json.dumps({"benchmark": "faults", "torch": torch.__version__, "lost": lost, **told}))
    sys.exit(bool(lost))


def _measures(
    kind: str, folder: Path, options: argparse.Namespace
) -> dict[str, Callable[[], dict[str, Any]]]:
    counts = {"kills": options.kills, "seed": options.seed}
    if kind == "kills":
        return {
            "training killed": lambda: kill_training(folder, **counts),
            "restoration killed": lambda: kill_restoration(folder, **counts),
        }
    if kind == "disk":
        return {
            "disk full in training": lambda: full_disk_training(folder),
            "disk full in restoration": lambda: full_disk_restoration(folder, _model(folder)),
        }
    if kind == "memory":
        return {
            "out of memory in training": lambda: out_of_memory_training(folder),
            "out of memory in restoration": lambda: out_of_memory_restoration(folder, _model(folder)),
        }
    if kind == "slow":
        return {"slow disk": lambda: slow_disk(folder)}
    return {"long run": lambda: long_run(folder, steps=options.steps)}


def _model(folder: Path) -> Path:
    """Return a run to restore with, made if there is none."""
    path = folder / "peaceful"
    if not path.exists():
        run = tiny_run(folder, "peaceful", schedule={"steps": 20})
        if Child(lambda: run_training(run), folder / "peaceful.txt").join():
            raise RuntimeError((folder / "peaceful.txt").read_text())
    return path
