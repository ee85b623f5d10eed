"""Maps of where a restoration comes from, and of how far the data bear it out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import conv3d, pad

from napari_cryorestore.physics.fourier import radius
from napari_cryorestore.physics.wedge import apply_mask

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.metrics.bands import Band
    from napari_cryorestore.physics.wedge import Wedge

WINDOW = 3.0
"""Standard deviation, in voxels, of the Gaussian window within which energies and correlations are taken."""

REACH = 3.0
"""Standard deviations at which the window is cut off."""

_EDGE = 0.15  # share of a band's edge frequency over which it fades in and out
_NOTHING = 1e-12  # of the mean energy: what rounding leaves of a flat region


@dataclass(frozen=True, eq=False)
class Provenance:
    """The two parts of a restored volume, which add up to it.

    Attributes
    ----------
    measured : Tensor, shape (..., z, y, x)
        A v: the directions that the microscope has seen, as the network left them; the mean level included.
    supplied : Tensor, shape (..., z, y, x)
        (I - A) v: the missing wedge, which the network supplied.
    """

    measured: Tensor
    supplied: Tensor


@torch.no_grad()
def provenance(volume: Tensor, wedge: Wedge) -> Provenance:
    """Split a restored volume v into A v and (I - A) v, A being the projector onto the measured directions.

    Exact, not an estimate: A multiplies by `Wedge.sector`, all frequencies included, and the second part is
    what is left, so the sum is v whatever A does. The volume's borders wrap around; for volumes too large for
    one transform, split tiles.

    Parameters
    ----------
    volume : Tensor, shape (..., z, y, x)
    wedge : Wedge

    Returns
    -------
    Provenance
    """
    measured = apply_mask(volume, wedge.sector(volume.shape[-3:], device=volume.device))
    return Provenance(measured, volume.float() - measured)


@torch.no_grad()
def supplied_share(parts: Provenance, *, window: float = WINDOW) -> Tensor:
    """Return the network's share of the energy around every voxel.

    S / (S + M), with S and M the squares of the two parts, less their means, averaged in a Gaussian window.

    Parameters
    ----------
    parts : Provenance
    window : float
        Standard deviation of the window in voxels; 0 for single voxels.

    Returns
    -------
    Tensor, shape (..., z, y, x)
        0 (seen by the microscope) to 1 (supplied by the network); 0 where there is nothing.

    Raises
    ------
    ValueError
        If the window is negative.
    """
    return energy_share(_centred(parts.supplied), _centred(parts.measured), window=window)


@torch.no_grad()
def energy_share(supplied: Tensor, measured: Tensor, *, window: float = WINDOW) -> Tensor:
    """Return the share of one part's energy around every voxel, as `supplied_share`, but leaving means alone.

    Parameters
    ----------
    supplied, measured : Tensor, shape (..., z, y, x)
    window : float
        Standard deviation of the window in voxels; 0 for single voxels.

    Returns
    -------
    Tensor, shape (..., z, y, x)
        0 to 1.
    """
    own, other = (_smoothed(part.float().square(), window) for part in (supplied, measured))
    return _quotient(own, own + other)


@torch.no_grad()
def agreement(
    restored: Tensor,
    other_half: Tensor,
    wedge: Wedge | None,
    *,
    voxel_size: float = 1.0,
    band: Band | None = None,
    window: float = WINDOW,
) -> Tensor:
    """Correlate a restored half with the *other* half's data around every voxel, in the measured directions.

    With both volumes restricted to the measured directions and to a band of frequencies, and G a Gaussian
    window: G(a b) / sqrt(G(a²) G(b²)). Means are taken off before, over the whole volume. The other half's
    noise is independent of the half that was restored, so what correlates was in the specimen, unless the
    network learned that noise by heart: it saw both halves where it was trained. The noise also keeps the
    correlation of raw data far below 1, so compare places and methods, not with 1.

    Parameters
    ----------
    restored : Tensor, shape (..., z, y, x)
        Made from one half alone; whole, or its measured part, which gives the same.
    other_half : Tensor, shape (..., z, y, x)
        The half that was not used, raw or Wiener filtered.
    wedge : Wedge or None
        None takes all directions.
    voxel_size : float
        In Å; only for the band.
    band : Band, optional
        All frequencies if not given.
    window : float
        Standard deviation of the window in voxels.

    Returns
    -------
    Tensor, shape (..., z, y, x)
        -1 to 1; 0 where one of the two is flat.

    Raises
    ------
    ValueError
        If the shapes differ, or voxel size or window are not positive.
    """
    if restored.shape != other_half.shape:
        raise ValueError(
            f"The restored half and the other half must have one shape, "
            f"not {tuple(restored.shape)} and {tuple(other_half.shape)}."
        )
    if not (voxel_size > 0 and window > 0):
        raise ValueError(
            f"The voxel size and the window must be positive, not {voxel_size:g} Å and {window:g} voxels."
        )
    region = _region(restored, wedge, band, voxel_size)
    a, b = (apply_mask(_centred(volume), region) for volume in (restored, other_half))
    norm = (_smoothed(a.square(), window) * _smoothed(b.square(), window)).clamp(min=0).sqrt()
    return _quotient(_smoothed(a * b, window), norm).clamp(-1, 1)


@torch.no_grad()
def half_disagreement(even: Tensor, odd: Tensor, *, window: float = 0.0) -> Tensor:
    """Return how far two restored halves differ around every voxel: no map of errors.

    sqrt(G(((e - o) / 2)²)) in the volume's own units, G being a Gaussian window. Where both halves are wrong
    in the same way, which is what networks do, they agree.

    Parameters
    ----------
    even, odd : Tensor, shape (..., z, y, x)
    window : float
        Standard deviation of the window in voxels; 0 for single voxels.

    Returns
    -------
    Tensor, shape (..., z, y, x)
        0 or more.

    Raises
    ------
    ValueError
        If the shapes differ or the window is negative.
    """
    if even.shape != odd.shape:
        raise ValueError(f"The halves must have one shape, not {tuple(even.shape)} and {tuple(odd.shape)}.")
    return _smoothed(((even.float() - odd.float()) / 2).square(), window).clamp(min=0).sqrt()


def _region(volume: Tensor, wedge: Wedge | None, band: Band | None, voxel_size: float) -> Tensor:
    """Return what every coefficient weighs: 1 in the measured directions and, with soft edges, the band."""
    shape, device = volume.shape[-3:], volume.device
    frequency = radius(shape, device=device) / voxel_size
    weight = torch.ones_like(frequency) if wedge is None else wedge.sector(shape, device=device).float()
    if band is not None:
        weight = weight * (_passed(frequency, 1 / band.coarse) - _passed(frequency, 1 / band.fine))
    return weight


def _passed(frequency: Tensor, edge: float) -> Tensor:
    """Return a step from 0 to 1 around a frequency, as a raised cosine."""
    if edge == 0:
        return torch.ones_like(frequency)
    position = ((frequency / edge - 1) / _EDGE).clamp(-1, 1)
    return 0.5 + 0.5 * (math.pi / 2 * position).sin()


def _smoothed(volume: Tensor, deviation: float) -> Tensor:
    """Average in a Gaussian window, axis by axis, the borders being repeated outwards."""
    if not (math.isfinite(deviation) and deviation >= 0):
        raise ValueError(f"The window's standard deviation must be 0 voxels or more, not {deviation:g}.")
    if deviation == 0:
        return volume
    reach = math.ceil(REACH * deviation)
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32, device=volume.device)
    kernel = (-0.5 * (offsets / deviation).square()).exp()
    kernel = kernel / kernel.sum()
    result = volume.reshape(-1, 1, *volume.shape[-3:])
    for axis in range(3):
        sizes, border = [1, 1, 1], [0] * 6
        sizes[axis] = len(kernel)
        border[4 - 2 * axis] = border[5 - 2 * axis] = reach
        result = conv3d(pad(result, border, mode="replicate"), kernel.reshape(1, 1, *sizes))
    return result.reshape(volume.shape)


def _centred(volume: Tensor) -> Tensor:
    values = volume.float()
    return values - values.mean(dim=(-3, -2, -1), keepdim=True)


def _quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide, with 0 where there is nothing to divide by."""
    enough = denominator > _NOTHING * denominator.amax()
    return torch.where(enough, numerator / denominator.where(enough, torch.ones_like(denominator)), 0.0)


__all__ = [
    "REACH",
    "WINDOW",
    "Provenance",
    "agreement",
    "energy_share",
    "half_disagreement",
    "provenance",
    "supplied_share",
]
