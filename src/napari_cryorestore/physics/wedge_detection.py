"""Reading tilt range, sign and tilt axis off the empty sector of a tomogram's spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from napari_cryorestore.physics.fourier import frequencies, hann_window, rfft
from napari_cryorestore.physics.wedge import Wedge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    Letter = Literal["z", "y", "x"]
    Floats = NDArray[np.float64]
    Shape = tuple[int, int, int]

BLOCK = 128
"""Largest side, in voxels, of a block that is transformed."""
TOLERANCE = 4.0
"""Degrees by which a given and a detected tilt angle may differ before the user hears of it."""
RELIABLE_CONTRAST = 0.75
"""A sector that holds more than a quarter of the power at its rims is not empty."""

_BLOCKS_PER_SIDE = 3  # across y and x; one block through the middle of z, where the specimen lies
_SMALLEST_SIDE = 20  # voxels; smaller spectra have too few coefficients to a sector
_SECTORS = 180  # one per degree of elevation, -90 to 90
_SHELL_WIDTH = 0.02  # cycles/voxel
_SHELLS = 24  # up to 0.48 cycles/voxel, short of the Nyquist planes
_LOWEST = 0.1  # cycles/voxel from the tilt axis; closer to it the window blurs many degrees into one
_RIM = 10  # degrees beside an edge that tell its two levels
_MARGIN = 2  # degrees at an edge that belong to neither level
_CONTRAST_ABOUT_X = 0.9  # no program writes the beam along x: real ones turned so reach 0.97, others 0.82
_SMALLEST_X = 48  # voxels along x, for the same reason
_MASK_VALUES = 3  # what has so few different values is a mask or a segmentation
_NARROWEST = 6  # degrees: a smaller empty sector cannot be told from an accident
_LEAST_WEIGHT = 0.03  # of a shell without a wedge
_TINY = 1e-30
_LETTERS: tuple[Letter, Letter, Letter] = ("z", "y", "x")
_PLANES = ((0, 2), (0, 1), (1, 2))  # perpendicular to the tilt axes y, x and z


@dataclass(frozen=True)
class DetectedWedge:
    """What the spectrum says about how a tomogram was tilted.

    Attributes
    ----------
    wedge : Wedge
        Tilt range in degrees, sign included, and tilt axis; -90 to 90 where nothing could be measured.
    contrast : float
        1 - (power in the empty sector) / (power beside it), 0 to 1, of the fainter of its two edges.
    reliable : bool
        Whether the sector is empty enough for the range to be believed; never where the beam is not z.
    beam : {"z", "y", "x"}
        The axis that the missing wedge is about: y where a volume's y and z are exchanged.
    """

    wedge: Wedge
    contrast: float
    reliable: bool
    beam: Letter = "z"


def detect_wedge(volume: NDArray[Any]) -> DetectedWedge:
    """Find the missing wedge of a raw tomogram in its spectrum.

    Up to nine Hann-windowed blocks of up to 128³ voxels are read, so a memory-mapped volume stays on disk.
    Their power is divided by the mean of its shell, which cancels the falling spectrum, and averaged over
    sectors of one degree around the tilt axis; the sector around kz that holds next to nothing is the missing
    wedge. Both tilt axes are tried and the one whose sector is emptier is taken. If neither is clear, y and x
    are tried as the beam as well, since volumes are met whose axes are exchanged. Masks have no wedge.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        A raw tomogram or half tomogram of any real type, which may be memory-mapped.

    Returns
    -------
    DetectedWedge

    Raises
    ------
    ValueError
        If the volume does not have three axes.
    """
    if volume.ndim != 3:
        raise ValueError(f"A tomogram has three axes (z, y, x), but this array's shape is {volume.shape}.")
    shape = (min(volume.shape[0], BLOCK), min(volume.shape[1], BLOCK), min(volume.shape[2], BLOCK))
    if min(shape) < _SMALLEST_SIDE:
        return _nothing()
    bins = [_bins(shape, plane) for plane in _PLANES]
    counts = [_sum_up(sorted_, None) for sorted_ in bins]
    power = [np.zeros((_SHELLS, _SECTORS)) for _ in _PLANES]
    for spectrum in _block_spectra(volume, shape):
        for index, sorted_ in enumerate(bins):
            power[index] += _whitened(_sum_up(sorted_, spectrum), counts[index])
    views = [
        _detect_about(plane, power[index], counts[index], turned=turned)
        for turned in (False, True)
        for index, plane in enumerate(_PLANES)
    ]
    upright = max((view for view in views if view.beam == "z"), key=lambda view: view.contrast)
    if upright.reliable:
        return upright
    least = {"y": RELIABLE_CONTRAST, "x": _CONTRAST_ABOUT_X if shape[2] >= _SMALLEST_X else np.inf}
    exchanged = [view for view in views if view.contrast >= least.get(view.beam, np.inf)]
    return max(exchanged, key=lambda view: view.contrast, default=upright)


def agree(first: Wedge, second: Wedge) -> bool:
    """Tell whether two wedges have the same tilt axis, and the same range within `TOLERANCE` degrees."""
    apart = max(abs(first.tilt_min - second.tilt_min), abs(first.tilt_max - second.tilt_max))
    return first.tilt_axis == second.tilt_axis and apart <= TOLERANCE


def _block_spectra(volume: NDArray[Any], shape: Shape) -> Iterator[Tensor]:
    """Yield the power spectrum of each block that is finite and not of a few values, flattened, float64."""
    window = hann_window(shape)
    corners = [
        np.linspace(0, whole - part, 1 if whole == part else _BLOCKS_PER_SIDE).round().astype(int)
        for whole, part in zip(volume.shape, shape, strict=True)
    ]
    corners[0] = np.array([(volume.shape[0] - shape[0]) // 2])
    for corner in product(*corners):
        place = tuple(slice(start, start + size) for start, size in zip(corner, shape, strict=True))
        block = np.array(volume[place], dtype=np.float32)
        spread = float(block.std(dtype=np.float64))
        if np.isfinite(spread) and spread > 0 and not _is_of_few_values(block):
            block -= np.float32(block.mean(dtype=np.float64))
            block /= np.float32(spread)
            yield rfft(torch.from_numpy(block) * window).abs().double().square().flatten()


def _is_of_few_values(block: NDArray[np.float32]) -> bool:
    few = np.unique(block[::4, ::4, ::4]).size <= _MASK_VALUES
    return few and np.unique(block).size <= _MASK_VALUES


def _bins(shape: Shape, plane: tuple[int, int]) -> Tensor:
    """Sort the half spectrum into shell × sector, shape (coefficients,); the last bin is trash.

    The sectors are elevations of the plane's first axis above its second one.
    """
    k = frequencies(shape)
    up, across = k[plane[0]], k[plane[1]]
    elevation = torch.rad2deg(torch.atan2(torch.where(across < 0, -up, up), across.abs()))
    sector = (elevation + 90).floor().clamp(0, _SECTORS - 1)
    shell = ((k[0].square() + k[1].square() + k[2].square()).sqrt() / _SHELL_WIDTH).floor()
    counted = (shell < _SHELLS) & ((up.square() + across.square()).sqrt() > _LOWEST)
    return torch.where(counted, shell * _SECTORS + sector, _SHELLS * _SECTORS).long().flatten()


def _sum_up(bins: Tensor, weights: Tensor | None) -> Floats:
    sums = torch.bincount(bins, weights, minlength=_SHELLS * _SECTORS + 1)[:-1]
    return np.asarray(sums.view(_SHELLS, _SECTORS), dtype=np.float64)


def _whitened(power: Floats, counts: Floats) -> Floats:
    """Divide by the mean power of each shell, so that no shell and no block outweighs the others."""
    mean = power.sum(1, keepdims=True) / np.maximum(counts.sum(1, keepdims=True), 1)
    return np.asarray(power / np.where(mean > 0, mean, 1), dtype=np.float64)


def _detect_about(plane: tuple[int, int], power: Floats, counts: Floats, *, turned: bool) -> DetectedWedge:
    """Look for an empty sector about the plane's first axis, or turned about its second one."""
    beam, across = plane
    if turned:
        beam, across = across, beam
        power, counts = (np.roll(sums[:, ::-1], _SECTORS // 2, axis=1) for sums in (power, counts))
    profile = _profile(power, counts)
    if not profile.any():
        return _nothing(beam)
    first, stop = _split(profile)
    if _SECTORS - (stop - first) < _NARROWEST:
        return _nothing(beam)
    # mirrored, the upper edge is a lower one
    low, low_contrast = _edge(profile, first, stop)
    high, high_contrast = _edge(profile[::-1], _SECTORS - stop, _SECTORS - first)
    contrast = float(np.clip(min(low_contrast, high_contrast), 0.0, 1.0))
    wedge = Wedge(low, -high, "x" if (beam, across) == (0, 1) else "y")
    reliable = contrast >= RELIABLE_CONTRAST and beam == 0
    return DetectedWedge(wedge, contrast, reliable, _LETTERS[beam])


def _nothing(beam: int = 0) -> DetectedWedge:
    return DetectedWedge(Wedge(-90.0, 90.0), 0.0, reliable=False, beam=_LETTERS[beam])


def _profile(power: Floats, counts: Floats) -> Floats:
    """Average the shells into one curve over sectors; shells without a wedge (noise floor) weigh little."""
    mean = np.where(counts > 0, power / np.maximum(counts, 1), np.nan)
    filled = np.isfinite(mean).sum(1) > _SECTORS // 4
    weight = np.zeros((_SHELLS, 1))
    tenth, half = np.nanquantile(mean[filled], (0.1, 0.5), axis=1)
    weight[filled, 0] = np.clip(1 - tenth / np.maximum(half, _TINY), _LEAST_WEIGHT, 1) ** 2
    total, number = _smooth((weight * power).sum(0)), _smooth((weight * counts).sum(0))
    seen = number > 0
    sectors = np.arange(_SECTORS)
    return np.interp(sectors, sectors[seen], total[seen] / number[seen], period=_SECTORS)


def _smooth(curve: Floats) -> Floats:
    return curve / 2 + (np.roll(curve, 1) + np.roll(curve, -1)) / 4


def _split(profile: Floats) -> tuple[int, int]:
    """Return the sectors [first, stop) around 0° that best split the profile in two (least squares)."""
    middle = _SECTORS // 2
    level = np.median(profile[middle - 30 : middle + 30])
    curve = np.sqrt(np.clip(profile / max(level, _TINY), 0, 1))
    running = np.concatenate([[0.0], np.cumsum(curve)])
    first, stop = np.arange(middle)[:, None], np.arange(middle + 1, _SECTORS + 1)[None]
    size, inside = stop - first, running[stop] - running[first]
    outside = running[-1] - inside
    explained = inside**2 / size + outside**2 / np.maximum(_SECTORS - size, 1)
    row, column = np.unravel_index(explained.argmax(), explained.shape)
    return int(first[row, 0]), int(stop[0, column])


def _edge(profile: Floats, first: int, stop: int) -> tuple[float, float]:
    """Return the angle at which the profile rises halfway at its lower edge, and the contrast there."""
    gap = _SECTORS - (stop - first)
    reach = min(_RIM, gap - 2 * _MARGIN)
    around = np.roll(profile, _SECTORS // 2 - first)  # the edge lies before the middle sector
    edge = _SECTORS // 2
    outer = around[edge - _MARGIN - reach : edge - _MARGIN].mean()
    inner = around[edge + _MARGIN : edge + _MARGIN + _RIM].mean()
    contrast = 1 - outer / max(inner, _TINY)
    start = edge - min(_RIM, gap // 2)
    window = around[start : edge + _RIM]
    above = np.flatnonzero(window >= (outer + inner) / 2)
    rise = int(above[0]) if len(above) else 0
    if rise == 0:  # no dark side
        return -90.0, 0.0
    below, there = window[rise - 1], window[rise]
    fraction = ((outer + inner) / 2 - below) / (there - below)
    angle = first - 90 + (start - edge) + rise - 0.5 + fraction
    return round(float(np.clip(angle, -90, -1)), 1), float(contrast)
