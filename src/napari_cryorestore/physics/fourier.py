"""Frequencies, shells, windows and transforms of the real half spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    Device = torch.device | str | None

_TIE = 1e-4  # shells: non-cubic volumes have radii midway between two, which rounding errors must not decide


def rfft(volume: Tensor) -> Tensor:
    """Transform real volumes to their half spectrum, always in float32.

    Parameters
    ----------
    volume : Tensor, shape (..., z, y, x)
        Any real type; autocast has no say here.

    Returns
    -------
    Tensor, shape (..., z, y, x // 2 + 1), complex64
        Unshifted, not normalised.
    """
    spectrum: Tensor = torch.fft.rfftn(volume.float(), dim=(-3, -2, -1))
    return spectrum


def irfft(spectrum: Tensor, shape: Sequence[int]) -> Tensor:
    """Transform a half spectrum back to real volumes; the inverse of `rfft`.

    Parameters
    ----------
    spectrum : Tensor, shape (..., z, y, x // 2 + 1), complex64
    shape : sequence of three ints
        (z, y, x) of the volume; needed because odd and even x share a half spectrum.

    Returns
    -------
    Tensor, shape (..., z, y, x), float32
    """
    volume: Tensor = torch.fft.irfftn(spectrum, s=three(shape), dim=(-3, -2, -1))
    return volume


def frequencies(shape: Sequence[int], *, device: Device = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the frequency of every coefficient of the half spectrum, axis by axis.

    Parameters
    ----------
    shape : sequence of three ints
        (z, y, x) of the volume.

    Returns
    -------
    kz, ky, kx : Tensor, shapes (z, 1, 1), (1, y, 1), (1, 1, x // 2 + 1), float32
        In cycles/voxel, unshifted; the Nyquist frequency of an even axis is -0.5 (z, y) or +0.5 (x).
    """
    z, y, x = three(shape)
    kz = torch.fft.fftfreq(z, dtype=torch.float32, device=device)
    ky = torch.fft.fftfreq(y, dtype=torch.float32, device=device)
    kx = torch.fft.rfftfreq(x, dtype=torch.float32, device=device)
    return kz[:, None, None], ky[None, :, None], kx[None, None, :]


def radius(shape: Sequence[int], *, device: Device = None) -> Tensor:
    """Return |k| of every coefficient of the half spectrum.

    Returns
    -------
    Tensor, shape (z, y, x // 2 + 1), float32
        In cycles/voxel, 0 to sqrt(3)/2.
    """
    kz, ky, kx = frequencies(shape, device=device)
    return (kz.square() + ky.square() + kx.square()).sqrt()


def nyquist_ball(shape: Sequence[int], *, device: Device = None) -> Tensor:
    """Return the spherical support, |k| < 0.5 cycles/voxel: a wedge mask if nothing were missing.

    Returns
    -------
    Tensor, shape (z, y, x // 2 + 1), bool
    """
    kz, ky, kx = frequencies(shape, device=device)
    return kz.square() + ky.square() + kx.square() < 0.25


def hermitian_weight(shape: Sequence[int], *, device: Device = None) -> Tensor:
    """Return how often a half-spectrum coefficient stands in the full spectrum.

    ``sum(weight * |rfft(v)|**2) / v.numel()`` is ``sum(v**2)`` (Parseval).

    Returns
    -------
    Tensor, shape (1, 1, x // 2 + 1), float32
        1 for kx = 0 and for the Nyquist column of an even x, else 2.
    """
    size = three(shape)[2]
    weight = torch.full((size // 2 + 1,), 2.0, device=device)
    weight[0] = 1.0
    if size % 2 == 0:
        weight[-1] = 1.0
    return weight[None, None, :]


def shell_index(shape: Sequence[int], *, device: Device = None) -> tuple[Tensor, int]:
    """Sort the half spectrum into shells of width 1/max(shape) cycles/voxel.

    Returns
    -------
    index : Tensor, shape (z, y, x // 2 + 1), int64
        ``round(|k| * max(shape))``, ties down: 0 is DC, 1 to n are the shells, n + 1 takes the corners
        beyond Nyquist.
    n_shells : int
        n = ``max(shape) // 2``.
    """
    size = max(three(shape))
    n_shells = size // 2
    index = (radius(shape, device=device) * size - _TIE).round().long().clamp_(max=n_shells + 1)
    return index, n_shells


def tukey_window(shape: Sequence[int], *, alpha: float, device: Device = None) -> Tensor:
    """Return the separable Tukey (tapered cosine) window, sampled at voxel centres so that no voxel is lost.

    Parameters
    ----------
    shape : sequence of three ints
        (z, y, x).
    alpha : float
        Tapered share of every axis, 0 (box) to 1 (Hann).

    Returns
    -------
    Tensor, shape (z, y, x), float32
        Symmetric, greater than 0, at most 1.

    Raises
    ------
    ValueError
        If alpha is not between 0 and 1.
    """
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"The window's tapered share must lie between 0 and 1, not {alpha:g}.")
    z, y, x = (_taper(size, alpha, device) for size in three(shape))
    return z[:, None, None] * y[None, :, None] * x[None, None, :]


def hann_window(shape: Sequence[int], *, device: Device = None) -> Tensor:
    """Return the separable Hann window, ``sin(pi (i + 1/2) / n)**2`` along every axis.

    Returns
    -------
    Tensor, shape (z, y, x), float32
    """
    return tukey_window(shape, alpha=1.0, device=device)


def three(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return a volume's shape as (z, y, x).

    Raises
    ------
    ValueError
        If there are not exactly three positive sizes.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"A volume's shape is three positive sizes (z, y, x), not {tuple(shape)}.")
    return int(shape[0]), int(shape[1]), int(shape[2])


def _taper(size: int, alpha: float, device: Device) -> Tensor:
    position = (torch.arange(size, dtype=torch.float32, device=device) + 0.5) / size
    from_edge = torch.minimum(position, 1.0 - position)
    if alpha == 0.0:
        return torch.ones_like(from_edge)
    return (torch.pi * from_edge.clamp(max=alpha / 2) / alpha).sin().square()
