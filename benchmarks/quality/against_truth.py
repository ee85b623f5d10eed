"""How near a volume comes to the truth of a simulation: correlations, overall and by shells, and particles.

Particles are sought by template matching; `particles` says which and how.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.quality.particles import average_precision
from napari_cryorestore.metrics.wedge_spectra import fsc_curves
from napari_cryorestore.physics.fourier import hermitian_weight, nyquist_ball, rfft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_cryorestore.physics.wedge import Wedge


COARSEST = 32
"""Detail up to this many voxels is fine. Coarser are the ice as a whole and whatever no usual crop can show;
two coefficients, those of the slab of ice, hold 40 % of the power in the wedge of a simulated 96³."""


def correlations(
    volume: np.ndarray, truth: np.ndarray, wedge: Wedge, *, coarsest: float = math.inf
) -> dict[str, float]:
    """Return the correlation with the truth overall, in the measured region and in the missing wedge.

    Parameters
    ----------
    volume, truth : array, shape (z, y, x)
    wedge : Wedge
    coarsest : float
        The coarsest detail that counts, in voxels.
    """
    shape = truth.shape
    a, b = (rfft(torch.from_numpy(np.asarray(item, np.float32) - item.mean())) for item in (volume, truth))
    ball, measured = nyquist_ball(shape) & _finer(shape, coarsest), wedge.mask(shape)
    regions = {"overall": ball, "measured": ball & measured, "wedge": ball & ~measured}
    result = {}
    for name, region in regions.items():
        weight = hermitian_weight(shape) * region
        cross = (weight * (a * b.conj()).real).sum()
        powers = (weight * a.abs().square()).sum() * (weight * b.abs().square()).sum()
        result[name] = float(cross / powers.sqrt().clamp(min=1e-12))
    return result


def _finer(shape: tuple[int, ...], coarsest: float) -> torch.Tensor:
    axes = [torch.fft.fftfreq(length) for length in shape[:2]] + [torch.fft.rfftfreq(shape[2])]
    squares = sum(item.square() for item in torch.meshgrid(*axes, indexing="ij"))
    return torch.as_tensor(squares) >= coarsest**-2


def judged(
    volume: np.ndarray,
    truth: np.ndarray,
    wedge: Wedge,
    *,
    particles: Mapping[str, np.ndarray] | None = None,
    voxel_size: float = 10.0,
    restored: bool = False,
) -> dict[str, float]:
    """Return correlations, those of fine detail alone, means over shells of the FSC, and particle AP.

    Parameters
    ----------
    volume, truth : array, shape (z, y, x)
    wedge : Wedge
        What was not measured.
    particles : mapping of str to array (n, 3), optional
        Positions (z, y, x) in voxels by kind. With them comes ``particle AP``, the mean over kinds.
    voxel_size : float
        Å.
    restored : bool
        Whether the volume's wedge is filled, so that templates must be whole.
    """
    ours, theirs = (torch.from_numpy(np.array(item, np.float32)) for item in (volume, truth))
    names = {"all": "fsc overall", "measured": "fsc measured", "wedge": "fsc wedge"}
    shells = fsc_curves(ours, theirs, 1.0, wedge)
    fine = correlations(volume, truth, wedge, coarsest=COARSEST)
    found = {
        **correlations(volume, truth, wedge),
        **{f"fine {name}": value for name, value in fine.items()},
        **{names[name]: float(found.curve.nanmean()) for name, found in shells.items()},
    }
    if particles is not None:
        missing = None if restored else wedge
        kinds = average_precision(volume, particles, voxel_size=voxel_size, wedge=missing)
        found["particle AP"] = float(np.mean(list(kinds.values())))
    return {name: round(value, 4) for name, value in found.items()}
