"""The signal-to-noise ratio in decibels, from boxes on structure and boxes on background."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.spatial import KDTree

from napari_cryorestore.physics.normalize import measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

Form = Literal["squared", "literal"]

BACKGROUND_SHARE, SIGNAL_SHARE = 0.1, 0.5
"""A background box lies at most this much in the mask, a signal box at least this much."""


@dataclass(frozen=True)
class Snr:
    """The signal-to-noise ratio of a volume.

    Attributes
    ----------
    mean, spread : float
        In dB: the mean over the signal boxes, and their standard deviation; NaN if no box can be used, and
        the spread of one box is 0.
    n : int
        Signal boxes used. Those exactly as bright as their background are left out: they have no logarithm.
    values : tuple of float
        In dB, one for each box used.
    """

    mean: float
    spread: float
    n: int
    values: tuple[float, ...]


def snr_db(
    volume: NDArray[Any],
    signal_boxes: ArrayLike,
    background_boxes: ArrayLike,
    size: int,
    form: Form = "squared",
) -> Snr:
    """Measure how far structure stands out from the background.

    Every signal box i is compared with the background box nearest to it. With μ the mean of a box and σ² its
    variance:

    - ``"squared"``: 10 log10((μ_s - μ_b)² / σ²_b). Neither the scale nor the sign of the volume matters.
    - ``"literal"``: 10 (log10 |μ_s - μ_b| - log10 σ²_b), Jones et al. 2026, Eq. 8, as printed, of the volume
      scaled to standard deviation 1: a difference over a variance has a unit, so the scale must be fixed.

    Both reward over-smoothing: a volume without any detail has the best ratio.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        Memory-mapped or not.
    signal_boxes, background_boxes : array-like, shape (n, 3)
        Centres (z, y, x) in voxels. Boxes must lie inside the volume as a whole.
    size : int
        Edge of the boxes in voxels; at least 2.
    form : {"squared", "literal"}

    Returns
    -------
    Snr

    Raises
    ------
    ValueError
        If there are no boxes, one does not fit into the volume, holds NaN, or a background box is constant.
    """
    signal = _placed(signal_boxes, size, volume.shape, "signal")
    background = _placed(background_boxes, size, volume.shape, "background")
    deviation = measure(volume).std if form == "literal" else 1.0
    means, _ = _moments(volume, signal, size)
    other_means, other_variances = _moments(volume, background, size)
    if not (other_variances > 0).all():
        raise ValueError(
            f"The background box at {_words(background[int(np.argmin(other_variances))], size)} is constant, "
            "so there is no noise to compare with: place it on the specimen's background, not on padding."
        )
    _, nearest = KDTree(background).query(signal)
    difference = np.abs(means - other_means[nearest]) / deviation
    variance = other_variances[nearest] / deviation**2
    seen = difference > 0
    numerator = np.square(difference[seen]) if form == "squared" else difference[seen]
    return _summary(10 * np.log10(numerator / variance[seen]))


def propose_boxes(
    mask: NDArray[Any], size: int, n: int = 30, *, usable: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Propose signal boxes full of structure and background boxes free of it.

    No two boxes overlap. Signal boxes have the largest shares of the mask, from `SIGNAL_SHARE` on; background
    boxes the smallest, up to `BACKGROUND_SHARE`.

    Parameters
    ----------
    mask : array of bool, shape (z, y, x)
        Where there is structure, such as `data.structure.structure_mask` finds.
    size : int
        Edge of the boxes in voxels.
    n : int
        At most so many of either kind.
    usable : array of bool, shape (z, y, x), optional
        Boxes lie there as a whole.

    Returns
    -------
    signal, background : array of int, shape (up to n, 3)
        Centres (z, y, x) in voxels.

    Raises
    ------
    ValueError
        If no box fits, or no place is full of structure, or none is free of it.
    """
    mask = np.asarray(mask, dtype=bool)
    _require_size(size, mask.shape)
    if n < 1:
        raise ValueError(f"At least one box of either kind is needed, not {n}.")
    centres, share = _candidates(mask, size)
    if usable is not None:
        whole = _candidates(usable, size)[1] > 1 - 1e-4
        centres, share = centres[whole], share[whole]
    signal = _apart(centres[share >= SIGNAL_SHARE], share[share >= SIGNAL_SHARE], size, n)
    background = _apart(centres[share <= BACKGROUND_SHARE], -share[share <= BACKGROUND_SHARE], size, n)
    if not len(signal) or not len(background):
        missing = "full of structure" if not len(signal) else "free of structure"
        raise ValueError(
            f"No box of {size} voxels is {missing}: use smaller boxes, another mask, or place them yourself."
        )
    return signal, background


def _candidates(mask: NDArray[np.bool_], size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return centres half a box apart, and the mask's share of the box around each."""
    half = size // 2
    axes = [np.arange(half, n - (size - half) + 1, max(1, half)) for n in mask.shape]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    share = uniform_filter(mask.astype(np.float32), size, mode="constant")
    return centres, share[tuple(centres.T)].astype(np.float64)


def _apart(centres: NDArray[np.int64], merit: NDArray[np.float64], size: int, n: int) -> NDArray[np.int64]:
    """Choose the best places, none within a box's edge of another along all three axes."""
    chosen: list[NDArray[np.int64]] = []
    for place in centres[np.argsort(-np.round(merit, 6), kind="stable")]:
        if all(np.abs(place - other).max() >= size for other in chosen):
            chosen.append(place)
        if len(chosen) == n:
            break
    return np.array(chosen, dtype=np.int64).reshape(-1, 3)


def _placed(centres: ArrayLike, size: int, shape: Sequence[int], kind: str) -> NDArray[np.int64]:
    """Return the first voxel of every box."""
    _require_size(size, shape)
    places = np.asarray(centres, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 3 or not len(places):
        raise ValueError(
            f"The {kind} boxes need one centre (z, y, x) each, and at least one of them, "
            f"not an array of shape {places.shape}."
        )
    starts = np.floor(places + 0.5) - size // 2
    inside = np.isfinite(starts) & (starts >= 0) & (starts + size <= np.asarray(shape))
    if not inside.all():
        wrong = places[int(np.argmin(inside.all(axis=1)))]
        raise ValueError(
            f"The {kind} box of {size} voxels at z, y, x = {', '.join(f'{v:g}' for v in wrong)} reaches "
            f"beyond the volume of {'×'.join(map(str, shape))} voxels: move it inwards or use smaller boxes."
        )
    return starts.astype(np.int64)


def _require_size(size: int, shape: Sequence[int]) -> None:
    if len(shape) != 3:
        raise ValueError(f"A volume has three axes (z, y, x), but this one has the shape {tuple(shape)}.")
    if not 2 <= size <= min(shape):
        raise ValueError(
            f"Boxes of {size} voxels do not fit into a volume of {'×'.join(map(str, shape))} voxels: "
            f"choose an edge of 2 to {min(shape)}."
        )


def _moments(
    volume: NDArray[Any], starts: NDArray[np.int64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    means, variances = np.empty(len(starts)), np.empty(len(starts))
    for i, start in enumerate(starts):
        z, y, x = (slice(int(first), int(first) + size) for first in start)
        box = np.asarray(volume[z, y, x], dtype=np.float64)
        if not np.isfinite(box).all():
            raise ValueError(f"The box at {_words(start, size)} holds NaN or infinite voxels: move it.")
        means[i], variances[i] = box.mean(), box.var()
    return means, variances


def _words(start: NDArray[np.int64], size: int) -> str:
    return "z, y, x = " + ", ".join(str(int(first) + size // 2) for first in start)


def _summary(values: NDArray[np.float64]) -> Snr:
    if not values.size:
        return Snr(math.nan, math.nan, 0, ())
    return Snr(float(values.mean()), float(values.std()), values.size, tuple(values.tolist()))


__all__ = ["BACKGROUND_SHARE", "SIGNAL_SHARE", "Form", "Snr", "propose_boxes", "snr_db"]
