"""The Fourier shell correlation, batched and differentiable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_cryorestore.physics.fourier import hermitian_weight, rfft, shell_index, tukey_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

FEWEST = 10
"""Fewer measured coefficients than this say nothing about a shell."""

_TAPERED = 0.2  # share of every axis of a crop that fades out before it is correlated
_TINY = 1e-20  # keeps the gradient finite for a volume that is zero everywhere


def fourier_shell_correlation(
    a: Tensor, b: Tensor, *, mask: Tensor | None = None, epsilon: float = 1e-6
) -> Tensor:
    """Correlate two batches of volumes shell by shell.

    ``FSC(q) = C / sqrt((P + eps_P) (Q + eps_Q))`` with the shell sums ``C = Σ h Re(A conj(B))``,
    ``P = Σ h |A|²``, ``Q = Σ h |B|²`` (Jones et al. 2026, Eq. 9), h the multiplicity of a half-spectrum
    coefficient times its mask, and ``eps_P = epsilon * mean_q P``, detached: neither volume's scale matters.
    DC and the corners beyond Nyquist belong to no shell. Float32 throughout, also under autocast.

    Parameters
    ----------
    a, b : Tensor, shape (b, 1, z, y, x) or (b, z, y, x)
        Window them first (`fourier.tukey_window`) where their edges must not count.
    mask : Tensor, shape (z, y, x // 2 + 1) or (b, [1,] z, y, x // 2 + 1), optional
        Weight of each coefficient, e.g. a wedge mask. A shell with fewer than 10 measured coefficients is
        dropped: its value is exactly 0 and has no gradient.

    Returns
    -------
    Tensor, shape (b, n_shells), float32
        -1 to 1; column i is shell i + 1, at (i + 1) / max(z, y, x) cycles/voxel.

    Raises
    ------
    ValueError
        If the shapes of the volumes differ or are not batches of single-channel volumes.
    """
    a, b = _batch(a), _batch(b)
    if a.shape != b.shape:
        raise ValueError(
            f"Volumes to correlate must have one shape, not {tuple(a.shape)} and {tuple(b.shape)}."
        )
    shape = a.shape[-3:]
    weight = hermitian_weight(shape, device=a.device)
    if mask is not None:
        weight = weight * mask.reshape(-1, *mask.shape[-3:])
    cross, power_a, power_b = shell_sums(rfft(a), rfft(b), shape, weight=weight)
    fsc = cross / (_root(power_a, epsilon) * _root(power_b, epsilon))
    if mask is None:
        return fsc
    return torch.where(shell_counts(weight, shape) >= FEWEST, fsc, 0.0)


def one_minus_fsc(
    prediction: Tensor,
    target: Tensor,
    *,
    mask: Tensor | None = None,
    weights: Tensor | None = None,
    first_shell: int = 1,
) -> Tensor:
    """Return 1 − ⟨FSC(q)⟩ over shells and batch, a loss (Jones et al. 2026, Eq. 9-10).

    Both are faded out by a Tukey window first, so that the edges of crops do not count.

    Parameters
    ----------
    prediction, target : Tensor, shape (b, 1, z, y, x)
    mask : Tensor, shape (z, y, x // 2 + 1) or (b, [1,] z, y, x // 2 + 1), optional
        What of Fourier space counts, e.g. a wedge mask; shells of which hardly anything is left are left out.
    weights : Tensor, shape (n_shells,), optional
        How much each shell counts; all alike if not given.
    first_shell : int
        Shells before this one do not count.

    Returns
    -------
    Tensor, scalar
        0 for the same volumes, about 1 for unrelated and 2 for negated ones; 1 where no shell counts.
    """
    shape = tuple(prediction.shape[-3:])
    window = tukey_window(shape, alpha=_TAPERED, device=prediction.device)
    curve = fourier_shell_correlation(prediction * window, target * window, mask=mask)
    counted = torch.ones_like(curve) if weights is None else weights.expand_as(curve)
    if mask is not None:
        weight = hermitian_weight(shape, device=mask.device) * mask.reshape(-1, *mask.shape[-3:])
        counted = counted * (shell_counts(weight, shape) >= FEWEST)
    curve, counted = curve[:, first_shell - 1 :], counted[:, first_shell - 1 :]
    means = (curve * counted).sum(1) / counted.sum(1).clamp(min=_TINY)
    return 1 - means.mean()


def shell_counts(weight: Tensor, shape: Sequence[int]) -> Tensor:
    """Count the coefficients of each shell, or of a part of it.

    Parameters
    ----------
    weight : Tensor, broadcastable to (b, z, y, x // 2 + 1)
        `fourier.hermitian_weight`, times a mask if there is one.
    shape : sequence of three ints
        (z, y, x) of the volumes.

    Returns
    -------
    Tensor, shape (b, n_shells), float32
        Of shells 1 to n, those of the other half of the spectrum included.
    """
    index, n_shells = shell_index(shape, device=weight.device)
    batch = weight if weight.dim() == 4 else weight[None]
    return _shell_sum(batch.expand(-1, *index.shape), index, n_shells)


def shell_sums(
    a: Tensor, b: Tensor, shape: Sequence[int], *, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Sum the cross and the two power spectra over each shell, to be averaged before a ratio is taken.

    Parameters
    ----------
    a, b : Tensor, shape (b, z, y, x // 2 + 1), complex64
        Half spectra.
    shape : sequence of three ints
        (z, y, x) of the volumes.
    weight : Tensor, broadcastable to the spectra
        `fourier.hermitian_weight`, times a mask if there is one.

    Returns
    -------
    cross, power_a, power_b : Tensor, shape (b, n_shells), float32
        ``Σ h Re(A conj(B))``, ``Σ h |A|²`` and ``Σ h |B|²`` of shells 1 to n.
    """
    index, n_shells = shell_index(shape, device=a.device)
    cross = a.real * b.real + a.imag * b.imag
    power_a = a.real.square() + a.imag.square()
    power_b = b.real.square() + b.imag.square()
    first, second, third = (_shell_sum(weight * term, index, n_shells) for term in (cross, power_a, power_b))
    return first, second, third


def resolution_at(
    curve: Tensor | Sequence[float], threshold: float, voxel_size: float, *, size: int
) -> float | None:
    """Return where a curve first falls below a threshold, interpolated linearly between shells.

    Parameters
    ----------
    curve : Tensor or sequence, shape (n_shells,)
        One row of `fourier_shell_correlation`. Leading shells that were dropped (exactly 0) are skipped.
    threshold : float
        For instance 0.5 or 0.143.
    voxel_size : float
        In Å.
    size : int
        The largest size of the volumes in voxels, which sets the width of a shell.

    Returns
    -------
    float or None
        The resolution in Å; None if the curve never falls below the threshold or is below it from the start.
    """
    values = [float(value) for value in curve]
    first = next((i for i, value in enumerate(values) if value != 0.0), len(values))
    for i in range(first + 1, len(values)):
        above, below = values[i - 1], values[i]
        if above < threshold:
            break
        if below < threshold:
            shell = i + (above - threshold) / (above - below)  # values[i - 1] is shell i
            return voxel_size * size / shell
    return None


def _batch(volume: Tensor) -> Tensor:
    if volume.dim() == 5 and volume.shape[1] == 1:
        return volume[:, 0]
    if volume.dim() != 4:
        raise ValueError(
            f"Expected volumes of shape (b, 1, z, y, x) or (b, z, y, x), not {tuple(volume.shape)}: "
            "add a batch dimension or choose one channel."
        )
    return volume


def _shell_sum(values: Tensor, index: Tensor, n_shells: int) -> Tensor:
    flat = values.reshape(values.shape[0], -1)
    sums = flat.new_zeros(flat.shape[0], n_shells + 2).index_add(1, index.reshape(-1), flat)
    return sums[:, 1:-1]


def _root(power: Tensor, epsilon: float) -> Tensor:
    floor = epsilon * power.detach().mean(dim=1, keepdim=True) + _TINY
    return (power + floor).sqrt()
