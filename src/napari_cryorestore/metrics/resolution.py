"""How far two half maps agree: their shell correlation, its resolution in Å, the fall of their power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_cryorestore.physics.fourier import hermitian_weight, rfft, tukey_window
from napari_cryorestore.physics.fsc import fourier_shell_correlation, resolution_at, shell_counts, shell_sums

if TYPE_CHECKING:
    from torch import Tensor

TAPER = 0.25
"""Share of every axis over which a volume fades out where no mask is given."""


@dataclass(frozen=True)
class Resolution:
    """The Fourier shell correlation between two half maps.

    Attributes
    ----------
    curve : Tensor, shape (n_shells,), float32, on the CPU
        Element i belongs to `frequencies[i]`.
    frequencies : Tensor, shape (n_shells,), float32, on the CPU
        In 1/Å.
    at_half, at_0143 : float or None
        Resolution in Å where the curve first falls below 0.5 and 0.143; None where there is none.
        Between denoised half maps it is no true resolution: they share what the network made up.
    """

    curve: Tensor
    frequencies: Tensor
    at_half: float | None
    at_0143: float | None


@torch.no_grad()
def fsc_resolution(
    even: Tensor,
    odd: Tensor,
    voxel_size: float,
    *,
    mask: Tensor | None = None,
    region: Tensor | None = None,
) -> Resolution:
    """Measure the resolution between two half maps.

    The mean is taken off, then the volumes are multiplied by the mask, or by a Tukey window so that their
    borders do not correlate. Shells are 1/max(z, y, x) cycles/voxel wide, up to Nyquist.

    Parameters
    ----------
    even, odd : Tensor, shape (..., z, y, x)
        One volume each, with at most leading ones in their shape.
    voxel_size : float
        In Å.
    mask : Tensor, shape (z, y, x), optional
        In real space, 0 to 1 with soft edges; a sharp one raises the correlation.
    region : Tensor, shape (z, y, x // 2 + 1), bool, optional
        In Fourier space: the coefficients to correlate, e.g. a wedge mask. Shells with fewer than 10 of them
        are exactly 0.

    Returns
    -------
    Resolution

    Raises
    ------
    ValueError
        If the shapes do not fit together or the voxel size is not positive.
    """
    if not voxel_size > 0:
        raise ValueError(f"The voxel size must be a positive number of Å, not {voxel_size:g}.")
    first, second = _single(even), _single(odd)
    if first.shape != second.shape:
        raise ValueError(
            f"The half maps must have one shape, not {tuple(first.shape)} and {tuple(second.shape)}."
        )
    window = _window(first, mask)
    pair = (_windowed(volume, window)[None] for volume in (first, second))
    curve = fourier_shell_correlation(*pair, mask=region)[0].cpu()
    size = max(first.shape[-3:])
    at_half, at_0143 = (resolution_at(curve, level, voxel_size, size=size) for level in (0.5, 0.143))
    frequencies = torch.arange(1, len(curve) + 1) / (size * voxel_size)
    return Resolution(curve, frequencies, at_half, at_0143)


@torch.no_grad()
def radial_power(volume: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Return the mean power of the Fourier coefficients in every shell.

    Parameters
    ----------
    volume : Tensor, shape (..., z, y, x)
        One volume; its mean is taken off and its borders are faded out.
    mask : Tensor, shape (z, y, x // 2 + 1), bool, optional
        The coefficients to average, e.g. a wedge mask.

    Returns
    -------
    Tensor, shape (n_shells,), float32
        Element i is at (i + 1) / max(z, y, x) cycles/voxel; for white noise its variance whatever the window,
        and 0 where the mask leaves nothing.
    """
    count, energy = shell_energy(volume, mask=mask)
    return energy / count.clamp(min=1)


@torch.no_grad()
def shell_energy(volume: Tensor, *, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Count the Fourier coefficients of every shell and sum their power.

    Parameters
    ----------
    volume, mask
        As of `radial_power`.

    Returns
    -------
    count, energy : Tensor, shape (n_shells,), float32
        Coefficients in the mask, those of both halves of the spectrum, and their summed power; the energy of
        white noise is its variance times the count.
    """
    single = _single(volume)
    shape = single.shape
    window = _window(single, None)
    spectrum = rfft(_windowed(single, window))
    weight = hermitian_weight(shape, device=single.device)
    if mask is not None:
        weight = weight * mask
    _, power, _ = shell_sums(spectrum[None], spectrum[None], shape, weight=weight)
    return shell_counts(weight, shape)[0], power[0] / window.square().sum()


def _single(volume: Tensor) -> Tensor:
    if volume.dim() < 3 or volume.shape[:-3].numel() != 1:
        raise ValueError(
            f"Expected one volume of shape (..., z, y, x), not a tensor of {tuple(volume.shape)}."
        )
    return volume.float().reshape(volume.shape[-3:])


def _window(volume: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return tukey_window(volume.shape, alpha=TAPER, device=volume.device)
    if mask.shape != volume.shape:
        raise ValueError(
            f"The mask must have the half maps' shape {tuple(volume.shape)}, not {tuple(mask.shape)}."
        )
    return mask.float().to(volume.device)


def _windowed(volume: Tensor, window: Tensor) -> Tensor:
    return (volume - volume.mean()) * window
