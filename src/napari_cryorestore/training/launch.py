"""Making a run folder and starting its training, in a thread of this program or as a program of its own."""

from __future__ import annotations

import atexit
import os
import platform
import subprocess
import sys
import threading
import traceback
import weakref
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

from napari_cryorestore.runs.events import Failed, Finished, Noted, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.run_config import RunConfig


def create_run(config: RunConfig, path: Path) -> RunDir:
    """Make a run folder whose configuration leaves nothing open.

    The voxel size, the tilt range, the name and the crop are filled in where they were not given.

    Raises
    ------
    FileExistsError
        If there is something in the folder.
    ValueError
        If the tomograms cannot be used, with what to do about it.
    """
    from napari_cryorestore.training.resolution import resolved

    complete = resolved(config)
    return RunDir.create(path, config=complete.to_toml(), environment=environment())


def run_training(run: RunDir) -> None:
    """Train what a run folder describes, going on from its newest checkpoint if it has one."""
    from napari_cryorestore.checkpoint import RESUME
    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.training.trainer import train

    run.clear_requests()
    config = RunConfig.from_toml(run.config_text())
    steps = [step for step in run.checkpoint_steps() if (run.checkpoint_path(step) / RESUME).is_file()]
    train(config, run, resume_from=run.checkpoint_path(steps[-1]) if steps else None)


def launch(run: RunDir, where: Literal["thread", "process"] = "thread") -> RunHandle:
    """Start training and return at once.

    Parameters
    ----------
    run : RunDir
        As made by `create_run`; a run that ended or was killed goes on.
    where : {"thread", "process"}
        A thread shares this program; a process survives it, and is needed for more than one device.
    """
    return ThreadHandle(run) if where == "thread" else ProcessHandle(run)


class RunHandle:
    """A training that was started here."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        _LIVE.add(self)

    @property
    def alive(self) -> bool:
        """Whether it is still going on."""
        raise NotImplementedError

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most so many seconds, and tell whether it came."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask it to save a checkpoint and end."""
        if self.alive:
            self.run.request_stop()


class ThreadHandle(RunHandle):
    """Training in a thread; a plain one, as napari's thread workers swallow errors such as lack of memory."""

    def __init__(self, run: RunDir) -> None:
        super().__init__(run)
        self._thread = threading.Thread(target=self._work, name=f"train {run.path.name}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            if "torch" not in sys.modules:
                self.run.record(Noted(level="phase", message="Loading PyTorch"))
            run_training(self.run)
        except BaseException as error:  # noqa: BLE001  a thread has nobody to raise to; the run says it
            _record_end(self.run, error)

    @property
    def alive(self) -> bool:
        """Whether it is still going on."""
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most so many seconds, and tell whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()


class ProcessHandle(RunHandle):
    """Training as ``python -m napari_cryorestore train --resume RUN``."""

    def __init__(self, run: RunDir) -> None:
        super().__init__(run)
        command = [sys.executable, "-m", "napari_cryorestore", "train", "--resume", str(run.path), "--quiet"]
        with (run.path / "output.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    @property
    def alive(self) -> bool:
        """Whether it is still going on."""
        return self._process.poll() is None

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most so many seconds, and tell whether it came."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True


def environment() -> dict[str, Any]:
    """Return what a run's numbers may depend on: versions, computer, operating system."""
    packages = ("napari-cryorestore", "torch", "numpy", "napari", "lightning-fabric")
    return {
        "versions": {name: _version(name) for name in packages},
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor_cores": os.cpu_count(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _record_end(run: RunDir, error: BaseException) -> None:
    """Record a failure that came before training could record its own; a full disk may forbid even that."""
    events = RunFollower(run.path).poll()
    last = next((event for event in reversed(events) if not isinstance(event, Noted)), None)
    if isinstance(last, Failed | Finished):
        return
    try:
        if not isinstance(last, Started):
            run.record(Started(steps=0, process=os.getpid(), host=platform.node()))
        run.record(Failed(error=str(error) or type(error).__name__, traceback=traceback.format_exc()))
    except OSError:
        threading.excepthook(
            threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
        )


_LIVE: weakref.WeakSet[RunHandle] = weakref.WeakSet()


@atexit.register
def _end_threads() -> None:
    """Stop and join training threads: the interpreter aborts if it ends while one is inside PyTorch."""
    threads = [handle for handle in _LIVE if isinstance(handle, ThreadHandle) and handle.alive]
    for handle in threads:
        handle.stop()
    for handle in threads:
        handle.join(30)
