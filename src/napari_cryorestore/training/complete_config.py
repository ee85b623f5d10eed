"""Filling in what a recipe leaves open, so that what is written is what ran."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.checkpoint import load_checkpoint, load_into, weights_file
from napari_cryorestore.data.binning import binned
from napari_cryorestore.data.corners import no_room_to_turn, valid_corners
from napari_cryorestore.data.network_input import PADDING
from napari_cryorestore.examination import UNUSABLE, examine
from napari_cryorestore.findings import Finding
from napari_cryorestore.io.pair_search import distinct_names
from napari_cryorestore.io.pairing import tomogram_name
from napari_cryorestore.io.tomogram import open_configured
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import build_method, reservations
from napari_cryorestore.networks import build_network, sizes_of
from napari_cryorestore.training.preparation import holds_out
from napari_cryorestore.training.preview import (
    SMALLEST_BLOCK,
    data_bounds,
    fitting_crop,
    least_crop,
    preview_box,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_cryorestore.data.crops import Box
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.networks.module import Network
    from napari_cryorestore.run_config import RunConfig, TomogramConfig

_LARGEST_RATIO = 1.1
"""Of the voxel sizes of tomograms that are learned from together."""
_RESTORED = re.compile(r"denois|isonet|cryo-?care|icecream|dewedg|topaz|cryosamba|cryolithe", re.IGNORECASE)
_WORTHWHILE_CROP = 32
"""A preview block that nobody placed moves aside rather than push the crops below this edge, in voxels."""


def complete_config(
    config: RunConfig, *, tell: Callable[[Finding], None] = lambda finding: None
) -> RunConfig:
    """Return the recipe with absolute paths, voxel sizes, tilts, names, preview block and crop given.

    Parameters
    ----------
    config : RunConfig
        As typed. Of several tomograms, those whose volumes are of no use are left out.
    tell : callable
        Is told what the user should know before the first step.

    Raises
    ------
    ValueError, OSError
        If the tomograms or the weights to start from cannot be used, with what to do about it.
    """
    config, tomograms = _examined(_named(config), tell)
    method = build_method(config.method)
    for tomogram in tomograms:
        _require_room(tomogram, method.cut_size(least_crop(sizes_of(config.network))))
    _require_alike(tomograms, config)
    told = (*reservations(config.method, config.network), *_split_twice(config), *_restored_already(config))
    for finding in told:
        tell(finding)
    network = build_network(config.network, channels=method.channels, seed=0)
    crop, box = _places(tomograms, config, method.cut_size)
    for index, tomogram in enumerate(tomograms):
        excluded = box if index == 0 and holds_out(config) else None
        if crop <= min(tomogram.shape):
            problem = no_room_to_turn(tomogram.shape, crop, method.cut_size, title=method.title)
            if problem:
                raise ValueError(problem)
        valid_corners(tomogram.shape, method.cut_size(crop), excluded=excluded)
    z, y, x = ((start + stop) // 2 for start, stop in zip(box.start, box.stop, strict=True))
    return config.model_copy(
        update={
            "tomograms": tuple(map(_completed, config.tomograms, tomograms)),
            "snapshots": config.snapshots.model_copy(update={"position": (z, y, x), "size": box.shape}),
            "schedule": config.schedule.model_copy(update={"crop": crop}),
            "from_checkpoint": _fitting_weights(config.from_checkpoint, network),
        }
    )


def _named(config: RunConfig) -> RunConfig:
    """Return the recipe with a name of its own for every tomogram: messages and files are called after it."""
    names = [item.name or tomogram_name(item.even) for item in config.tomograms]
    told = distinct_names(names, [item.even for item in config.tomograms])
    named = [
        item.model_copy(update={"name": name}) for item, name in zip(config.tomograms, told, strict=True)
    ]
    return config.model_copy(update={"tomograms": tuple(named)})


def _examined(config: RunConfig, tell: Callable[[Finding], None]) -> tuple[RunConfig, list[Tomogram]]:
    """Return the tomograms that can be learned from, with the tilts in force."""
    needs_wedge, count = build_method(config.method).needs_wedge, len(config.tomograms)
    used, tomograms = [], []
    for item in config.tomograms:
        found = examine(open_configured(item), needs_wedge=needs_wedge)
        spoiled = next((finding for finding in found.problems if finding.topic in UNUSABLE), None)
        if spoiled is not None and count > 1:  # the others go on
            tell(replace(spoiled, severity="warning", remedy=f"{spoiled.remedy} It is left out.".strip()))
            count -= 1
            continue
        found.require_usable()
        for finding in found.findings:
            tell(replace(finding, about=finding.about if len(config.tomograms) > 1 else ""))
        used.append(item)
        tomograms.append(binned(found.tomogram, config.schedule.binning))
    if config.schedule.binning > 1:
        tell(_binned_words(tomograms[0]))
    return config.model_copy(update={"tomograms": tuple(used)}), tomograms


def _binned_words(tomogram: Tomogram) -> Finding:
    large, small = tomogram.voxel_size, tomogram.in_files.voxel_size
    sentence = (
        f"The maps are binned by {tomogram.binning}: the network learns from voxels of {large:.4g} Å instead "
        f"of {small:.4g} Å, and restores such voxels."
    )
    return Finding("note", "binning", sentence)


def _require_room(tomogram: Tomogram, least: int) -> None:
    thinnest = min(tomogram.shape)
    if thinnest < least and tomogram.binning > 1:
        raise ValueError(
            f"{tomogram.name} is only {thinnest} voxels thin {tomogram.shape} when binned by "
            f"{tomogram.binning}, but a training crop has at least {least}: bin it less, or choose a "
            "thicker one."
        )
    if thinnest < least:
        raise ValueError(
            f"{tomogram.name} is only {min(tomogram.shape)} voxels thin {tomogram.shape}, but a training "
            f"crop has at least {least}: choose a thicker tomogram or one with smaller voxels."
        )


def _require_alike(tomograms: list[Tomogram], config: RunConfig) -> None:
    """Refuse tomograms that one network cannot learn from together, or that are one and the same."""
    sizes = [tomogram.voxel_size for tomogram in tomograms]
    if max(sizes) > _LARGEST_RATIO * min(sizes):
        small, large = (tomograms[sizes.index(pick(sizes))] for pick in (min, max))
        raise ValueError(
            f"{small.name} has voxels of {small.voxel_size:.4g} Å, {large.name} of {large.voxel_size:.4g} Å: "
            "a network learns shapes in voxels, so bin the tomograms alike, or train on each kind by itself."
        )
    seen: set[Path] = set()
    for item in config.tomograms:
        for path in map(_absolute, item.maps):
            if path in seen:
                raise ValueError(f"{path.name} is given twice: name every tomogram once.")
            seen.add(path)


def _split_twice(config: RunConfig) -> Iterator[Finding]:
    """Tell of pairs that split the first tomogram in another way: they show what is held out of it."""
    first, *others = config.tomograms
    for item in others if holds_out(config) else ():
        if _unsplit(item) == _unsplit(first):
            sentence = (
                f"{first.even.name} and {item.even.name} seem to be of one tomogram, split in two ways: the "
                "block held out of one is learned from in the other, so held-out agreement reads too high."
            )
            yield Finding("warning", "held-out block", sentence, "Train on one of the two pairs.")


def _restored_already(config: RunConfig) -> Iterator[Finding]:
    """Tell of maps that a program restored before, after their headers and names."""
    for path in (path for item in config.tomograms for path in item.maps):
        ours = next((label for label in open_volume(path).labels if label.startswith("cryorestore:")), "")
        why = f"'{ours}'" if ours else "by its name"
        if ours or _RESTORED.search(path.name):
            sentence = (
                f"{path.name} seems to be restored already ({why}): held-out numbers are measured on it and "
                "read too high, and the run restores only what was restored in the same way."
            )
            remedy = (
                "Give the raw halves, and the run that restores them as --restored-by, where there is one."
            )
            yield Finding("warning", "held-out block", sentence, remedy)
            return


def _unsplit(item: TomogramConfig) -> Path:
    return _absolute(item.even).with_name(tomogram_name(item.even))


def _places(tomograms: list[Tomogram], config: RunConfig, cut: Callable[[int], int]) -> tuple[int, Box]:
    """Return the crop and the preview block; `cut` is what is cut for a crop."""
    bounds, sizes = [data_bounds(tomogram) for tomogram in tomograms], sizes_of(config.network)
    most = min(fitting_crop(within, None, sizes, cut=cut) for within in bounds)
    target = config.schedule.crop or min(most, max(_WORTHWHILE_CROP, least_crop(sizes)))
    room = cut(target) + PADDING if holds_out(config) else 0
    box = preview_box(tomograms[0], config.snapshots, room=room, least=max(SMALLEST_BLOCK, sizes.minimum))
    beside = fitting_crop(bounds[0], box if holds_out(config) else None, sizes, cut=cut)
    return config.schedule.crop or min(most, beside), box


def _fitting_weights(path: Path | None, network: Network) -> Path | None:
    """Return the very file that a path means, if its weights fit."""
    if path is None:
        return None
    file = _absolute(weights_file(path.expanduser()))
    load_into(network, load_checkpoint(file), source=file)
    return file


def _completed(config: TomogramConfig, tomogram: Tomogram) -> TomogramConfig:
    return config.model_copy(
        update={
            "maps": tuple(map(_absolute, config.maps)),
            "mask": None if config.mask is None else _absolute(config.mask),
            "name": tomogram.name,
            "recording": tomogram.in_files.recording,
        }
    )


def _absolute(path: Path) -> Path:
    return Path(path).expanduser().resolve()
