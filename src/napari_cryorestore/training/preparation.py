"""From a recipe to tensors: opening, checking, standardising, masking, and finding places for crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.data.crops import Box, TrainingVolume, valid_corners
from napari_cryorestore.data.imaging import (
    MeanOfHalves,
    filtered_imaging,
    plain_imaging,
    required_wedge,
    standardised,
)
from napari_cryorestore.data.inputs import margin_of
from napari_cryorestore.data.masks import structure_mask
from napari_cryorestore.hardware import free_memory
from napari_cryorestore.io.tomogram import Tomogram, check_halves, open_tomogram
from napari_cryorestore.methods import build_method
from napari_cryorestore.physics.normalize import measure
from napari_cryorestore.training.places import fitting_crop, leaves_room, preview_box

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_cryorestore.data.inputs import Imaging, InputKind
    from napari_cryorestore.run_config import RunConfig, TomogramConfig

    Mask = NDArray[np.bool_]
    Say = Callable[[str], None]

_SINGLE_PRECISION_BELOW = 2**28
"""Voxels from which on volumes are held in 16 bits."""


@dataclass(frozen=True)
class Prepared:
    """What training needs of the tomograms.

    Attributes
    ----------
    volumes : tuple of TrainingVolume
        The tomograms; the first one is previewed.
    box : Box
        The preview block in the first one.
    held_out : bool
        Whether no crop touches that block, so that numbers from it can be trusted.
    """

    volumes: tuple[TrainingVolume, ...]
    box: Box
    held_out: bool


def open_configured(config: TomogramConfig) -> Tomogram:
    """Open a tomogram as a configuration names it."""
    given = (config.tilt_min, config.tilt_max)
    return open_tomogram(
        config.even,
        odd=config.odd,
        mask=config.mask,
        voxel_size=config.voxel_size,
        tilt_range=None if given[0] is None or given[1] is None else (given[0], given[1]),
        tilt_axis=config.tilt_axis,
        name=config.name,
    )


def holds_out(config: RunConfig) -> bool:
    """Tell whether the preview block is kept out of training."""
    return config.snapshots.held_out != "none" and config.snapshots.every > 0


def prepare(
    config: RunConfig, device: torch.device, *, say: Say, check: Callable[[], None] = lambda: None
) -> Prepared:
    """Make everything ready for the first step.

    Parameters
    ----------
    config : RunConfig
        With `schedule.crop` given.
    device : torch.device
        Where the volumes shall lie, if they fit.
    say : callable
        Takes sentences that the user should read.
    check : callable
        Is called every now and then, and may raise what ends the preparation.

    Raises
    ------
    ValueError
        If the data cannot be trained on, with what to do about it.
    """
    tomograms = [open_configured(item) for item in config.tomograms]
    box = preview_box(tomograms[0], config.snapshots)
    volumes = []
    for index, tomogram in enumerate(tomograms):
        excluded = box if holds_out(config) and index == 0 else None
        even, odd = tomogram.even, _odd(tomogram)
        checked = check_halves(even, odd)
        if checked.warning:
            say(checked.warning)
        check()
        imaging = _imaging(tomogram, config)
        check()
        corners = _corners(
            tomogram, config, mask=_training_mask(tomogram, config), excluded=excluded, say=say
        )
        check()
        first = _on_device(even, device)
        check()
        volumes.append(TrainingVolume(first, _on_device(odd, device), imaging, torch.from_numpy(corners)))
        check()
    return Prepared(tuple(volumes), box, holds_out(config))


def crop_of(config: RunConfig) -> int:
    """Return the edge of a training crop in voxels; raises ``ValueError`` while that is left open."""
    if config.schedule.crop is None:
        raise ValueError("the crop size is open: make the run with 'create_run', which chooses it")
    return config.schedule.crop


def out_of_bounds(box: Box, shape: tuple[int, ...], *, crop: int, kind: InputKind) -> Box:
    """Return what crops must keep off so that none sees the held-out block.

    For the Wiener-filtered input that is the block and the margin from which the filter draws, unless no crop
    would be left beside it: then crops come close enough for the filter to reach the block's edge, which they
    still neither contain nor are compared with.
    """
    grown = box.grown(margin_of(kind), shape)
    return grown if leaves_room(grown, shape, crop) else box


def _imaging(tomogram: Tomogram, config: RunConfig) -> Imaging:
    method = build_method(config.method)
    if method.needs_wedge:
        required_wedge(tomogram, method=method.title)
    return filtered_imaging(tomogram) if method.input_kind == "wiener+raw" else plain_imaging(tomogram)


def _on_device(half: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Return a standardised half, on the device if it takes less than a quarter of the free memory there."""
    dtype = torch.float32 if half.size < _SINGLE_PRECISION_BELOW else torch.float16
    volume = standardised(half, measure(half), dtype=dtype)
    if device.type == "cpu" or volume.nbytes > 0.25 * free_memory(device):
        return volume
    return volume.to(device)


def _training_mask(tomogram: Tomogram, config: RunConfig) -> Mask | None:
    if tomogram.mask is not None:
        return np.asarray(tomogram.mask) > 0
    if config.schedule.mask == "none":
        return None
    mean: Any = MeanOfHalves(tomogram.even, _odd(tomogram))
    return structure_mask(mean)


def _corners(
    tomogram: Tomogram, config: RunConfig, *, mask: Mask | None, excluded: Box | None, say: Say
) -> NDArray[np.int32]:
    crop, shape = crop_of(config), tomogram.shape
    if excluded is not None:
        excluded = out_of_bounds(excluded, shape, crop=crop, kind=build_method(config.method).input_kind)
    if mask is not None and tomogram.mask is None:
        for fraction in (0.5, 0.25, 0.1):
            try:
                return valid_corners(shape, crop, mask=mask, min_fraction=fraction, excluded=excluded)
            except ValueError:
                continue
        say("No crop lies in the automatic mask: crops are drawn from everywhere.")
        mask = None
    return valid_corners(shape, crop, mask=mask, excluded=excluded)


def _odd(tomogram: Tomogram) -> NDArray[np.generic]:
    if tomogram.odd is None:
        raise ValueError(f"Training needs both half maps of {tomogram.name}: give the other half.")
    return tomogram.odd


__all__ = [
    "Prepared",
    "crop_of",
    "fitting_crop",
    "holds_out",
    "open_configured",
    "out_of_bounds",
    "prepare",
    "preview_box",
]
