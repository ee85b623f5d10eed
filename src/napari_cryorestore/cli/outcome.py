"""How a command ends: an exit code, one sentence where something is wrong, and Ctrl-C as a polite request."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_BAD_INPUT = (
    ValueError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)


class CommandError(Exception):
    """A command ends with a sentence of its own.

    Parameters
    ----------
    message : str
        The sentence.
    code : int
        The exit code.
    """

    def __init__(self, message: str, *, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def exit_code(error: BaseException) -> int:
    """Return 2 where the user's input is at fault, 130 where the user interrupted, 1 for everything else."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return BAD_INPUT if isinstance(error, _BAD_INPUT) else FAILED


def words(error: BaseException) -> str:
    """Return an error as one line that a user can act on."""
    from pydantic import ValidationError

    from napari_cryorestore.config import sentence

    if isinstance(error, ValidationError):
        return sentence(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted before it was done"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    message = " ".join(str(error).split())
    known = isinstance(error, (*_BAD_INPUT, CommandError, OSError, RuntimeError, ImportError))
    return message if message and known else f"{type(error).__name__}: {message}".rstrip(": ")


@contextmanager
def on_interruption(request_end: Callable[[], None]) -> Iterator[None]:
    """Call `request_end` at the first Ctrl-C, SIGTERM or SIGHUP; the next of the first two raises.

    SIGHUP comes with the end of the terminal, often twice: it never raises, and is not heard where it was
    ignored before, as with ``nohup``.

    Raises
    ------
    KeyboardInterrupt
        At the second one, whichever of the two it is, so that what was begun is cleared away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    heard: list[int] = list(_SIGNALS)
    if _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:
        heard.append(_HANGUP)
    before = {number: signal.getsignal(number) for number in heard}

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    def hear(number: int, frame: Any) -> None:
        for each in heard:
            signal.signal(each, signal.SIG_IGN if each == _HANGUP else interrupt)
        request_end()

    for number in heard:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = [
    "BAD_INPUT",
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "CommandError",
    "exit_code",
    "on_interruption",
    "words",
]
