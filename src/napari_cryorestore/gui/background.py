"""Functions that run in threads, whose answers wait until somebody asks for them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class _Task:
    function: Callable[[], Any]
    answer: Callable[[Any], None]
    failure: Callable[[BaseException], None]
    outcome: Callable[[], None] | None = None
    thread: threading.Thread | None = field(default=None, repr=False)

    def run(self) -> None:
        try:
            result = self.function()
        except BaseException as error:  # noqa: BLE001  handed to whoever asked; a thread has nobody to raise to
            self.outcome = _bound(self.failure, error)
        else:
            self.outcome = _bound(self.answer, result)


class Background:
    """Runs at most one function per name at a time; a newer one of that name makes the older's answer void.

    Answers are delivered by `poll`, in the thread that calls it: Qt stays in its own thread.
    """

    def __init__(self) -> None:
        self._running: dict[str, _Task] = {}
        self._next: dict[str, _Task] = {}

    def start(
        self,
        name: str,
        function: Callable[[], Any],
        *,
        answer: Callable[[Any], None],
        failure: Callable[[BaseException], None],
    ) -> None:
        """Run a function in a thread, after the one of the same name that may still be running.

        Parameters
        ----------
        name
            What it is; of several waiting under one name only the latest is run.
        function
            Must not touch widgets.
        answer, failure
            Called by `poll` with the result, or with what was raised.
        """
        task = _Task(function, answer, failure)
        if name in self._running:
            self._next[name] = task
        else:
            self._launch(name, task)

    def busy(self, name: str | None = None) -> bool:
        """Tell whether a function, or the one of that name, has not been answered yet."""
        return bool(self._running) if name is None else name in self._running

    def poll(self) -> None:
        """Deliver the answers that have arrived."""
        for name, task in list(self._running.items()):
            if task.outcome is None:
                continue
            del self._running[name]
            successor = self._next.pop(name, None)
            if successor is not None:
                self._launch(name, successor)
            else:
                task.outcome()

    def forget(self) -> None:
        """Deliver nothing more."""
        self._next.clear()
        self._running.clear()

    def _launch(self, name: str, task: _Task) -> None:
        self._running[name] = task
        # not a daemon: the interpreter must not end while a thread is inside PyTorch
        task.thread = threading.Thread(target=task.run, name=f"cryorestore {name}")
        task.thread.start()


def _bound(function: Callable[[Any], None], argument: Any) -> Callable[[], None]:
    return lambda: function(argument)


__all__ = ["Background"]
