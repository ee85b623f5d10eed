"""Ctrl-C, SIGTERM and the terminal's end as a polite request; asking twice ends the command at once."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)


@contextmanager
def on_interruption(ask: Callable[[], None]) -> Iterator[None]:
    """Call `ask` at the first Ctrl-C, SIGTERM or SIGHUP within the block; the next of the first two raises.

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
        ask()

    for number in heard:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["on_interruption"]
