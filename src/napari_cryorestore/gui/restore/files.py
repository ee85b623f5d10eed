"""Files that become tomograms to restore, and results that become files; free of Qt and PyTorch."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from napari_cryorestore.gui.restore.queue import Subject
from napari_cryorestore.gui.volume import Volume, pair_of, tomogram_name_of
from napari_cryorestore.whole_file import whole_file

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
    volumes = [volume_from(path) for path in paths]
    subjects = []
    while volumes:
        first = volumes[0]
        even, odd = pair_of(volumes, first) or (first, None)
        subjects.append(Subject(tomogram_name_of(even), even, odd))
        volumes = [volume for volume in volumes if volume not in (even, odd)]
    return subjects


def volume_from(path: Path) -> Volume:
    """Open a file as a volume, memory-mapped."""
    from napari_cryorestore.io.mrc import read_volume

    opened = read_volume(path)
    return Volume(path.name, opened.data, path, opened.voxel_size or None)


def save_copy(result: Path, target: Path) -> Path:
    """Copy a result to a file that the user chose; it appears whole or not at all."""
    with whole_file(target) as aside:
        shutil.copyfile(result, aside)
    return target


__all__ = ["save_copy", "subjects_from", "volume_from"]
