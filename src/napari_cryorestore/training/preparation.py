"""From a recipe to tensors: opening, checking, standardising, masking; places for maps and for crops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.data.binning import binned
from napari_cryorestore.data.corners import MOST_CORNERS, keeping_off, valid_corners
from napari_cryorestore.data.crops import Box, StoredMap, TrainingVolume
from napari_cryorestore.data.imaging import (
    MeanOfMaps,
    filtered_imaging,
    grouped_maps,
    plain_imaging,
    recorded,
    required_wedge,
    standardised,
)
from napari_cryorestore.data.network_input import input_margin
from napari_cryorestore.data.slab import slab_mask
from napari_cryorestore.data.structure import structure_mask
from napari_cryorestore.hardware import free_memory
from napari_cryorestore.io.halves import LEAST_OF_MASK, empty_mask_words, require_maps
from napari_cryorestore.io.masks import with_data
from napari_cryorestore.io.tomogram import Tomogram, open_configured
from napari_cryorestore.methods import build_method
from napari_cryorestore.training.preview import fitting_crop, leaves_room, preview_box
from napari_cryorestore.training.restored_maps import judged_halves, learned_from

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cryorestore.data.crops import Groups
    from napari_cryorestore.data.network_input import Imaging, InputKind
    from napari_cryorestore.io.masks import Inside
    from napari_cryorestore.methods import Method
    from napari_cryorestore.no_data import NoData
    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.trained_on import TrainedOn

    Mask = NDArray[np.bool_]
    Say = Callable[[str], None]
    from napari_cryorestore.physics.normalize import Standardisation
    from napari_cryorestore.run_config import HardwareConfig
    from napari_cryorestore.training.restored_maps import Judged

_HALVES = 2
SINGLE_PRECISION_BELOW = 2**28
"""Voxels from which on maps are held in 16 bits."""
SHARE = 0.25
"""Share of the memory left that one map may take."""


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
    recorded : TrainedOn
        How the first tomogram was recorded.
    judged : Judged or None
        Where the maps were restored by another model: the raw halves, by which held-out numbers are measured.
    """

    volumes: tuple[TrainingVolume, ...]
    box: Box
    held_out: bool
    recorded: TrainedOn
    judged: Judged | None = None


def input_files(config: RunConfig) -> list[Path]:
    """Return the files of all tomograms of a configuration."""
    files = (path for item in config.tomograms for path in (*item.maps, item.mask))
    return [path for path in files if path is not None]


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
        Takes sentences that the user should read; those that the examination found when the run was made are
        among them in the same words.
    check : callable
        Is called every now and then, and may raise what ends the preparation.

    Raises
    ------
    ValueError
        If the data cannot be trained on, with what to do about it.
    """
    factor = config.schedule.binning
    tomograms = [binned(open_configured(item), factor) for item in config.tomograms]
    warning = different_voxels(tomograms)
    if warning:
        say(warning)
    box = preview_box(tomograms[0], config.snapshots)
    volumes = []
    learned = learned_from(tomograms, config)
    for index, tomogram in enumerate(learned):
        excluded = box if holds_out(config) and index == 0 else None
        volumes.append(_volume(tomogram, config, device, excluded=excluded, say=say, check=check))
    _tell_stored(volumes, config, say)
    judged = None
    if config.restored_by is not None:
        judged = judged_halves(tomograms[0], learned[0], build_method(config.method), volume=volumes[0])
    return Prepared(tuple(volumes), box, holds_out(config), recorded(tomograms[0]), judged)


def different_voxels(tomograms: Sequence[Tomogram]) -> str:
    """Return a sentence where the tomograms' voxel sizes differ by more than 1 %, or nothing."""
    sizes = [tomogram.voxel_size for tomogram in tomograms]
    if max(sizes) <= 1.01 * min(sizes):
        return ""
    return (
        f"The tomograms differ in voxel size ({min(sizes):.4g} to {max(sizes):.4g} Å): one network learns "
        "from all of them as if they were equal."
    )


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
    grown = box.grown(input_margin(kind), shape)
    return grown if leaves_room(grown, Box.whole(shape), crop) else box


def _volume(
    tomogram: Tomogram,
    config: RunConfig,
    device: torch.device,
    *,
    excluded: Box | None,
    say: Say,
    check: Callable[[], None],
) -> TrainingVolume:
    """Make one tomogram ready, with its own statistics, wedge and Wiener filter."""
    maps, method = tomogram.maps, build_method(config.method)
    if method.maps != 1 and len(maps) < _HALVES:
        raise ValueError(f"Training needs both half maps of {tomogram.name}: give the other half (--odd).")
    about = tomogram.name if len(config.tomograms) > 1 else ""
    files = tomogram.in_files
    for finding in require_maps(files.maps, name=about, mask=files.mask):
        if finding.severity == "warning":
            say(replace(finding, about=about).text)
    check()
    no_data = tomogram.no_data()
    check()
    imaging = _imaging(tomogram, method)
    check()
    corners = _corners(tomogram, config, mask=_training_mask(tomogram, config), excluded=excluded, say=say)
    corners = _fixed(corners, method.refill_places, seed=config.schedule.seed)
    groups = _groups(method, len(maps))
    kept = []
    for one in grouped_maps(maps, no_data, learned=groups, taken=groups):
        check()
        kept.append(place_map(one.filled, one.scale, config.hardware, device))
    check()
    on = device if device.type != "cpu" else None
    return TrainingVolume(tuple(kept), imaging, torch.from_numpy(corners), on, no_data)


def _groups(method: Method, maps: int) -> Groups:
    """Return which maps make each map of the crops, as many as the method says that it takes."""
    groups = method.to_learn_from(maps)
    if method.maps != "K" and len(groups) != method.maps:
        raise ValueError(
            f"{method.title} takes {method.maps} map(s), but makes {len(groups)} of the {maps} that there "
            "are: update the package that brings it."
        )
    return groups


def _fixed(corners: NDArray[np.int32], places: int, *, seed: int) -> NDArray[np.int32]:
    """Return a few of the corners, for a method that comes back to the same ones; all of them for others."""
    if not places or len(corners) <= places:
        return corners
    chosen = np.random.default_rng(seed).choice(len(corners), places, replace=False)
    return corners[np.sort(chosen)]


def _tell_stored(volumes: Sequence[TrainingVolume], config: RunConfig, say: Say) -> None:
    stored = sum(isinstance(volume.maps[-1], StoredMap) for volume in volumes)
    if stored and config.hardware.hold == "auto":
        of_them = f"{stored} of {len(volumes)} tomograms" if len(volumes) > 1 else "The tomogram"
        say(f"{of_them} stay(s) on disk, as there is too little memory: a slow disk slows training down.")


def _imaging(tomogram: Tomogram, method: Method) -> Imaging:
    if method.needs_wedge:
        required_wedge(tomogram, method=method.title)
    return filtered_imaging(tomogram) if method.learns_with_filter else plain_imaging(tomogram)


def _training_mask(tomogram: Tomogram, config: RunConfig) -> Mask | None:
    if tomogram.mask is not None:
        return _given_mask(tomogram, tomogram.mask, crop_of(config))
    if config.schedule.mask == "none":
        return None
    found = slab_mask if config.schedule.mask == "slab" else structure_mask
    maps: list[Any] = list(tomogram.maps)
    no_data = tomogram.no_data()
    if no_data is None:
        return found(MeanOfMaps(*maps))
    filled = [no_data.filled(one, index) for index, one in enumerate(maps)]
    return found(MeanOfMaps(*filled), no_data=no_data)


def _given_mask(tomogram: Tomogram, mask: Inside, crop: int) -> Mask:
    """Return the part of a mask that holds data; refuse a mask with too little."""
    no_data = tomogram.no_data()
    left, share = with_data(mask, no_data)
    if no_data is None:
        return left
    sentence, remedy = empty_mask_words(no_data.share, share)
    if share < LEAST_OF_MASK:
        raise ValueError(f"{tomogram.name}: {sentence} {remedy}")
    voxels = int(np.count_nonzero(left))
    if share < 1 and voxels < crop**3:
        raise ValueError(
            f"{tomogram.name}: {sentence} The {voxels} voxels left are fewer than those of one crop of "
            f"{crop} voxels a side. {remedy}"
        )
    return left


def _corners(
    tomogram: Tomogram, config: RunConfig, *, mask: Mask | None, excluded: Box | None, say: Say
) -> NDArray[np.int32]:
    method, shape, most = build_method(config.method), tomogram.shape, MOST_CORNERS // len(config.tomograms)
    crop = method.cut_size(crop_of(config))
    if excluded is not None:
        excluded = out_of_bounds(excluded, shape, crop=crop, kind=method.input_kind)
    corners = partial(_least_empty, tomogram.no_data(), shape, crop, excluded=excluded, most=most)
    if mask is not None and tomogram.mask is None:
        for fraction in (0.5, 0.25, 0.1):
            try:
                return corners(mask=mask, min_fraction=fraction)
            except ValueError:
                continue
        say("No crop lies in the automatic mask: crops are drawn from everywhere.")
        mask = None
    try:
        return corners(mask=mask)
    except ValueError as error:
        if mask is None or tomogram.no_data() is None:
            raise
        raise ValueError(f"{error} What of the mask holds no data does not count.") from error


def _least_empty(
    no_data: NoData | None, shape: tuple[int, int, int], crop: int, **more: Any
) -> NDArray[np.int32]:
    """List the corners of crops, as far as there are any of those that lie where data are."""
    corners = valid_corners(shape, crop, **more)
    if no_data is None:
        return corners
    for share in (0.0, 0.1, 0.25, 0.5):
        kept = keeping_off(corners, crop, no_data.forbidden, most=share)
        if len(kept):
            return kept
    return corners


def place_map(
    voxels: Any, scale: Standardisation, hardware: HardwareConfig, device: torch.device
) -> torch.Tensor | StoredMap:
    """Return a map in standard deviations about its mean, where `hardware.hold` says it should lie.

    By default it goes to the device if it takes at most a quarter of the memory left there, else into the
    computer's memory under the same condition, and else it stays in its file.

    Parameters
    ----------
    voxels : array, shape (z, y, x)
        Memory-mapped, or anything that can be sliced like it.
    scale : Standardisation
        Mean and deviation.
    hardware : HardwareConfig
        Says where maps shall lie, and how many processes share the computer's memory.
    device : torch.device
        Where the network is.
    """
    if hardware.hold == "disk":
        return StoredMap(voxels, scale)
    dtype = torch.float32 if voxels.size < SINGLE_PRECISION_BELOW else torch.float16
    size = voxels.size * dtype.itemsize
    if device.type != "cpu" and size <= SHARE * free_memory(device):
        return standardised(voxels, scale, dtype=dtype).to(device)
    if hardware.hold == "memory" or size <= SHARE * free_memory(torch.device("cpu")) / hardware.devices:
        return standardised(voxels, scale, dtype=dtype)
    return StoredMap(voxels, scale)


__all__ = [
    "SHARE",
    "SINGLE_PRECISION_BELOW",
    "Prepared",
    "crop_of",
    "different_voxels",
    "fitting_crop",
    "holds_out",
    "out_of_bounds",
    "place_map",
    "prepare",
    "preview_box",
]
