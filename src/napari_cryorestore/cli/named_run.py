"""A run as it is typed: a folder, or a folder and a step, as in ``RUN@600``, ``RUN@newest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from napari_cryorestore.runs.chosen_step import WhichStep


STEP_WORDS = "write suggested, newest or a number"


def run_and_step(text: str) -> tuple[Path, WhichStep | None]:
    """Return the path that was typed, and the step behind its ``@``; ``None`` where none is named.

    A file or folder that is called so with the ``@`` is meant itself.

    Raises
    ------
    ValueError
        If what stands behind the ``@`` of a folder that is there names no step.
    """
    path, at, word = text.rpartition("@")
    if not (path and at) or Path(text).exists():
        return Path(text), None
    step = named_step(word)
    if step is not None:
        return Path(path), step
    if Path(path).is_dir() and "/" not in word:
        raise ValueError(f"{text} names no step: {STEP_WORDS}")
    return Path(text), None


def require_model(path: Path) -> None:
    """Raise ``FileNotFoundError`` where neither a run nor a checkpoint lies."""
    from napari_cryorestore.checkpoint import WEIGHTS

    if not path.exists():
        raise FileNotFoundError(
            f"There is no run at {path}: name a run folder, a checkpoint folder or a weights file."
        )
    if path.is_dir() and not (path / WEIGHTS).is_file() and not RunDir(path).checkpoint_steps():
        RunDir.open(path)


def named_step(word: str) -> WhichStep | None:
    """Return the step that a word names: a number, ``suggested`` or ``newest``; ``None`` for other words."""
    if word == "suggested":
        return "suggested"
    if word == "newest":
        return "newest"
    return int(word) if word.isascii() and word.isdecimal() else None


__all__ = ["STEP_WORDS", "named_step", "require_model", "run_and_step"]
