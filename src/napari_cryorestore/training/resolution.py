"""Filling in what a recipe leaves open, so that what is written is what ran."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.io.tomogram import check_halves
from napari_cryorestore.networks import build_network
from napari_cryorestore.training.preparation import fitting_crop, open_configured, preview_box

if TYPE_CHECKING:
    from napari_cryorestore.run_config import RunConfig, TomogramConfig


def resolved(config: RunConfig) -> RunConfig:
    """Return the recipe with absolute paths, voxel sizes, tilt ranges, names, preview block and crop given.

    Raises
    ------
    ValueError
        If the tomograms cannot be used.
    """
    tomograms = tuple(_resolved_tomogram(item) for item in config.tomograms)
    first = open_configured(tomograms[0])
    box = preview_box(first, config.snapshots)
    held_out = config.snapshots.held_out != "none" and config.snapshots.every > 0
    middle = tuple((start + stop) // 2 for start, stop in zip(box.start, box.stop, strict=True))
    snapshots = config.snapshots.model_copy(update={"position": middle, "size": box.shape})
    crop = config.schedule.crop
    if crop is None:
        multiple = build_network(config.network, channels=1, seed=0).size_multiple
        crop = fitting_crop(first.even.shape, box if held_out else None, multiple=multiple)
    source = config.from_checkpoint
    return config.model_copy(
        update={
            "tomograms": tomograms,
            "snapshots": snapshots,
            "schedule": config.schedule.model_copy(update={"crop": crop}),
            "from_checkpoint": None if source is None else _absolute(source),
        }
    )


def _resolved_tomogram(config: TomogramConfig) -> TomogramConfig:
    tomogram = open_configured(config)
    if tomogram.odd is not None:
        check_halves(tomogram.even, tomogram.odd)
    return config.model_copy(
        update={
            "even": _absolute(config.even),
            "odd": None if config.odd is None else _absolute(config.odd),
            "mask": None if config.mask is None else _absolute(config.mask),
            "name": tomogram.name,
            "voxel_size": tomogram.voxel_size,
            "tilt_min": tomogram.tilt_min,
            "tilt_max": tomogram.tilt_max,
        }
    )


def _absolute(path: Path) -> Path:
    return Path(path).expanduser().resolve()
