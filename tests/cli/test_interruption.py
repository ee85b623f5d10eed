"""Ctrl-C and SIGTERM as requests."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.cli.interruption import on_interruption

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks(number: int) -> None:
    asked: list[str] = []
    before = signal.getsignal(number)
    with on_interruption(lambda: asked.append("once")):
        os.kill(os.getpid(), number)
    assert asked == ["once"]
    assert signal.getsignal(number) is before


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Hear Ctrl-C even where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_the_second_signal_interrupts() -> None:
    asked: list[str] = []

    def twice() -> None:
        with on_interruption(lambda: asked.append("once")):
            os.kill(os.getpid(), signal.SIGINT)
            while not asked:  # two at once would count as one
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert asked == ["once"]


def test_other_threads_hear_no_signals() -> None:
    done: list[str] = []

    def work() -> None:
        with on_interruption(lambda: None):
            done.append("worked")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["worked"]
