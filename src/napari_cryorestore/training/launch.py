"""Making a run folder and starting its training, in a thread of this program or as a program of its own."""

from __future__ import annotations

import atexit
import os
import platform
import subprocess
import sys
import threading
import tomllib
import traceback
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.runs.events import Failed, Finished, Noted, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.environment import environment
from napari_cryorestore.training.rank import ranks_first

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.events import Event

OUTPUT = "output.log"
"""What a training process prints, in the run folder."""
_LAUNCHED = "CRYORESTORE_LAUNCHED"


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
    """Train what a run folder describes, going on from its newest checkpoint if it has one.

    Requests that were left before are taken back, except by a process that `launch` started: those it finds
    were made since.

    Raises
    ------
    Exception
        Whatever went wrong, after it was recorded as `Failed`.
    """
    if _LAUNCHED not in os.environ and ranks_first():
        run.clear_requests()
    _train(run)


def launch(run: RunDir, where: Literal["thread", "process"] = "thread") -> RunHandle:
    """Start training and return at once.

    Parameters
    ----------
    run : RunDir
        As made by `create_run`; a run that ended or was killed goes on.
    where : {"thread", "process"}
        A thread shares this program; a process survives it, and is needed for more than one device.

    Raises
    ------
    ValueError
        If a thread is asked for a run on more than one device.
    """
    if where == "thread" and _computers(run) > 1:
        raise ValueError(
            f"The run {run.path.name} uses several devices, which takes a process of its own: "
            "launch it as a process."
        )
    run.clear_requests()
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
        history = _history(self.run)
        try:
            if "torch" not in sys.modules:
                self.run.record(Noted(level="phase", message="Loading PyTorch"))
            _train(self.run)
        except BaseException as error:  # noqa: BLE001  a thread has nobody to raise to; the run says it
            if not _has_failed(history):  # not even that could be recorded: the disk is full
                _shout(error)
        finally:
            _release_memory()

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
        with (run.path / OUTPUT).open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, _LAUNCHED: "1"},
                start_new_session=True,  # Ctrl-C in napari's terminal is not meant for it
            )
        threading.Thread(target=self._watch, name=f"watch {run.path.name}", daemon=True).start()

    def _watch(self) -> None:
        """Record the death of a process that could not do so itself."""
        code = self._process.wait()
        if code == 0 or _ended(self.run):
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        with suppress(OSError):
            self.run.record(
                Failed(error=f"The training process {how}: {OUTPUT} in the run folder may tell why.")
            )

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


def _train(run: RunDir) -> None:
    history = _history(run)
    try:
        from napari_cryorestore.training.trainer import train

        train(_recipe(run), run, resume_from=_resume_from(run))
    except BaseException as error:
        if ranks_first() and not _has_failed(history):
            _record_early_failure(run, error)
        raise


def _recipe(run: RunDir) -> RunConfig:
    from pydantic import ValidationError

    from napari_cryorestore.config import sentence
    from napari_cryorestore.run_config import RunConfig

    try:
        return RunConfig.from_toml(run.config_text())
    except ValueError as error:
        words = sentence(error) if isinstance(error, ValidationError) else error
        raise ValueError(f"The configuration of {run.path.name} cannot be used: {words}") from error


def _resume_from(run: RunDir) -> Path | None:
    from napari_cryorestore.checkpoint import RESUME

    found = [step for step in run.checkpoint_steps() if (run.checkpoint_path(step) / RESUME).is_file()]
    return run.checkpoint_path(found[-1]) if found else None


def _record_early_failure(run: RunDir, error: BaseException) -> None:
    """Record a failure that came before `train` could record its own; a full disk may forbid even that."""
    with suppress(OSError):
        if not isinstance(_latest(run), Started):
            step = max(run.checkpoint_steps(), default=0)
            run.record(Started(step=step, steps=0, process=os.getpid(), host=platform.node()))
        run.record(Failed(error=str(error) or type(error).__name__, traceback=traceback.format_exc()))


def _history(run: RunDir) -> RunFollower:
    """Return a follower of what will be recorded from now on."""
    follower = RunFollower(run.path)
    follower.poll()
    return follower


def _has_failed(history: RunFollower) -> bool:
    return any(isinstance(event, Failed) for event in history.poll())


def _latest(run: RunDir) -> Event | None:
    events = RunFollower(run.path).poll()
    return next((event for event in reversed(events) if not isinstance(event, Noted)), None)


def _ended(run: RunDir) -> bool:
    return isinstance(_latest(run), Failed | Finished)


def _shout(error: BaseException) -> None:
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
    )


def _computers(run: RunDir) -> int:
    """Return the number of devices; read without the model of the recipe, which would import PyTorch."""
    hardware = tomllib.loads(run.config_text()).get("hardware", {})
    return int(hardware.get("devices", 1) * hardware.get("nodes", 1))


def _release_memory() -> None:
    if "torch" in sys.modules:
        from napari_cryorestore.hardware import release_memory

        release_memory()


_LIVE: weakref.WeakSet[RunHandle] = weakref.WeakSet()


@atexit.register
def _end_threads() -> None:
    """Stop and join training threads: the interpreter aborts if it ends while one is inside PyTorch."""
    threads = [handle for handle in _LIVE if isinstance(handle, ThreadHandle) and handle.alive]
    for handle in threads:
        handle.stop()
    for handle in threads:
        handle.join(30)
