"""A run as it is typed: a folder, or a folder and a step, as in ``RUN@600``, ``RUN@newest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_cryorestore.runs.chosen_step import WhichStep


def run_and_step(text: str) -> tuple[Path, WhichStep | None]:
    """Return the path that was typed, and the step behind its ``@``; ``None`` where none is named.

    A file or folder that is called so with the ``@`` is meant itself.
    """
    path, at, word = text.rpartition("@")
    step = named_step(word) if path and at else None
    return (Path(text), None) if step is None or Path(text).exists() else (Path(path), step)


def named_step(word: str) -> WhichStep | None:
    """Return the step that a word names: a number, ``suggested`` or ``newest``; ``None`` for other words."""
    if word == "suggested":
        return "suggested"
    if word == "newest":
        return "newest"
    return int(word) if word.isascii() and word.isdecimal() else None


__all__ = ["named_step", "run_and_step"]
