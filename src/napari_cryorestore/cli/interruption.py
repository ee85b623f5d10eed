"""Ctrl-C and SIGTERM as a polite request; asking twice ends the command at once."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_interruption(ask: Callable[[], None]) -> Iterator[None]:
    """Call `ask` at the first Ctrl-C or SIGTERM within the block; each one after it raises.

    Raises
    ------
    KeyboardInterrupt
        At the second one, whichever of the two it is, so that what was begun is cleared away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    def hear(number: int, frame: Any) -> None:
        for each in _SIGNALS:
            signal.signal(each, interrupt)
        ask()

    for number in _SIGNALS:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["on_interruption"]
