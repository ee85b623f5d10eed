"""Files opened as volumes without a layer, paired by their names; free of Qt and PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.gui.volume import Volume, pair_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def volume_from(path: Path) -> Volume:
    """Open a file as a volume, memory-mapped.

    Raises
    ------
    ValueError, OSError
        If it cannot be read, with one sentence.
    """
    from napari_cryorestore.io.volumes import open_volume

    opened = open_volume(path)
    return Volume(path.name, opened.data, path, opened.voxel_size or None)


def paired_volumes(paths: Iterable[Path]) -> list[tuple[Volume, Volume | None]]:
    """Open files and pair those that are halves of one tomogram.

    Returns
    -------
    list of (Volume, Volume or None)
        Half 1 and half 2, or a volume without a partner, in the order of the files.

    Raises
    ------
    ValueError, OSError
        If one cannot be read, with one sentence.
    """
    left = [volume_from(path) for path in paths]
    found: list[tuple[Volume, Volume | None]] = []
    while left:
        pair: tuple[Volume, Volume | None] = pair_of(left, left[0]) or (left[0], None)
        found.append(pair)
        left = [volume for volume in left if volume not in pair]
    return found


__all__ = ["paired_volumes", "volume_from"]
