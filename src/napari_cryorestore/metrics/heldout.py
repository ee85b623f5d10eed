"""How well a restoration does where no truth is known, measured on a block that was never trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from napari_cryorestore.physics.fourier import hermitian_weight, irfft, nyquist_ball, rfft, tukey_window
from napari_cryorestore.physics.fsc import fourier_shell_correlation
from napari_cryorestore.physics.rotation import SignedPermutation, about_tilt_axis
from napari_cryorestore.physics.wedge import Wedge, apply_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    SecondPass = Callable[[Tensor], Tensor]

TAPER = 0.25
"""Share of every axis over which a block fades out before its spectrum is taken."""


class Correlated(NamedTuple):
    """A correlation over a whole block, and with each of its octants left out (8 values)."""

    whole: float
    left_out: list[float]


class HeldOutNumbers(NamedTuple):
    """What one block says of a restoration.

    Attributes
    ----------
    metrics : dict of str to float
        `n2n`, `half_fsc` and `half_correlation` if there are two halves; `wedge_share` if the wedge is known
        and `fill` if the network can be applied again besides. 0 where a block is empty, never NaN.
    left_out : dict of str to list of 8 float
        `n2n` and `fill` again, each with one octant of the block left out: a jackknife, from which comes how
        much the numbers of two steps differ by chance.
    spread : float
        Standard deviation of the restored halves relative to that of the raw ones: next to nothing before a
        network has begun to learn.
    """

    metrics: dict[str, float]
    left_out: dict[str, list[float]]
    spread: float


@torch.no_grad()
def held_out_metrics(
    restored: Sequence[Tensor], raw: Sequence[Tensor], *, wedge: Wedge | None, second_pass: SecondPass | None
) -> HeldOutNumbers:
    """Measure one block that no training crop has touched.

    Parameters
    ----------
    restored : sequence of two Tensor, or of one, shape (1, 1, z, y, x)
        f(y₀) and f(y₁), in standard deviations: the block restored from each half alone; or f(y) of one map.
    raw : sequence of Tensor, shape (1, 1, z, y, x)
        y₀ and y₁, in standard deviations: the block in each half; or y of one map.
    wedge : Wedge or None
        None where the tilt range is not known.
    second_pass : callable or None
        f on a volume whose wedge is missing, (1, 1, z, y, x); the sizes may come in any order.

    Raises
    ------
    ValueError
        If the blocks do not have one shape (1, 1, z, y, x), or there are more than two halves.
    """
    if not 1 <= len(restored) == len(raw) <= 2:
        raise ValueError(
            f"Two halves are measured, or one map, not {len(restored)} restored and {len(raw)} raw."
        )
    blocks = _alike(*restored, *raw)
    restored, raw = blocks[: len(raw)], blocks[len(raw) :]
    metrics: dict[str, float] = {}
    left_out: dict[str, list[float]] = {}
    if len(raw) > 1:
        metrics, left_out = _of_halves(restored, raw, wedge)
    if wedge is not None:
        metrics["wedge_share"] = wedge_share(torch.stack(list(restored)).mean(0), wedge)
        if second_pass is not None:
            filling = _fills(restored, raw, wedge, second_pass)
            metrics["fill"], left_out["fill"] = filling.whole, filling.left_out
    variances = [torch.stack([one.var() for one in some]).mean() for some in (restored, raw)]
    return HeldOutNumbers(metrics, left_out, _ratio(*variances) ** 0.5)


def _of_halves(
    restored: Sequence[Tensor], raw: Sequence[Tensor], wedge: Wedge | None
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Return what needs two halves, whose noise is not the same."""
    (even, odd), (y0, y1) = restored, raw
    measured = _measured(wedge, even)
    agreement = _averaged([_agreement(even, y1, measured), _agreement(odd, y0, measured)])
    metrics = {
        "n2n": agreement.whole,
        "half_fsc": mean_shell_correlation(even, odd),
        "half_correlation": correlation(even, odd),
    }
    return metrics, {"n2n": agreement.left_out}


def correlation(a: Tensor, b: Tensor) -> float:
    """Return the correlation coefficient of two volumes (..., z, y, x) in real space; 0 if one is flat."""
    a, b = a.float() - a.float().mean(), b.float() - b.float().mean()
    return _ratio((a * b).sum(), a.square().sum().sqrt() * b.square().sum().sqrt())


def masked_correlation(a: Tensor, b: Tensor, mask: Tensor) -> float:
    r"""Correlate two volumes over some of their Fourier coefficients.

    Σ h m Re(A B*) / sqrt(Σ h m \|A\|² Σ h m \|B\|²), with A and B the spectra of the tapered volumes, less
    their means, h the multiplicity of the half spectrum and m the mask, from which DC is left out.

    Parameters
    ----------
    a, b : Tensor, shape (1, 1, z, y, x)
    mask : Tensor, shape (z, y, x // 2 + 1), bool

    Returns
    -------
    float
        -1 to 1; 0 if there is nothing to correlate.
    """
    weight = _weight(mask, a.shape[-3:])
    spectrum_a, spectrum_b = _tapered_spectrum(a), _tapered_spectrum(b)
    cross = (weight * (spectrum_a * spectrum_b.conj()).real).sum()
    power_a, power_b = ((weight * s.abs().square()).sum() for s in (spectrum_a, spectrum_b))
    return _ratio(cross, power_a.sqrt() * power_b.sqrt())


def left_out_correlations(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Return `masked_correlation` with each octant of the volumes left out.

    Both volumes are reduced to the masked coefficients and looked at in real space, where the sums over all
    octants are those over the coefficients.

    Parameters
    ----------
    a, b : Tensor, shape (1, 1, z, y, x)
        At least two voxels along each axis.
    mask : Tensor, shape (z, y, x // 2 + 1), bool

    Returns
    -------
    Tensor, shape (2, 2, 2)
        By the octant left out, in the order of the axes; 0 where nothing is left to correlate.
    """
    shape = a.shape[-3:]
    kept = mask.clone()
    kept[0, 0, 0] = False
    seen_a, seen_b = (irfft(_tapered_spectrum(volume) * kept, shape) for volume in (a, b))
    sums = [_octant_sums(product[0, 0]) for product in (seen_a * seen_b, seen_a.square(), seen_b.square())]
    cross, power_a, power_b = (octants.sum() - octants for octants in sums)
    power = (power_a * power_b).clamp(min=0).sqrt()
    return torch.where(power > 0, cross / torch.where(power > 0, power, 1), 0.0)


def mean_shell_correlation(a: Tensor, b: Tensor) -> float:
    """Return the mean over the Fourier shells of the correlation of two tapered volumes (1, 1, z, y, x)."""
    return float(fourier_shell_correlation(_tapered(a), _tapered(b)).mean())


def wedge_share(volume: Tensor, wedge: Wedge) -> float:
    """Return the share of the spectral energy, DC apart, that lies in the missing wedge.

    Parameters
    ----------
    volume : Tensor, shape (1, 1, z, y, x)
    wedge : Wedge

    Returns
    -------
    float
        0 to 1, within the Nyquist ball; about 0.33 for an isotropic spectrum and a range of ±60 degrees.
    """
    shape = volume.shape[-3:]
    ball, measured = nyquist_ball(shape, device=volume.device), wedge.mask(shape, device=volume.device)
    power = _tapered_spectrum(volume).abs().square()
    whole, missing = ((_weight(m, shape) * power).sum() for m in (ball, ball & ~measured))
    return _ratio(missing, whole)


def fill(
    restored: Tensor, other_raw: Tensor, element: SignedPermutation, *, wedge: Wedge, second_pass: SecondPass
) -> Correlated:
    """Cross-validate the filling of the wedge: corr(f(A R f(y_a)), R y_b) over coefficients hidden from f.

    Rotated by R, a part of what was measured lies in the wedge. A takes it away, the network puts it back and
    the other half's raw data tell how well: only coefficients that R y_b measured and A hides are compared.
    What A lets pass is taken off both sides before they are tapered, as the taper would smear it into the
    wedge; a network that fills nothing therefore scores 0.

    Parameters
    ----------
    restored : Tensor, shape (1, 1, z, y, x)
        f(y_a).
    other_raw : Tensor, shape (1, 1, z, y, x)
        y_b.
    element : SignedPermutation
        R; may exchange the sizes of the block.
    second_pass : callable
        f, (1, 1, z, y, x) to the same shape.

    Returns
    -------
    Correlated
        -1 to 1; 0 if nothing is hidden. The octants are those of the block before it was rotated.
    """
    turned, target = element.apply(restored), element.apply(other_raw)
    shape = turned.shape[-3:]
    measured = wedge.mask(shape, device=turned.device)
    missing = nyquist_ball(shape, device=turned.device) & ~measured
    hidden = missing & wedge.mask(shape, rotation=element, device=turned.device)
    filled = second_pass(apply_mask(turned, measured))
    back = element.inverse()
    return _agreement(apply_mask(filled, missing), apply_mask(target, missing), hidden, back=back)


def fill_elements(wedge: Wedge, shape: Sequence[int]) -> tuple[SignedPermutation, ...]:
    """Return the rotations by which `fill` is averaged.

    The quarter turns about the tilt axis, both ways, which hide the most; for a cubic block, all of whose
    rotations have one shape, also one of each kind that moves all three axes.
    """
    turns = (about_tilt_axis(1, wedge.tilt_axis), about_tilt_axis(-1, wedge.tilt_axis))
    if len(set(shape)) > 1:
        return turns
    return (*turns, SignedPermutation((1, 2, 0), (1, 1, 1)), SignedPermutation((2, 0, 1), (1, 1, 1)))


def _alike(*blocks: Tensor) -> list[Tensor]:
    if any(b.shape != blocks[-1].shape or b.dim() != 5 or b.shape[:2] != (1, 1) for b in blocks):
        shapes = ", ".join(str(tuple(b.shape)) for b in blocks)
        raise ValueError(f"The blocks to compare must all have one shape (1, 1, z, y, x), not {shapes}.")
    return [b.float() for b in blocks]


def _fills(
    restored: Sequence[Tensor], raw: Sequence[Tensor], wedge: Wedge, second_pass: SecondPass
) -> Correlated:
    """Average `fill` over rotations, and over both directions, even to odd and odd to even.

    Of one map, what the rotation hides is filled from the raw map itself: the noise of other coefficients,
    which is all that f then sees, has nothing to do with that of the hidden ones.
    """
    seen = raw if len(raw) == 1 else restored
    return _averaged(
        [
            fill(ours, theirs, element, wedge=wedge, second_pass=second_pass)
            for element in fill_elements(wedge, raw[0].shape[-3:])
            for ours, theirs in zip(seen, reversed(raw), strict=True)
        ]
    )


def _agreement(a: Tensor, b: Tensor, mask: Tensor, *, back: SignedPermutation | None = None) -> Correlated:
    octants = left_out_correlations(a, b, mask)
    octants = octants if back is None else back.apply(octants)
    return Correlated(masked_correlation(a, b, mask), octants.flatten().tolist())


def _averaged(scores: list[Correlated]) -> Correlated:
    whole = sum(score.whole for score in scores) / len(scores)
    octants = zip(*(score.left_out for score in scores), strict=True)
    return Correlated(whole, [sum(values) / len(scores) for values in octants])


def _octant_sums(values: Tensor) -> Tensor:
    """Return the sums over the octants, (2, 2, 2), of values (z, y, x)."""
    for axis, size in enumerate(values.shape):
        halves = values.narrow(axis, 0, size // 2), values.narrow(axis, size // 2, size - size // 2)
        values = torch.cat([half.sum(axis, keepdim=True) for half in halves], dim=axis)
    return values


def _measured(wedge: Wedge | None, block: Tensor) -> Tensor:
    shape = block.shape[-3:]
    if wedge is not None:
        return wedge.mask(shape, device=block.device)
    return nyquist_ball(shape, device=block.device)


def _weight(mask: Tensor, shape: Sequence[int]) -> Tensor:
    weight = mask * hermitian_weight(shape, device=mask.device)
    weight[..., 0, 0, 0] = 0
    return weight


def _tapered(volume: Tensor) -> Tensor:
    volume = volume.float()
    centred = volume - volume.mean()
    return centred * tukey_window(volume.shape[-3:], alpha=TAPER, device=volume.device)


def _tapered_spectrum(volume: Tensor) -> Tensor:
    return rfft(_tapered(volume))


def _ratio(numerator: Tensor, denominator: Tensor) -> float:
    return float(numerator / denominator) if float(denominator) > 0 else 0.0
