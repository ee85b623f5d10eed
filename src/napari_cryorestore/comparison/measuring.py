"""The measurements themselves: each makes numbers of one row, of two rows, or of a list of particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.comparison.number import Number
from napari_cryorestore.data.structure import structure_mask
from napari_cryorestore.metrics.heldout import masked_correlation
from napari_cryorestore.metrics.pick_agreement import match_picks
from napari_cryorestore.metrics.resolution import radial_power
from napari_cryorestore.metrics.snr import propose_boxes, snr_db
from napari_cryorestore.metrics.trust import half_disagreement, provenance
from napari_cryorestore.metrics.wedge_spectra import fsc_curves, octaves, wedge_power
from napari_cryorestore.no_data import faded, find_no_data
from napari_cryorestore.physics.fourier import nyquist_ball, radius
from napari_cryorestore.physics.wedge import Wedge, apply_mask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.io.particle_list import Picks
    from napari_cryorestore.metrics.snr import Form

BLOCK = 256
"""Spectra are measured in a central block of at most so many voxels along each axis."""

MOST_BOXES = 30
_ISOTROPY = 0.01


@dataclass(frozen=True, eq=False)
class Boxes:
    """Places on structure and on background.

    Attributes
    ----------
    signal, background : array, shape (n, 3)
        Centres (z, y, x) in Å, in the shared frame.
    size : float
        Edge in Å.
    """

    signal: NDArray[np.float64]
    background: NDArray[np.float64]
    size: float


def voxel_edge(volume: ComparedVolume) -> float:
    """Return the edge of a voxel in Å.

    Raises
    ------
    ValueError
        If it differs between the axes.
    """
    sizes = volume.voxel_size
    if max(sizes) - min(sizes) > _ISOTROPY * max(sizes):
        raise ValueError(
            f"{volume.name} has voxels of {' × '.join(f'{size:g}' for size in sizes)} Å (z, y, x), but "
            "spectra need cubic ones: resample it, or give the voxel size."
        )
    return sizes[0]


def central_block(data: Any, name: str) -> Tensor:
    """Return the middle of a volume as a tensor (z, y, x), float32.

    Raises
    ------
    ValueError
        If it holds NaN or infinite voxels, or nothing but one value.
    """
    place = tuple(slice((n - min(n, BLOCK)) // 2, (n + min(n, BLOCK)) // 2) for n in data.shape)
    block = np.array(data[place], dtype=np.float32)
    if not np.isfinite(block).all():
        share = 100 * (1 - np.isfinite(block).mean())
        raise ValueError(
            f"{name} cannot be measured: {share:.2g} % of its voxels are NaN or infinite; replace them, e.g. "
            "by the mean, or reconstruct it again."
        )
    if block.min() == block.max():
        raise ValueError(f"{name} cannot be measured: it is constant (every voxel is {block.flat[0]:g}).")
    return torch.from_numpy(block)


def blocks_with_data(*maps: tuple[Any, str]) -> tuple[list[Tensor], float]:
    """Return the middles of some maps on one grid, faded to their means where one of them holds no data.

    Parameters
    ----------
    *maps : (array-like, str)
        Voxels (z, y, x) and what to call them.

    Returns
    -------
    list of Tensor, float
        The blocks, all faded by one soft mask, and its mean square, by which their power is less.
    """
    blocks = [central_block(data, name) for data, name in maps]
    weight: NDArray[np.float32] | None = None
    for block in blocks:
        found = find_no_data(block.numpy())
        if found is not None:
            weight = found.soft_mask() * (1 if weight is None else weight)
    if weight is None or not weight.any():
        return blocks, 1.0
    power = float(np.square(weight).mean(dtype=np.float64))
    return [torch.from_numpy(faded(block.numpy(), weight)) for block in blocks], power


def wedge_of_row(volume: ComparedVolume) -> Wedge | None:
    """Return the measured region of a row; ``None`` where its tilt range is unknown."""
    return Wedge.of(volume.recording)


def spectrum_numbers(volume: ComparedVolume) -> Iterator[Number]:
    """Measure the radial power, and what lies in the missing wedge."""
    edge, wedge = voxel_edge(volume), wedge_of_row(volume)
    (block,), share = blocks_with_data((volume.data, volume.name))
    power = (radial_power(block) / share).tolist()
    size = max(block.shape)
    for shell, value in enumerate(power, start=1):
        yield Number(volume.name, "power", value, at=shell / (size * edge))
    if wedge is None:
        return
    for item in wedge_power(block, wedge, edge):
        yield Number(volume.name, "wedge_power", item.ratio, region=str(item.band))
    parts = provenance(block, wedge)
    supplied, measured = (
        float((part - part.mean()).square().sum()) for part in (parts.supplied, parts.measured)
    )
    yield Number(volume.name, "supplied_share", supplied / (supplied + measured))


def half_numbers(volume: ComparedVolume) -> Iterator[Number]:
    """Measure how far a row's two halves agree."""
    assert volume.halves is not None
    (even, odd), _ = blocks_with_data(*((half, f"a half of {volume.name}") for half in volume.halves))
    yield from _correlations(volume, (even, odd), against="halves")
    spread = float(((even + odd) / 2).std(correction=0))
    difference = float(half_disagreement(even, odd).square().mean().sqrt())
    yield Number(volume.name, "half_disagreement", difference / spread if spread else 0.0, against="halves")


def agreement_numbers(volume: ComparedVolume, raw: tuple[Any, Any]) -> Iterator[Number]:
    """Measure how well a row's halves predict the other raw half, band by band."""
    assert volume.halves is not None
    if tuple(raw[0].shape) != volume.shape:
        raise ValueError(
            f"{volume.name} has the shape {volume.shape}, but the raw halves {tuple(raw[0].shape)}: no "
            "agreement between them can be measured."
        )
    own = [(half, f"a half of {volume.name}") for half in volume.halves]
    blocks, _ = blocks_with_data(*own, *((half, "a raw half") for half in reversed(raw)))
    restored, data = blocks[:2], blocks[2:]
    shape, edge, wedge = restored[0].shape, voxel_edge(volume), wedge_of_row(volume)
    region = nyquist_ball(shape) if wedge is None else wedge.mask(shape)
    frequency = radius(shape) / edge
    for band in octaves(edge):
        chosen = region & band.holds(frequency)
        both = [
            masked_correlation(a[None, None], b[None, None], chosen)
            for a, b in zip(restored, data, strict=True)
        ]
        yield Number(volume.name, "agreement", sum(both) / 2, against="raw halves", region=str(band))


def pair_numbers(volume: ComparedVolume, other: ComparedVolume, *, truth: bool = False) -> Iterator[Number]:
    """Correlate two rows, which must lie on one grid; with the truth also over all detail at once.

    Raises
    ------
    ValueError
        If they do not.
    """
    same = volume.shape == other.shape and np.allclose(volume.voxel_size, other.voxel_size, rtol=_ISOTROPY)
    if not same:
        first, second = (
            f"{'×'.join(map(str, item.shape))} voxels of {item.voxel_size[0]:g} Å" for item in (volume, other)
        )
        raise ValueError(
            f"{volume.name} ({first}) and {other.name} ({second}) do not lie on one grid, so they have no "
            "shell correlation: resample one of them."
        )
    (mine, theirs), _ = blocks_with_data((volume.data, volume.name), (other.data, other.name))
    pair = mine, theirs
    yield from _correlations(volume, pair, against=other.name)
    if truth:
        yield from _overall(volume, pair, against=other.name)


def snr_numbers(volume: ComparedVolume, boxes: Boxes) -> Iterator[Number]:
    """Measure the signal-to-noise ratio in both forms."""
    edge = voxel_edge(volume)
    size = max(2, round(boxes.size / edge))
    signal, background = (
        (places - np.asarray(volume.corner)) / edge for places in (boxes.signal, boxes.background)
    )
    forms: tuple[Form, ...] = ("squared", "literal")
    for form in forms:
        try:
            found = snr_db(volume.data, signal, background, size, form=form)
        except ValueError as error:
            raise ValueError(f"{volume.name} has no signal-to-noise ratio. {error}") from error
        yield Number(volume.name, f"snr_{form}", found.mean, "dB")
        yield Number(volume.name, f"snr_{form}_spread", found.spread, "dB")
        yield Number(volume.name, f"snr_{form}_boxes", found.n, "boxes")


def proposed_boxes(volume: ComparedVolume, *, size: float | None = None, dark: bool = True) -> Boxes:
    """Propose boxes on structure and on background from the local density of a volume.

    Use those of one row for all, so that the same places are compared.

    Parameters
    ----------
    volume : ComparedVolume
        The clearest row.
    size : float, optional
        Edge in Å; a quarter of the thinnest side, but 8 to 32 voxels, if not given.
    dark : bool
        Whether structure is darker than its surroundings.

    Returns
    -------
    Boxes
        At most 30 of either kind.

    Raises
    ------
    ValueError
        If there is no room for them, no structure, or nothing else.
    """
    edge, thinnest = voxel_edge(volume), min(volume.shape)
    voxels = min(max(8, min(32, thinnest // 4)), thinnest) if size is None else max(2, round(size / edge))
    try:
        found = find_no_data(volume.data)
        data = volume.data if found is None else found.filled(volume.data, 0)
        mask = structure_mask(data, dark=dark, no_data=found)
        centres = propose_boxes(mask, voxels, MOST_BOXES, usable=None if found is None else found.usable[:])
    except ValueError as error:
        raise ValueError(f"No boxes could be proposed in {volume.name}. {error}") from error
    signal, background = (np.asarray(volume.corner) + places * edge for places in centres)
    return Boxes(signal, background, voxels * edge)


def pick_numbers(name: str, picks: Picks, reference: Picks, tolerance: float) -> Iterator[Number]:
    """Measure what a list of particles has found of a reference list, both in Å in one frame."""
    found, against = (
        match_picks(picks.positions, picks.scores, reference.positions, tolerance),
        "reference picks",
    )
    best = found.best
    threshold = float(found.thresholds[best])
    yield Number(name, "f1", float(found.f1[best]), against=against, at=threshold)
    for key in ("precision", "recall"):
        yield Number(name, key, float(getattr(found, key)[best]), against=against, region="at the best F1")
    for key in ("pr_auc", "average_precision"):
        yield Number(name, key, float(getattr(found, key)), against=against)
    yield Number(name, "mean_distance", found.mean_distance, "Å", against=against)
    for index, threshold in enumerate(found.thresholds.tolist()):
        for key in ("precision", "recall"):
            value = float(getattr(found, key)[index])
            yield Number(name, key, value, against=against, region="curve", at=threshold)


def _correlations(volume: ComparedVolume, pair: tuple[Tensor, Tensor], *, against: str) -> Iterator[Number]:
    curves = fsc_curves(*pair, voxel_edge(volume), wedge_of_row(volume))
    for region, found in curves.items():
        for level, place in (("0.5", found.at_half), ("0.143", found.at_0143)):
            value = float("nan") if place is None else place
            yield Number(volume.name, f"resolution_{level}", value, "Å", against=against, region=region)
    for region, found in curves.items():
        for frequency, value in zip(found.frequencies.tolist(), found.curve.tolist(), strict=True):
            yield Number(volume.name, "fsc", value, against=against, region=region, at=frequency)


def _overall(volume: ComparedVolume, pair: tuple[Tensor, Tensor], *, against: str) -> Iterator[Number]:
    a, b = (item[None, None] for item in pair)
    shape, wedge = a.shape[-3:], wedge_of_row(volume)
    ball = nyquist_ball(shape)
    regions = {"all": ball}
    if wedge is not None:
        measured = wedge.mask(shape)
        regions |= {"measured": measured, "wedge": ball & ~measured}
    for region, mask in regions.items():
        yield Number(
            volume.name,
            "correlation",
            masked_correlation(apply_mask(a, mask), apply_mask(b, mask), mask),
            against=against,
            region=region,
        )


__all__ = [
    "BLOCK",
    "MOST_BOXES",
    "Boxes",
    "agreement_numbers",
    "blocks_with_data",
    "central_block",
    "half_numbers",
    "pair_numbers",
    "pick_numbers",
    "proposed_boxes",
    "snr_numbers",
    "spectrum_numbers",
    "voxel_edge",
    "wedge_of_row",
]
