"""From a recipe to tensors: opening, checking, standardising, masking, and choosing the held-out block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_cryorestore.data.crops import Box, TrainingVolume, valid_corners
from napari_cryorestore.data.imaging import filtered_imaging, plain_imaging, standardised
from napari_cryorestore.data.masks import most_structured_box, structure_mask
from napari_cryorestore.io.tomogram import Tomogram, check_halves, open_tomogram
from napari_cryorestore.methods import build_method
from napari_cryorestore.physics.normalize import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_cryorestore.run_config import RunConfig, SnapshotsConfig, TomogramConfig

    Mask = NDArray[np.bool_]
    Say = Callable[[str], None]

HELD_OUT_SHARE = 0.15
"""Share of a small tomogram that is held out."""
LONGEST_PREVIEW = 96
"""Longest edge of the preview block of a large tomogram, in voxels."""


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


def prepare(config: RunConfig, device: torch.device, *, say: Say) -> Prepared:
    """Make everything ready for the first step.

    Parameters
    ----------
    config : RunConfig
        With `schedule.crop` given.
    device : torch.device
        Where the volumes shall lie, if they fit.
    say : callable
        Takes sentences that the user should read.

    Raises
    ------
    ValueError
        If the data cannot be trained on, with what to do about it.
    """
    tomograms = [open_configured(item) for item in config.tomograms]
    box = preview_box(tomograms[0], config.snapshots)
    held_out = config.snapshots.held_out != "none" and config.snapshots.every > 0
    volumes = []
    for index, tomogram in enumerate(tomograms):
        excluded = box if held_out and index == 0 else None
        volumes.append(_volume(tomogram, config, device=device, excluded=excluded, say=say))
    return Prepared(tuple(volumes), box, held_out)


def preview_box(tomogram: Tomogram, snapshots: SnapshotsConfig) -> Box:
    """Return the block that previews show: placed by hand, or where most structure is."""
    shape = tomogram.even.shape
    size = snapshots.size or preview_size(shape)
    size = tuple(min(wanted, there) for wanted, there in zip(size, shape, strict=True))
    if snapshots.position is not None:
        for axis, (at, there) in enumerate(zip(snapshots.position, shape, strict=True)):
            if not 0 <= at < there:
                raise ValueError(
                    f"the preview position {snapshots.position} lies outside the tomogram of "
                    f"{shape} voxels along {'zyx'[axis]}: choose one inside"
                )
        start = [
            int(np.clip(at - n // 2, 0, there - n))
            for at, n, there in zip(snapshots.position, size, shape, strict=True)
        ]
        return Box(tuple(start), tuple(s + n for s, n in zip(start, size, strict=True)))  # type: ignore[arg-type]
    return most_structured_box(tomogram.even, size)


def preview_size(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return a block of full thickness that takes about 15 % of a small tomogram, less of a large one."""
    z, y, x = shape
    edge = (HELD_OUT_SHARE * y * x) ** 0.5
    across, along = (min(n, max(8, int(min(edge, LONGEST_PREVIEW) // 8 * 8))) for n in (y, x))
    return min(z, LONGEST_PREVIEW), across, along


def fitting_crop(shape: tuple[int, ...], box: Box | None, *, wanted: int = 64, multiple: int = 8) -> int:
    """Return the largest crop, up to the wanted one, that fits the tomogram beside the held-out block.

    Crops take at most three quarters of the thinnest axis, so that there is more than one place for them.
    """
    room = max(16, int(0.75 * min(shape)) // multiple * multiple)
    for crop in range(min(wanted, room), 15, -multiple):
        if crop > min(shape):
            continue
        if box is None or any(
            max(box.start[axis], shape[axis] - box.stop[axis]) >= crop + 8 for axis in range(3)
        ):
            return crop
    return 16


def _volume(
    tomogram: Tomogram, config: RunConfig, *, device: torch.device, excluded: Box | None, say: Say
) -> TrainingVolume:
    odd = _odd(tomogram)
    checked = check_halves(tomogram.even, odd)
    if checked.warning:
        say(checked.warning)
    method = build_method(config.method)
    filtered = method.input_kind == "wiener+raw"
    imaging = filtered_imaging(tomogram) if filtered else plain_imaging(tomogram)
    if imaging.wedge is None and method.needs_wedge:
        raise ValueError(
            f"{method.title} needs the tilt range of {tomogram.name}: give the lowest "
            "and highest tilt angle in degrees, or put a .tlt file beside the tomogram."
        )
    mask = _training_mask(tomogram, config)
    corners = _corners(tomogram, config, mask=mask, excluded=excluded, say=say)
    dtype = torch.float32 if tomogram.even.size < 2**28 else torch.float16
    halves = [standardised(half, measure(half), dtype=dtype) for half in (tomogram.even, odd)]
    if device.type == "cuda":
        needed = sum(half.numel() * half.element_size() for half in halves)
        if needed < 0.5 * torch.cuda.mem_get_info(device)[0]:
            halves = [half.to(device) for half in halves]
    elif device.type != "cpu":
        halves = [half.to(device) for half in halves]
    even, odd_half = halves
    return TrainingVolume(even, odd_half, imaging, torch.from_numpy(corners))


def _training_mask(tomogram: Tomogram, config: RunConfig) -> Mask | None:
    if tomogram.mask is not None:
        return np.asarray(tomogram.mask) > 0
    if config.schedule.mask == "none":
        return None
    mean = (np.asarray(tomogram.even, np.float32) + np.asarray(_odd(tomogram), np.float32)) / 2
    return structure_mask(mean)


def _corners(
    tomogram: Tomogram, config: RunConfig, *, mask: Mask | None, excluded: Box | None, say: Say
) -> NDArray[np.int32]:
    crop = crop_of(config)
    if mask is not None and tomogram.mask is None:
        for fraction in (0.5, 0.25, 0.1):
            try:
                return valid_corners(
                    tomogram.even.shape, crop, mask=mask, min_fraction=fraction, excluded=excluded
                )
            except ValueError:
                continue
        say("No crop lies in the automatic mask: crops are drawn from everywhere.")
        mask = None
    return valid_corners(tomogram.even.shape, crop, mask=mask, excluded=excluded)


def crop_of(config: RunConfig) -> int:
    """Return the edge of a training crop in voxels; raises ``ValueError`` while that is left open."""
    if config.schedule.crop is None:
        raise ValueError("the crop size is open: make the run with 'create_run', which chooses it")
    return config.schedule.crop


def _odd(tomogram: Tomogram) -> NDArray[np.generic]:
    if tomogram.odd is None:
        raise ValueError(f"training needs both half maps of {tomogram.name}: give the other half")
    return tomogram.odd
