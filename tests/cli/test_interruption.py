"""Ctrl-C and SIGTERM as requests."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from napari_cryorestore.cli.interruption import on_interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks(number: int) -> None:
    asked: list[str] = []
    before = signal.getsignal(number)
    with on_interruption(lambda: asked.append("once")):
        os.kill(os.getpid(), number)
    assert asked == ["once"]
    assert signal.getsignal(number) is before


hangups = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no such signal")


@hangups
def test_the_end_of_the_terminal_asks_however_often_it_is_told() -> None:
    asked: list[str] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with on_interruption(lambda: asked.append("once")):
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
    assert asked == ["once"]


@hangups
def test_who_began_with_nohup_goes_on() -> None:
    asked: list[str] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with on_interruption(lambda: asked.append("never")):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert asked == []


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_interrupts_and_so_does_the_third(first: int, second: int) -> None:
    asked: list[str] = []
    interrupted: list[str] = []
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def again() -> None:
        with on_interruption(lambda: asked.append("once")):
            os.kill(os.getpid(), first)
            for _ in range(2):
                try:
                    os.kill(os.getpid(), second)
                    time.sleep(5)
                except KeyboardInterrupt:
                    interrupted.append("at once")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again()
    assert asked == ["once"]
    assert interrupted == ["at once"] * 2
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_hear_no_signals() -> None:
    done: list[str] = []

    def work() -> None:
        with on_interruption(lambda: None):
            done.append("worked")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["worked"]
