"""The plain values of a run's recipe, from what is chosen in the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.named_volume import own_paths, written_inputs
from napari_cryorestore.gui.train.preview_place import snapshots_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.gui.train.model import TrainModel


def written_paths(model: TrainModel, run: Path) -> dict[NamedVolume, Path]:
    """Return a file for every volume chosen; those without one are written into the run folder.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    paths: dict[NamedVolume, Path] = {}
    for choice in _choices(model):
        paths |= written_inputs(choice.volumes, run, voxel_size=choice.known_voxel_size or 0.0)
    return paths


def known_paths(model: TrainModel) -> dict[NamedVolume, Path]:
    """Return the file of every volume chosen.

    Raises
    ------
    ValueError
        If one has none.
    """
    return own_paths([volume for choice in _choices(model) for volume in choice.volumes])


def content_of(model: TrainModel, paths: dict[NamedVolume, Path]) -> dict[str, Any]:
    """Return the values of a `RunConfig`, not validated yet.

    Parameters
    ----------
    model : TrainModel
        With recipes.
    paths : dict of NamedVolume to Path
        The file of every volume chosen.
    """
    choice, sections = model.choice, model.sections
    shape: Sequence[int] = choice.even.shape if choice.even is not None else (1, 1, 1)
    return {
        "tomograms": [
            choice.to_plain(paths, name=model.tomogram_name),
            *(item.to_plain(paths) for item in model.further_tomograms),
        ],
        "snapshots": snapshots_at(sections["snapshots"], model.place, shape=shape, position=model.position),
        "from_checkpoint": model.from_checkpoint,
        **{name: sections[name] for name in ("method", "network", "schedule", "hardware")},
    }


def _choices(model: TrainModel) -> list[DataChoice]:
    return [model.choice, *(item.choice for item in model.further_tomograms)]


__all__ = ["content_of", "known_paths", "written_paths"]
