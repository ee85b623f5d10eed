"""Tiny runs to break on purpose, in processes of their own, and what must hold of their folders."""

from __future__ import annotations

import os
import signal
import time
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.checkpoint import RESUME, load_checkpoint, load_resume
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.presets import merged
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.events import Failed, Noted, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.training.launch import create_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.runs.run_dir import RunDir

_LEAST: dict[str, Any] = {
    "method": {"kind": "icecream", "double_size": False, "window": False},
    "network": {"kind": "unet", "features": 2, "levels": 2},
    "schedule": {"steps": 40, "batch": 2, "crop": 16, "mask": "none"},
    "snapshots": {"every": 2, "size": [16, 8, 8], "kept": 10},
    "hardware": {"device": "cpu", "precision": "32", "threads": 1},
}


def pair(folder: Path, shape: tuple[int, int, int] = (24, 40, 36)) -> tuple[Path, Path]:
    """Write two halves with a common signal; nothing if they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "ts_even.mrc", folder / "ts_odd.mrc"
    random = np.random.default_rng(0)
    signal_ = random.standard_normal(shape)
    for path in paths:
        if not path.exists():
            write_volume(path, signal_ + random.standard_normal(shape), voxel_size=10.0, label="faults")
    return paths


def tiny_run(folder: Path, name: str, **changes: Any) -> RunDir:
    """Make the folder of a run whose steps take milliseconds."""
    even, odd = pair(folder)
    tomogram = {"even": even, "odd": odd, "tilt_min": -60, "tilt_max": 60}
    config = RunConfig.model_validate(merged(_LEAST, {"tomograms": [tomogram]}, changes))
    return create_run(config, folder / name)


class Child:
    """A function that runs in a forked process, which may be killed.

    Parameters
    ----------
    function : callable
        What the process does; its exit code is 0 where it returns, else 1.
    log : Path
        Where the traceback of an error goes.
    """

    def __init__(self, function: Callable[[], Any], log: Path) -> None:
        self.number = os.fork()
        if self.number:
            return
        code = 0
        try:
            function()
        except BaseException:  # noqa: BLE001  it has nobody to raise to
            code = 1
            log.write_text(traceback.format_exc())
        finally:
            os._exit(code)

    def kill(self) -> bool:
        """Kill it with the signal that nobody can catch, and tell whether it was still there."""
        os.kill(self.number, signal.SIGKILL)
        return os.WIFSIGNALED(os.waitpid(self.number, 0)[1])

    def join(self) -> int:
        """Wait for its end and return its exit code."""
        return os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return os.waitid(os.P_PID, self.number, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def wait_until_training(run: RunDir, child: Child) -> None:
    """Wait until the newest process of a run has begun to take steps."""
    while child.alive:
        begun = False
        for event in RunFollower(run.path).poll():
            if isinstance(event, Started):
                begun = False
            begun |= isinstance(event, Noted) and event.message == "Training"
        if begun and _newest_process(run) == child.number:
            return
        time.sleep(0.005)


def _newest_process(run: RunDir) -> int:
    started = [event for event in RunFollower(run.path).poll() if isinstance(event, Started)]
    return started[-1].process if started else 0


def problems_of(run: RunDir, *, cut_off: int = 0) -> list[str]:
    """Return what is not whole in a run folder, whatever happened to who wrote there; best nothing.

    A full disk may cut off one line of the history, which is left out when it is read.
    """
    found: list[str] = []
    follower = RunFollower(run.path)
    follower.poll()
    if follower.skipped > cut_off:
        found.append(f"{follower.skipped} damaged lines of history")
    RunConfig.from_toml(run.config_text())
    for path in sorted(run.path.glob("snapshots/[!.]*")):
        try:
            np.load(path)
        except (ValueError, EOFError, OSError) as error:
            found.append(f"{path.name}: {error}")
    for folder in sorted(run.path.glob("checkpoints/[!.]*")):
        try:
            load_checkpoint(folder)
            if (folder / RESUME).exists():
                load_resume(folder)
        except (ValueError, OSError) as error:
            found.append(f"{folder.name}: {error}")
    return found


def newest_resumable(run: RunDir) -> int:
    """Return the step from which a run can go on; 0 if from none."""
    return max((s for s in run.checkpoint_steps() if (run.checkpoint_path(s) / RESUME).is_file()), default=0)


def left_over(run: RunDir) -> list[str]:
    """Return the hidden, half-written things in a run folder."""
    return sorted(str(path.relative_to(run.path)) for path in run.path.rglob(".*") if path.is_file())


def latest_error(run: RunDir) -> str:
    """Return the sentence of a run's latest failure; empty if it recorded none."""
    failed = [event.error for event in RunFollower(run.path).poll() if isinstance(event, Failed)]
    return failed[-1] if failed else ""
