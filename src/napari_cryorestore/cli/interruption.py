"""Ctrl-C and SIGTERM as a polite request; asking twice ends the program at once."""

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
    """Call `ask` at the first Ctrl-C or SIGTERM within the block; the second one raises as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def hear(number: int, frame: Any) -> None:
        restore_handlers()
        ask()

    def restore_handlers() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in _SIGNALS:
        signal.signal(number, hear)
    try:
        yield
    finally:
        restore_handlers()


__all__ = ["on_interruption"]
