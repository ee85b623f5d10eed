"""Several processes of one training on this computer: begun, watched and ended together by a supervisor."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from napari_cryorestore.runs.events import Failed, Started
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.training.failure import has_ended, history_of, record_failure, words_of
from napari_cryorestore.training.rank import SUPERVISOR, ranks_first

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_cryorestore.runs.events import Event
    from napari_cryorestore.runs.run_dir import RunDir

GRACE = 3.0
"""Seconds that the other processes have to end by themselves when one has failed."""
PARTING = 60.0
"""Seconds that the other processes have to end when one has done its work."""
_BAD_INPUT = 2  # exit code
_LOOK, _DYING = 0.1, 10.0  # seconds
HEARTBEAT = "CRYORESTORE_HEARTBEAT"
"""In the environment of a process that `supervise` started: the file that it touches as long as it lives."""
SILENT = 300.0
"""Seconds without a sign of life after which a process is taken for frozen.

The signs come from a thread that does little else, so that neither a long preview nor a slow disk nor the
first step delays them.
"""
_MOST_PER_LOOK = 1.0  # seconds that one look adds to the silence at most
LOST = 75
"""Exit code of a process that failed only because another one was gone."""
_GLANCE = 0.3  # seconds between two looks whether the supervisor lives


def supervise(
    run: RunDir, command: Sequence[str], count: int, *, on_event: Callable[[Event], None] = lambda event: None
) -> None:
    """Run a command as several processes, until all have ended.

    Where one of them fails or gives no sign of life any more, the others would wait for it: they are ended
    too, and the run says why.

    Parameters
    ----------
    run : RunDir
        In which they train. A stop that is requested of this object is requested of them.
    command : sequence of str
        What each of them is; it finds its number in ``LOCAL_RANK``.
    count : int
        How many.
    on_event : callable
        Is told every event that they record.

    Raises
    ------
    ValueError
        If the input is at fault.
    RuntimeError
        If anything else went wrong; the message is what the run says.
    """
    chronicle = _Chronicle(run, on_event)
    with ExitStack() as ends:
        port = os.environ.get("MASTER_PORT") or _free_port()
        signs = Path(ends.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        hearts = [Heartbeat(signs / str(index)) for index in range(count)]
        companions = [_begun(command, index, port, heart, ends) for index, heart in enumerate(hearts)]
        try:
            _await_end(companions, run, chronicle)
        except BaseException as error:
            chronicle.fail(words_of(error))
            raise
        bad = _culprit(companions)
        if bad is None:
            return
        _end(companions)
        chronicle.look()
        chronicle.fail(bad.fate(count))
        sys.stderr.write("".join(item.printed() for item in companions if item.process.returncode != LOST))
        kind = ValueError if bad.process.returncode == _BAD_INPUT else RuntimeError
        raise kind(chronicle.error)


@dataclass
class _Companion:
    """One of the processes, counted from 0, and the file of what it prints."""

    index: int
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    heart: Heartbeat
    frozen: bool = False

    def freezes(self) -> bool:
        """Tell whether it is or was silent for too long."""
        self.frozen |= self.heart.silence() >= SILENT and self.process.poll() is None
        return self.frozen

    def printed(self) -> str:
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def fate(self, count: int) -> str:
        """Return how it ended, in a sentence."""
        who, code = f"Process {self.index + 1} of {count} of this training", self.process.returncode
        if self.frozen:
            return (
                f"{who} gave no sign of life for {SILENT / 60:g} minutes, so that all were ended: continue "
                "the run to go on from its newest checkpoint."
            )
        if code < 0:
            return (
                f"{who} was killed by signal {-code}: continue the run to go on from its newest checkpoint."
            )
        if code == LOST:
            return f"{who} lost another one, on another computer: what was said there may tell why."
        lines = [line.strip() for line in self.printed().splitlines() if line.strip()]
        last = lines[-1].removeprefix("cryorestore train: ") if lines else f"it ended with exit code {code}."
        return f"{who} failed: {last}"


class _Chronicle:
    """What the processes record, as far as it has been looked at."""

    def __init__(self, run: RunDir, on_event: Callable[[Event], None]) -> None:
        self._run, self._on_event = run, on_event
        self._history = history_of(run)
        self._started = False
        self.error = ""

    def look(self) -> None:
        """Take in the new events."""
        for event in self._history.poll():
            self._started |= isinstance(event, Started)
            if isinstance(event, Failed):
                self.error = event.error
            self._on_event(event)

    def fail(self, words: str) -> None:
        """Record that the training failed, unless one of the processes has done so."""
        if not self.error:
            record_failure(self._run, words, started=self._started)
            self.look()
            self.error = words


def _begun(command: Sequence[str], index: int, port: str, heart: Heartbeat, ends: ExitStack) -> _Companion:
    output: IO[bytes] = ends.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  closed at the end of all
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,  # Ctrl-C is for the supervisor, which requests a stop
        env={
            **os.environ,
            "LOCAL_RANK": str(index),
            "MASTER_PORT": port,
            SUPERVISOR: str(os.getpid()),
            HEARTBEAT: str(heart.path),
        },
    )
    ends.callback(_kill, process)
    return _Companion(index, process, output, heart)


def _await_end(companions: Sequence[_Companion], run: RunDir, chronicle: _Chronicle) -> None:
    """Return when all have ended, or enough time was given to the rest."""
    deadline = stopped = None
    while deadline is None or time.monotonic() < deadline:
        codes = [companion.process.poll() for companion in companions]
        chronicle.look()
        if None not in codes or _freezes(companions):
            return
        ended = [code for code in codes if code is not None]
        if ended and (deadline is None or any(ended)):
            latest = time.monotonic() + (GRACE if any(ended) else PARTING)
            deadline = latest if deadline is None else min(deadline, latest)
        if stopped is None and run.request() is Request.STOP:
            stopped = True
            run.request_stop()
        time.sleep(_LOOK)


def _freezes(companions: Sequence[_Companion]) -> bool:
    """Tell whether any is frozen, having looked at each."""
    return sum(companion.freezes() for companion in companions) > 0


def _culprit(companions: Sequence[_Companion]) -> _Companion | None:
    """Return the process that failed by itself; ``None`` if the first, which records, did all there was."""
    if companions[0].process.returncode == 0:
        return None
    frozen = [companion for companion in companions if companion.frozen]
    if frozen:
        return frozen[0]
    failed = [companion for companion in companions if companion.process.poll()]
    return min(failed, key=lambda companion: companion.process.returncode == LOST)


def _end(companions: Sequence[_Companion]) -> None:
    for companion in companions:
        _kill(companion.process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # one that waits for a dead disk dies when that answers
            process.wait(_DYING)


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


class Heartbeat:
    """How long one process has given no sign of life.

    Parameters
    ----------
    path : Path
        The file that it touches; made here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._seen, self._looked, self._silence = self._touched(), time.monotonic(), 0.0

    def silence(self) -> float:
        """Return the seconds since the last sign, as far as this was called meanwhile.

        Time in which the supervisor was stopped itself, as where a computer goes to sleep, does not count.
        """
        touched, now = self._touched(), time.monotonic()
        silence = self._silence + min(now - self._looked, _MOST_PER_LOOK)
        self._silence = silence if touched == self._seen else 0.0
        self._seen, self._looked = touched, now
        return self._silence

    def _touched(self) -> int:
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0


def beat() -> None:
    """Give a sign of life to the supervisor, if there is one."""
    path = os.environ.get(HEARTBEAT)
    if path:
        with suppress(OSError):
            Path(path).touch()


def end_with_supervisor(run: RunDir) -> None:
    """Start to watch the supervisor: if it is killed, nobody else ends the processes.

    It is given signs of life all the while.

    Parameters
    ----------
    run : RunDir
        Where the first process says why it ends.
    """
    threading.Thread(target=_watch, args=(run,), name="watch supervisor", daemon=True).start()


def _watch(run: RunDir) -> None:
    supervisor = int(os.environ[SUPERVISOR])
    while _lives(supervisor):
        beat()
        time.sleep(_GLANCE)
    if ranks_first() and not has_ended(run):
        words = "The program that supervised this training was killed: continue the run to go on."
        record_failure(run, words, started=True)
    os._exit(1)  # whatever the other threads are waiting for


def _lives(supervisor: int) -> bool:
    if os.name == "posix":
        return os.getppid() == supervisor
    import psutil

    return bool(psutil.pid_exists(supervisor))


__all__ = [
    "GRACE",
    "HEARTBEAT",
    "LOST",
    "PARTING",
    "SILENT",
    "Heartbeat",
    "beat",
    "end_with_supervisor",
    "supervise",
]
