"""Memory of a training of many steps, which must not grow."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.faults.tiny_run import Child, tiny_run
from napari_cryorestore.runs.events import Stepped
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.training.launch import run_training

if TYPE_CHECKING:
    from napari_cryorestore.runs.run_dir import RunDir


def long_run(folder: Path, *, steps: int) -> dict[str, Any]:
    """Train many tiny steps in a process and watch its memory."""
    changes: dict[str, Any] = {"schedule": {"steps": steps}, "snapshots": {"every": max(1, steps // 200)}}
    run = tiny_run(folder, "long", **changes)
    child = Child(lambda: run_training(run), folder / "long.txt")
    seen = _watched(run, child)
    if child.join():
        raise RuntimeError((folder / "long.txt").read_text())
    at = {share: _resident_at(seen, share * steps) for share in (0.1, 0.25, 0.5, 0.75, 1.0)}
    return {
        "steps": steps,
        "RSS in MB at share of steps": {str(share): round(mb, 1) for share, mb in at.items()},
        "growth from 10 % to 100 %": f"{(at[1.0] / at[0.1] - 1) * 100:+.1f} %",
        "peak MB": round(max(mb for _, mb in seen), 1),
    }


def _watched(run: RunDir, child: Child) -> list[tuple[int, float]]:
    """Return (step, MB) every half second until the process ends."""
    seen: list[tuple[int, float]] = []
    follower, step = RunFollower(run.path), 0
    while child.alive:
        for event in follower.poll():
            step = event.step if isinstance(event, Stepped) else step
        try:
            pages = int(Path(f"/proc/{child.number}/statm").read_text(encoding="utf-8").split()[1])
        except (FileNotFoundError, IndexError):
            break
        if step and pages:
            seen.append((step, pages * 4096 / 1e6))
        time.sleep(0.5)
    return seen


def _resident_at(seen: list[tuple[int, float]], step: float) -> float:
    """Return the median of the few values nearest to a step."""
    nearest = sorted(seen, key=lambda item: abs(item[0] - step))[:9]
    return sorted(mb for _, mb in nearest)[len(nearest) // 2]
