"""The files of volumes; those that only live in memory are written where training can read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_cryorestore.runs.run_dir import INPUTS_FOLDER
from napari_cryorestore.whole_file import fitting_name, unique_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_cryorestore.gui.volume import Volume


def written_inputs(volumes: Iterable[Volume], run: Path, *, voxel_size: float) -> dict[Volume, Path]:
    """Return a file for every volume; those without one are written to ``<run>/inputs``.

    Parameters
    ----------
    volumes
        What was chosen.
    run : Path
        The run folder, which need not exist yet.
    voxel_size : float
        Å.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    from napari_cryorestore.io.volume_output import write_volume
    from napari_cryorestore.io.volumes import result_suffix

    paths: dict[Volume, Path] = {}
    for volume in volumes:
        if volume.path is not None:
            paths[volume] = volume.path
            continue
        folder = run / INPUTS_FOLDER
        _make(folder)
        target = unique_path(folder / f"{file_name(volume.name)}{result_suffix()}")
        paths[volume] = write_volume(
            target, volume.data, voxel_size=voxel_size, label=f"{volume.name}, as it was in napari"
        )
    return paths


def own_paths(volumes: Iterable[Volume]) -> dict[Volume, Path]:
    """Return the file of every volume.

    Raises
    ------
    ValueError
        If one has none.
    """
    volumes = list(volumes)
    homeless = [volume.name for volume in volumes if volume.path is None]
    if homeless:
        raise ValueError(f"“{homeless[0]}” only lives in memory: save it as a file first.")
    return {volume: volume.path for volume in volumes if volume.path is not None}


def file_name(words: str) -> str:
    """Return words as they can stand in a file name on any system, with room for a suffix and a number."""
    name = re.sub(r"[^\w.+-]+", "_", words).strip("_.") or "tomogram"
    return fitting_name(name, room=16)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"The folder {folder.parent} cannot be written ({error.strerror}): choose another run folder."
        ) from error


__all__ = ["file_name", "own_paths", "written_inputs"]
