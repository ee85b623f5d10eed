"""Noise as a tomogram has it: white noise of the projections, back-projected over the tilt range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch

from napari_cryorestore.physics.fourier import frequencies, hermitian_weight, three

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_cryorestore.physics.wedge import Wedge

NoiseFilter = Literal["none", "ramp", "hamming"]
"""What the projections pass before they are back-projected."""


def projection_noise_gain(
    shape: Sequence[int],
    wedge: Wedge,
    *,
    filtering: NoiseFilter = "none",
    device: torch.device | str | None = None,
) -> Tensor:
    """Return by how much each frequency of white noise is passed to make it the noise of projections.

    A projection at one tilt is spread over one plane of Fourier space, and the planes of all tilts meet in
    the tilt axis: a frequency k⊥ away from it is met by a share 1 / k⊥ of them. So white projections become
    noise of the power 1 / k⊥ within the measured region and none outside; a filter of the projections
    multiplies it by its square.

    Parameters
    ----------
    shape : sequence of three ints
        (z, y, x) of the volume.
    wedge : Wedge
        The measured region.
    filtering : {"none", "ramp", "hamming"}
        No filter, k⊥, or that times a Hamming window, which is 0.08 at Nyquist.

    Returns
    -------
    Tensor, shape (z, y, x // 2 + 1), float32
        Unshifted half spectrum; 0 where nothing was measured, and for the mean. Scaled so that white noise
        of variance 1 becomes noise of about variance 1.
    """
    size = three(shape)
    z, y, x = frequencies(size, device=device)
    across = x if wedge.tilt_axis == "y" else y
    distance = (z.square() + across.square()).sqrt()
    nearest = 0.5 / max(size[0], size[2] if wedge.tilt_axis == "y" else size[1])
    power = 1 / distance.clamp(min=nearest)
    if filtering != "none":
        power = power * distance.square()
    if filtering == "hamming":
        power = power * (0.54 + 0.46 * torch.cos(2 * torch.pi * distance.clamp(max=0.5))).square()
    power = power * wedge.sector(size, device=device)
    power[0, 0, 0] = 0.0
    variance = (power * hermitian_weight(size, device=device)).sum() / math.prod(size)
    return (power / variance).sqrt()


__all__ = ["NoiseFilter", "projection_noise_gain"]
