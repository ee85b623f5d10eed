"""What spectra tell of the missing wedge: its power by frequency band, and shell correlations inside it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from napari_cryorestore.metrics.bands import Band, octaves
from napari_cryorestore.metrics.resolution import Resolution, fsc_resolution, shell_energy
from napari_cryorestore.physics.fourier import hermitian_weight, nyquist_ball
from napari_cryorestore.physics.fsc import FEWEST, shell_counts
from napari_cryorestore.physics.wedge import apply_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_cryorestore.physics.wedge import Wedge

REGIONS = ("all", "measured", "wedge")
"""Where shells are correlated: everywhere, in the measured region, inside the missing wedge."""


@dataclass(frozen=True)
class WedgePower:
    """How strong the spectrum is inside the missing wedge, in one band of frequencies.

    Attributes
    ----------
    band : Band
    wedge, measured : float
        Mean power of a coefficient inside the wedge and in the measured region; 0 where there are none.
    ratio : float
        The one by the other: 0 is an empty wedge, 1 one as strong as what was measured; NaN where a region
        has fewer than `FEWEST` coefficients or nothing was measured.
    """

    band: Band
    wedge: float
    measured: float
    ratio: float


def wedge_power(
    volume: Tensor, wedge: Wedge, voxel_size: float, bands: Sequence[Band] | None = None
) -> tuple[WedgePower, ...]:
    """Measure the power inside the missing wedge against that in the measured region, band by band.

    What lies in the other region is taken away before the volume fades out at its borders, which would smear
    it across.

    Parameters
    ----------
    volume : Tensor, shape (..., z, y, x)
        One volume.
    wedge : Wedge
    voxel_size : float
        In Å.
    bands : sequence of Band, optional
        `octaves` if not given.

    Returns
    -------
    tuple of WedgePower
        One for each band.
    """
    shape = volume.shape[-3:]
    measured = wedge.mask(shape, device=volume.device)
    missing = nyquist_ball(shape, device=volume.device) & ~measured
    sums = [
        torch.stack(shell_energy(apply_mask(volume, region), mask=region)).cpu()
        for region in (missing, measured)
    ]
    frequencies = torch.arange(1, sums[0].shape[1] + 1) / (max(shape) * voxel_size)
    return tuple(
        _power(band, [item[:, band.holds(frequencies)].sum(1).tolist() for item in sums])
        for band in (octaves(voxel_size) if bands is None else bands)
    )


def fsc_curves(a: Tensor, b: Tensor, voxel_size: float, wedge: Wedge | None) -> dict[str, Resolution]:
    """Correlate two volumes shell by shell, also in the measured region and inside the wedge alone.

    For the latter two, what lies in the other region is taken off both volumes before their borders fade out,
    which would smear it across.

    Parameters
    ----------
    a, b : Tensor, shape (..., z, y, x)
        One volume each.
    voxel_size : float
        In Å.
    wedge : Wedge or None
        None where the tilt range is not known: then there is only ``"all"``.

    Returns
    -------
    dict of str to Resolution
        By `REGIONS`; a shell with fewer than `FEWEST` coefficients is NaN in the curve.

    Raises
    ------
    ValueError
        If the shapes do not fit together or the voxel size is not positive.
    """
    curves = {"all": fsc_resolution(a, b, voxel_size)}
    if wedge is None:
        return curves
    shape = a.shape[-3:]
    measured = wedge.mask(shape, device=a.device)
    missing = nyquist_ball(shape, device=a.device) & ~measured
    for name, region in (("measured", measured), ("wedge", missing)):
        first, second = apply_mask(a, region), apply_mask(b, region)
        found = fsc_resolution(first, second, voxel_size, region=region)
        known = shell_counts(hermitian_weight(shape, device=a.device) * region, shape)[0].cpu() >= FEWEST
        curves[name] = replace(found, curve=torch.where(known, found.curve, torch.nan))
    return curves


def _power(band: Band, sums: list[list[float]]) -> WedgePower:
    (few, inside), (many, outside) = sums
    wedge, measured = inside / max(few, 1.0), outside / max(many, 1.0)
    known = min(few, many) >= FEWEST and measured > 0
    return WedgePower(band, wedge, measured, wedge / measured if known else math.nan)


__all__ = ["FEWEST", "REGIONS", "Band", "WedgePower", "fsc_curves", "octaves", "wedge_power"]
