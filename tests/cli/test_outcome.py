"""Exit codes and sentences of errors."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.cli.outcome import (
    BAD_INPUT,
    FAILED,
    INTERRUPTED,
    CommandError,
    exit_code,
    on_interruption,
    words,
)
from napari_cryorestore.simulation import SimulationConfig

if TYPE_CHECKING:
    from pathlib import Path


def invalid() -> BaseException:
    try:
        SimulationConfig(size=3)
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ValueError("too\n  small"), BAD_INPUT, "too small"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.mrc"), BAD_INPUT, "a.mrc: No such file"),
        (PermissionError("choose another folder"), BAD_INPUT, "choose another folder"),
        (OSError(errno.ENOSPC, "No space left"), FAILED, "No space left"),
        (RuntimeError(), FAILED, "RuntimeError"),
        (KeyError("x"), FAILED, "KeyError: 'x'"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted before it was done"),
        (CommandError("no run", code=BAD_INPUT), BAD_INPUT, "no run"),
        (CommandError("failed"), FAILED, "failed"),
    ],
)
def test_code_and_sentence(error: BaseException, code: int, sentence: str) -> None:
    assert (exit_code(error), words(error)) == (code, sentence)


def test_a_validation_error_names_field_and_value() -> None:
    error = invalid()
    assert exit_code(error) == BAD_INPUT
    assert words(error) == "size: Input should be greater than or equal to 32 (given: 3)"


def test_a_missing_file_as_python_says_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "gone").read_text(encoding="utf-8")
    assert words(caught.value) == f"{tmp_path / 'gone'}: No such file or directory"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_requests_the_end(number: int) -> None:
    calls: list[str] = []
    before = signal.getsignal(number)
    with on_interruption(lambda: calls.append("once")):
        os.kill(os.getpid(), number)
    assert calls == ["once"]
    assert signal.getsignal(number) is before


hangups = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no such signal")


@hangups
def test_the_end_of_the_terminal_requests_the_end_however_often_it_comes() -> None:
    calls: list[str] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with on_interruption(lambda: calls.append("once")):
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
    assert calls == ["once"]


@hangups
def test_who_began_with_nohup_goes_on() -> None:
    calls: list[str] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with on_interruption(lambda: calls.append("never")):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert calls == []


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_interrupts_and_so_does_the_third(first: int, second: int) -> None:
    calls: list[str] = []
    interrupted: list[str] = []
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def again() -> None:
        with on_interruption(lambda: calls.append("once")):
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
    assert calls == ["once"]
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
