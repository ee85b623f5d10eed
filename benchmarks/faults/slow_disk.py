"""A run folder on a file system that takes its time for every file written, renamed or appended to."""

from __future__ import annotations

import builtins
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from benchmarks.faults.tiny_run import tiny_run
from napari_cryorestore.runs.events import Stepped
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.training.launch import run_training

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 30.0


class SlowDisk:
    """Delays whatever opens a file for writing or renames it, in this process.

    Attributes
    ----------
    waited : float
        Seconds lost so far.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.waited = seconds, 0.0
        self._originals: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> SlowDisk:
        for owner, name in ((os, "replace"), (os, "rename"), (os, "open"), (builtins, "open"), (os, "mkdir")):
            self._delay(owner, name)
        return self

    def __exit__(self, *error: object) -> None:
        for owner, name, original in self._originals:
            setattr(owner, name, original)

    def _delay(self, owner: Any, name: str) -> None:
        original = getattr(owner, name)
        self._originals.append((owner, name, original))

        def delayed(*args: Any, **kwargs: Any) -> Any:
            if name != "open" or _writes(args, kwargs):
                time.sleep(self.seconds)
                self.waited += self.seconds
            return original(*args, **kwargs)

        setattr(owner, name, delayed)


def _writes(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    mode = args[1] if len(args) > 1 else kwargs.get("mode", "r")
    return (
        bool(mode & (os.O_WRONLY | os.O_RDWR))
        if isinstance(mode, int)
        else bool(set(str(mode)) & set("wax+"))
    )


def slow_disk(folder: Path) -> dict[str, Any]:
    """Train on disks of different speed and request a stop: how much time is lost, and how soon it hears."""
    return {f"{seconds:g} s a write": _trained_on(folder, seconds) for seconds in (0.0, 0.05, 0.3, 1.0)}


def _trained_on(folder: Path, seconds: float) -> dict[str, Any]:
    run = tiny_run(folder, f"slow_{seconds:g}", schedule={"steps": 10**6}, snapshots={"every": 0})
    moments: list[tuple[float, float]] = []

    def watch() -> None:
        while not any(isinstance(event, Stepped) for event in RunFollower(run.path).poll()):
            time.sleep(0.05)
        for pause in (_SECONDS, 0.0):
            moments.append((time.perf_counter(), disk.waited))
            time.sleep(pause)
        run.path.joinpath("stop").touch()

    with SlowDisk(seconds) as disk:
        threading.Thread(target=watch).start()
        run_training(run)
        ended = time.perf_counter()
    (begun, before), (requested, after) = moments
    records = [event for event in RunFollower(run.path).poll() if isinstance(event, Stepped)]
    return {
        "share of time lost": round((after - before) / (requested - begun), 3),
        "seconds between records of the loss": round((requested - begun) / len(records), 2),
        "seconds from the request to the end": round(ended - requested, 2),
    }
