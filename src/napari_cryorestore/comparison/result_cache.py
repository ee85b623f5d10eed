"""Results computed one after another in a thread, and kept for as long as there is room."""

from __future__ import annotations

import threading
import traceback
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_cryorestore.background import ThreadWork

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable


@dataclass(frozen=True, eq=False)
class Job:
    """Something to compute.

    Attributes
    ----------
    key : hashable
        What the result is kept under.
    compute : callable
        Called with a `Watch`; must not touch widgets.
    size : callable
        The bytes that a result takes.
    """

    key: Hashable
    compute: Callable[[Watch], Any]
    size: Callable[[Any], int] = field(default=lambda result: 0)


class Watch:
    """What a running job looks at, and where it notes how much is done."""

    def __init__(self, is_requested: Callable[[], bool]) -> None:
        self._is_requested = is_requested
        self.share = 0.0

    def cancelled(self) -> bool:
        """Tell whether the result is no longer requested."""
        return not self._is_requested()

    def progress(self, share: float) -> None:
        """Note how much is done, 0 to 1."""
        self.share = share


@dataclass(frozen=True)
class Failure:
    """Why a job failed: for the user, and for the developers."""

    error: BaseException
    details: str


class ResultCache:
    """Computes what is requested and not there yet; stops what is no longer requested.

    Parameters
    ----------
    name : str
        Of its threads.
    most_bytes : int
        What the results may take; of those that are not requested now, the ones looked up longest ago are
        forgotten first.

    Attributes
    ----------
    ready : callable
        Called in the computing thread whenever a job has ended.
    began : callable
        Called with the cache whenever it begins to compute.
    """

    def __init__(self, name: str, most_bytes: int = 256 << 20) -> None:
        self.ready: Callable[[], None] = lambda: None
        self.began: Callable[[ResultCache], None] = lambda work: None
        self._name, self._most_bytes = name, most_bytes
        self._results: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._failures: dict[Hashable, Failure] = {}
        self._requested: list[Job] = []
        self._current: tuple[Hashable, Watch] | None = None
        self._lock = threading.Lock()
        self._thread: ThreadWork | None = None
        self._stopping = False

    def request(self, jobs: Iterable[Job]) -> None:
        """Compute these, in this order, where they are not there yet; stop all others."""
        with self._lock:
            self._requested = list(jobs)
            begins = self._thread is None and self._next() is not None
            if begins:
                self._stopping = False
                self._thread = ThreadWork(self._name, self._work)
        if begins:
            self.began(self)

    def get(self, key: Hashable) -> Any:
        """Return a result, or ``None`` if it is not there."""
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return self._results[key][0]

    def failure(self, key: Hashable) -> Failure | None:
        """Return why a job failed; it is not tried again before `forget_failures`."""
        return self._failures.get(key)

    def forget_failures(self) -> None:
        """Try again what has failed, when it is requested again."""
        self._failures.clear()

    def share(self, key: Hashable) -> float | None:
        """Return how much of a job is done while it goes on, 0 to 1; else ``None``."""
        current = self._current
        return current[1].share if current is not None and current[0] == key else None

    # As work that ends before the program does -------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether something is being computed."""
        thread = self._thread
        return thread is not None and thread.alive

    def stop(self) -> None:
        """Stop what is being computed."""
        self._stopping = True

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end, at most so many seconds, and tell whether it came."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self.alive

    # How it works ------------------------------------------------------------------------------------

    def _next(self) -> Job | None:
        missing = (
            job for job in self._requested if job.key not in self._results and job.key not in self._failures
        )
        return next(missing, None)

    def _is_requested(self, key: Hashable) -> bool:
        with self._lock:
            return not self._stopping and any(job.key == key for job in self._requested)

    def _work(self) -> None:
        while True:
            with self._lock:
                job = None if self._stopping else self._next()
                if job is None:
                    self._thread = None
                    return
            self._compute(job)
            self.ready()

    def _compute(self, job: Job) -> None:
        watch = Watch(lambda: self._is_requested(job.key))
        self._current = job.key, watch
        try:
            result = job.compute(watch)
        except BaseException as error:  # noqa: BLE001  nothing catches it in a thread; `failure` returns it
            if not watch.cancelled():
                self._failures[job.key] = Failure(error, traceback.format_exc())
        else:
            self._keep(job, result)
        self._current = None

    def _keep(self, job: Job, result: Any) -> None:
        with self._lock:
            self._results[job.key] = result, job.size(result)
            kept = {job.key for job in self._requested}  # to forget one of these would be to make it again
            for key in [key for key in self._results if key not in kept]:
                if sum(size for _, size in self._results.values()) <= self._most_bytes:
                    break
                del self._results[key]


__all__ = ["Failure", "Job", "ResultCache", "Watch"]
