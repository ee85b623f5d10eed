"""Trainings that were started here: in a thread, or as a program of its own."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_cryorestore.regular_file import require_regular
from napari_cryorestore.runs.events import Failed, Noted
from napari_cryorestore.runs.run_lock import is_trained
from napari_cryorestore.training.attempt import attempt, has_ended, has_failed, history_of

if TYPE_CHECKING:
    from napari_cryorestore.runs.run_dir import RunDir
    from napari_cryorestore.runs.run_lock import RunLock

OUTPUT = "output.log"
"""What a training process prints, in the run folder."""
LAUNCHED = "CRYORESTORE_LAUNCHED"
"""Set in the environment of a process whose requests were cleared by who launched it."""


def training_command(run: RunDir) -> list[str]:
    """Return the command that trains in a run folder, without a word."""
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
        """Wait for its end, at most so many seconds, and tell whether it came."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask it to save a checkpoint and end."""
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
        """Wait for its end, at most so many seconds, and tell whether it came."""
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
        """Wait for its end, at most so many seconds, and tell whether it came."""
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


_LIVE: weakref.WeakSet[RunHandle] = weakref.WeakSet()


@atexit.register
def _end_threads() -> None:
    """Stop and join training threads: the interpreter aborts if it ends while one is inside PyTorch."""
    threads = [handle for handle in _LIVE if isinstance(handle, ThreadHandle) and handle.alive]
    for handle in threads:
        handle.stop()
    for handle in threads:
        handle.join(30)


__all__ = ["LAUNCHED", "OUTPUT", "ProcessHandle", "RunHandle", "ThreadHandle", "training_command"]
