"""Killing a training and a restoration at random moments, again and again, and going on each time."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.faults.tiny_run import (
    Child,
    left_over,
    newest_resumable,
    pair,
    problems_of,
    tiny_run,
    wait_until_training,
)
from napari_cryorestore.checkpoint import load_checkpoint
from napari_cryorestore.restoration import RestoreConfig, restore
from napari_cryorestore.runs.events import Checkpointed, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.training.launch import run_training

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.runs.run_dir import RunDir

_STEPS = 400


def kill_training(folder: Path, *, kills: int, seed: int) -> dict[str, Any]:
    """Kill a training at random moments and compare what comes out with a training left in peace."""
    moments = random.Random(seed)
    changes: dict[str, Any] = {"schedule": {"steps": _STEPS}}
    peaceful = tiny_run(folder, "peaceful", **changes)
    begun = time.perf_counter()
    if Child(lambda: run_training(peaceful), folder / "peaceful.txt").join():
        raise RuntimeError((folder / "peaceful.txt").read_text())
    usual = time.perf_counter() - begun
    run = tiny_run(folder, "killed", **changes)
    problems: list[str] = []
    done = 0
    while done < kills:
        child = Child(lambda: run_training(run), folder / "killed.txt")
        wait_until_training(run, child)
        time.sleep(moments.uniform(0, usual / kills))
        if not child.kill():
            break  # it was through
        done += 1
        problems += problems_of(run) + _lost(run)
    code = Child(lambda: run_training(run), folder / "killed.txt").join()
    starts = [event.step for event in RunFollower(run.path).poll() if isinstance(event, Started)]
    same = _weights(run), _weights(peaceful)
    return {
        "kills": done, "problems": problems, "ended well": code == 0, "left over": left_over(run),
        "went on from": starts[1:], "same weights in the end": all(map(torch.equal, *same)),
    }  # fmt: skip


def _lost(run: RunDir) -> list[str]:
    """Return a complaint if a checkpoint that was reported is not there to go on from."""
    told = [event.step for event in RunFollower(run.path).poll() if isinstance(event, Checkpointed)]
    newest = newest_resumable(run)
    rewound = [event for event in RunFollower(run.path).poll() if isinstance(event, Checkpointed | Started)]
    last = next((event.step for event in reversed(rewound) if isinstance(event, Checkpointed)), 0)
    return [f"told {last}, found {newest}"] if told and newest < last else []


def _weights(run: RunDir) -> list[torch.Tensor]:
    weights = load_checkpoint(run.checkpoint_path(_STEPS)).weights
    return [weights[name] for name in sorted(weights)]


def kill_restoration(folder: Path, *, kills: int, seed: int) -> dict[str, Any]:
    """Kill a restoration at random moments; the file must be the one that is made in peace."""
    moments = random.Random(seed)
    even, odd = pair(folder / "large", (48, 96, 96))
    model = folder / "peaceful"

    def request(name: str) -> RestoreConfig:
        return RestoreConfig.model_validate({
            "model": {"weights": model},
            "tomogram": {"maps": [even, odd], "recording": {"tilt_range": [-60, 60]}},
            "tiling": {"tile": 32, "batch": 1},
            "hardware": {"device": "cpu", "precision": "32", "threads": 1},
            "output": folder / name,
        })  # fmt: skip

    begun = time.perf_counter()
    if Child(lambda: restore(request("peaceful.mrc")), folder / "restoring.txt").join():
        raise RuntimeError((folder / "restoring.txt").read_text())
    usual = time.perf_counter() - begun
    done, early = 0, []
    while done < kills:
        child = Child(lambda: restore(request("killed.mrc")), folder / "restoring.txt")
        time.sleep(moments.uniform(0, 2 * usual / kills))
        if not child.kill():
            break
        done += 1
        early += ["a file that is not whole"] if (folder / "killed.mrc").exists() else []
    code = 0 if (folder / "killed.mrc").exists() else _finish(request("killed.mrc"), folder)
    one, other = ((folder / name).read_bytes() for name in ("killed.mrc", "peaceful.mrc"))
    return {
        "kills": done, "problems": early, "ended well": code == 0, "same file": one == other,
        "left over": sorted(path.name for path in folder.glob("*.part*")),
    }  # fmt: skip


def _finish(request: RestoreConfig, folder: Path) -> int:
    return Child(lambda: restore(request), folder / "restoring.txt").join()
