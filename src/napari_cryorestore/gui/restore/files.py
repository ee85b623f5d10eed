"""Files that become tomograms to restore, and results that become files; free of Qt and PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.gui.named_volume import paired_volumes, tomogram_name_of
from napari_cryorestore.gui.restore.queue import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def subjects_from(paths: Iterable[Path]) -> list[Subject]:
    """Open files and pair those that are halves of one tomogram.

    Raises
    ------
    ValueError, OSError
        If one cannot be read, with one sentence.
    """
    return [Subject(tomogram_name_of(even), even, odd) for even, odd in paired_volumes(paths)]


def save_copy(result: Path, target: Path) -> Path:
    """Copy a result to a file that the user chose; it appears whole or not at all."""
    from napari_cryorestore.io.volume_output import copy_volume

    return copy_volume(result, target)


def saved_words(path: Path) -> str:
    """Return that a file was saved, and what its format could not hold."""
    from napari_cryorestore.io.volume_output import losses

    return " ".join((f"Saved {path.name}.", *(finding.sentence for finding in losses(path))))


__all__ = ["save_copy", "saved_words", "subjects_from"]
