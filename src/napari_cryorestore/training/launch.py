"""Making a run folder and training in it: here, in a thread of this program, or as a program of its own."""

from __future__ import annotations

import atexit
import os
import platform
import subprocess
import sys
import threading
import traceback
import weakref
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_cryorestore.io.input_stamps import changed_inputs, stamps_of
from napari_cryorestore.runs.events import Failed, Noted, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.run_lock import RunLock, is_trained, refuse_if_trained
from napari_cryorestore.safe_reading import require_regular
from napari_cryorestore.training.failure import has_ended, has_failed, history_of, record_failure, words_of
from napari_cryorestore.training.rank import is_supervised, own_place, ranks_first
from napari_cryorestore.training.supervision import end_with_supervisor, supervise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_cryorestore.findings import Finding
    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.events import Event

_PACKAGES = ("napari-cryorestore", "torch", "numpy", "napari", "lightning-fabric")
OUTPUT = "output.log"
"""What a training process prints, in the run folder."""
LAUNCHED = "CRYORESTORE_LAUNCHED"
"""Set in the environment of a process whose requests were cleared by who launched it."""
_LIVE: weakref.WeakSet[RunHandle] = weakref.WeakSet()


def create_run(config: RunConfig, path: Path) -> RunDir:
    """Make a run folder whose configuration leaves nothing open.

    The voxel size, the tilt range and axis, the name and the crop are filled in where they were not given.
    What the examination of the tomograms found is recorded first.

    Raises
    ------
    FileExistsError
        If there is something in the folder.
    ValueError
        If the tomograms cannot be used, with what to do about it.
    """
    from napari_cryorestore.training.complete_config import complete_config
    from napari_cryorestore.training.preparation import input_files

    _require_restored_maps(config, path)
    findings: list[Finding] = []
    complete = complete_config(config, tell=findings.append)
    known = {**environment((complete.packages or {}).values()), "inputs": stamps_of(input_files(complete))}
    run = RunDir.create(path, config=complete.to_toml(), environment=known)
    for finding in findings:
        run.record(Noted(level="info" if finding.severity == "note" else "warning", message=finding.text))
    return run


def _require_restored_maps(config: RunConfig, path: Path) -> None:
    chain = config.restored_by
    if chain is None or all(file.is_file() for maps in chain.within(path).maps for file in maps):
        return
    raise ValueError(
        f"The recipe learns from what {chain.model} restored, which is not in {path}: make the run with "
        "'cryorestore train --restored-by RUN', which restores first."
    )


def environment(plugins: Iterable[str] = ()) -> dict[str, Any]:
    """Return versions, those of plug-in packages too, computer and operating system as plain values."""
    return {
        "versions": {name: _version(name) for name in (*_PACKAGES, *plugins)},
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor_cores": os.cpu_count(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def run_training(run: RunDir, *, on_event: Callable[[Event], None] = lambda event: None) -> None:
    """Train what a run folder describes, going on from its newest checkpoint if it has one.

    Where it has several devices on this computer, each gets a process. Requests that were left before are
    taken back, except by a process that `launch` started: those it finds were made since.

    Parameters
    ----------
    run : RunDir
        As made by `create_run`.
    on_event : callable
        Is told every event that other processes record.

    Raises
    ------
    ValueError
        If somebody trains there already; the run is left alone.
    Exception
        Whatever else went wrong, after it was recorded as `Failed`.
    """
    if is_supervised():
        end_with_supervisor(run)
    if is_supervised() or not _is_first(run):
        _train(run, on_event=on_event)
        return
    lock = RunLock.take(run.path)
    try:
        if LAUNCHED not in os.environ and ranks_first():
            run.clear_requests()
        _train(run, on_event=on_event, note=lock.note)
    finally:
        lock.release()


def _train(run: RunDir, *, on_event: Callable[[Event], None], note: str = "") -> None:
    count = (
        1
        if is_supervised() or own_place().count > 1 or "LOCAL_RANK" in os.environ
        else run.recipe().device_counts[0]
    )
    if count == 1:
        attempt(run, note=note)
        return
    if note:
        run.record(Noted(level="info", message=note))
    supervise(run, training_command(run), count, on_event=on_event)


def _is_first(run: RunDir) -> bool:
    """Tell whether this is the one process of a run that records; a recipe that is damaged fails later."""
    return run.recipe().device_counts == (1, 1) or ranks_first()


def attempt(run: RunDir, *, note: str = "") -> None:
    """Train what a run folder describes, going on from its newest checkpoint if it has one.

    Parameters
    ----------
    run : RunDir
        The caller has the right to train in it.
    note : str
        Recorded first, for the user to read.

    Raises
    ------
    Exception
        Whatever went wrong, after it was recorded as `Failed`.
    """
    history = history_of(run)
    try:
        if note:
            run.record(Noted(level="info", message=note))
        if ranks_first():
            run.clear_leftovers()
        from napari_cryorestore.training.trainer import train_recorded

        recipe = recipe_of(run)
        if ranks_first():
            _tell_changed(run, recipe)
        past = RunFollower(run.path).poll() if ranks_first() else []
        train_recorded(recipe, run, resume_from=_resume_from(run), past=past)
    except BaseException as error:
        _record_early_failure(run, history.poll(), error)
        raise


def _tell_changed(run: RunDir, recipe: RunConfig) -> None:
    """Record which inputs are not those that the run began with."""
    from napari_cryorestore.training.preparation import input_files

    for finding in changed_inputs(run.environment().get("inputs"), input_files(recipe)):
        level: Literal["info", "warning"] = "info" if finding.severity == "note" else "warning"
        run.record(Noted(level=level, message=finding.text))


def recipe_of(run: RunDir) -> RunConfig:
    """Return the recipe of a run.

    Raises
    ------
    ValueError
        If it cannot be used here: it is damaged, or what it names is not installed.
    """
    from pydantic import ValidationError

    from napari_cryorestore.config import sentence
    from napari_cryorestore.run_config import RunConfig

    try:
        recipe = RunConfig.from_toml(run.config_text())
        chain = recipe.restored_by
        return recipe if chain is None else recipe.model_copy(update={"restored_by": chain.within(run.path)})
    except ValueError as error:
        words = sentence(error) if isinstance(error, ValidationError) else error
        raise ValueError(f"The configuration of {run.path.name} cannot be used: {words}") from error


def _resume_from(run: RunDir) -> Path | None:
    from napari_cryorestore.checkpoint import RESUME

    found = [step for step in run.checkpoint_steps() if (run.checkpoint_path(step) / RESUME).is_file()]
    return run.checkpoint_path(found[-1]) if found else None


def _record_early_failure(run: RunDir, events: list[Event], error: BaseException) -> None:
    """Record a failure that came before `train_recorded` could record it, and is nobody else's to record."""
    if not ranks_first() or (is_supervised() and isinstance(error, ConnectionError)):
        return
    if not any(isinstance(event, Failed) for event in events):
        started = any(isinstance(event, Started) for event in events)
        record_failure(run, words_of(error), started=started, details=traceback.format_exc())


def train(config: RunConfig, path: Path | str) -> RunDir:
    """Make a run folder and train in it: to the last step, or until held-out numbers say that it is enough.

    Parameters
    ----------
    config : RunConfig
        The recipe.
    path : Path or str
        The folder to make.

    Returns
    -------
    RunDir
        The folder, by whose ``path`` a `RestoreConfig` names the model.

    Raises
    ------
    FileExistsError, ValueError
        See `create_run`.
    Exception
        Whatever else went wrong, after it was recorded.
    """
    run = create_run(config, Path(path))
    run_training(run)
    return run


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
        If a thread is to train a run on more than one device, or the run is being trained already.
    OSError
        If the run folder cannot be written.
    """
    if where == "thread" and run.recipe().device_counts != (1, 1):
        raise ValueError(
            f"The run {run.path.name} uses several devices, which takes a process of its own: "
            "launch it as a process."
        )
    refuse_if_trained(run.path)
    if where == "process":
        run.clear_requests()
        return ProcessHandle(run)
    lock = RunLock.take(run.path)
    run.clear_requests()
    return ThreadHandle(run, lock)


def training_command(run: RunDir) -> list[str]:
    """Return the command that trains in a run folder and prints nothing."""
    return [sys.executable, "-m", "napari_cryorestore", "train", "--resume", str(run.path), "--quiet"]


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
        """Wait for its end, for some seconds at most, and return whether it has ended."""
        raise NotImplementedError

    def stop(self) -> None:
        """Request that it saves a checkpoint and ends."""
        if self.alive:
            self.run.request_stop()


class ThreadHandle(RunHandle):
    """Training in a thread; a plain one, as napari's thread workers swallow errors such as lack of memory."""

    def __init__(self, run: RunDir, lock: RunLock) -> None:
        super().__init__(run)
        self._lock = lock
        self._thread = threading.Thread(target=self._work, name=f"train {run.path.name}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        history = history_of(self.run)
        try:
            if "torch" not in sys.modules:
                self.run.record(Noted(level="phase", message="Loading PyTorch"))
            attempt(self.run, note=self._lock.note)
        except BaseException as error:  # noqa: BLE001  a thread has nobody to raise to; the run says it
            if not has_failed(history):  # not even that could be recorded: the disk is full
                _shout(error)
        finally:
            self._lock.release()
            _release_memory()

    @property
    def alive(self) -> bool:
        """Whether it is still going on."""
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, for some seconds at most, and return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()


class ProcessHandle(RunHandle):
    """Training as ``python -m napari_cryorestore train --resume RUN``."""

    def __init__(self, run: RunDir) -> None:
        super().__init__(run)
        command, output = training_command(run), run.path / OUTPUT
        if output.exists():
            require_regular(output)  # a pipe would be waited for
        with output.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, LAUNCHED: "1"},
                start_new_session=True,  # Ctrl-C in napari's terminal is not meant for it
            )
        threading.Thread(target=self._watch, name=f"watch {run.path.name}", daemon=True).start()

    def _watch(self) -> None:
        """Record the death of a process that could not do so itself."""
        code = self._process.wait()
        if code == 0 or has_ended(self.run) or is_trained(self.run.path):
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
        """Wait for its end, for some seconds at most, and return whether it has ended."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True


def _shout(error: BaseException) -> None:
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
    )


def _release_memory() -> None:
    if "torch" in sys.modules:
        from napari_cryorestore.hardware import release_memory

        release_memory()


@atexit.register
def _end_threads() -> None:
    """Stop and join training threads: the interpreter aborts if it ends while one is inside PyTorch."""
    threads = [handle for handle in _LIVE if isinstance(handle, ThreadHandle) and handle.alive]
    for handle in threads:
        handle.stop()
    for handle in threads:
        handle.join(30)


__all__ = [
    "LAUNCHED",
    "OUTPUT",
    "ProcessHandle",
    "RunHandle",
    "ThreadHandle",
    "attempt",
    "create_run",
    "environment",
    "launch",
    "recipe_of",
    "run_training",
    "train",
    "training_command",
]
