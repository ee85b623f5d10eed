"""How a command ends: an exit code, and one sentence where something is wrong."""

from __future__ import annotations

from pydantic import ValidationError

from napari_cryorestore.config import sentence

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

_BAD_INPUT = (
    ValueError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


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
    if isinstance(error, ValidationError):
        return sentence(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted before it was done"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    message = " ".join(str(error).split())
    known = isinstance(error, (*_BAD_INPUT, CommandError, OSError, RuntimeError, ImportError))
    return message if message and known else f"{type(error).__name__}: {message}".rstrip(": ")


__all__ = ["BAD_INPUT", "DONE", "FAILED", "INTERRUPTED", "CommandError", "exit_code", "words"]
