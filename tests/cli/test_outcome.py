"""Exit codes and sentences of errors."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.cli.outcome import BAD_INPUT, FAILED, INTERRUPTED, CommandError, exit_code, words
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
