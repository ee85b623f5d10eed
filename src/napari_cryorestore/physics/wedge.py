"""The measured region of Fourier space: one analytic wedge mask for all methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

from napari_cryorestore.physics.fourier import frequencies, hermitian_weight, irfft, nyquist_ball, rfft, three
from napari_cryorestore.physics.rotation import (
    ELEMENTS,
    WEDGE_PRESERVING,
    SignedPermutation,
    across_tilt_axis,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_cryorestore.recording import Recording

_ANGLE_TOLERANCE = 1e-4  # degrees: float32 rounding must not decide about planes exactly at the limit
_ZERO = 1e-6  # cycles/voxel: what a rotation matrix makes of zero


@dataclass(frozen=True)
class Wedge:
    """Which part of Fourier space a single-axis tilt series has measured.

    The beam is z. With tilt axis y, the elevation of a frequency is ``φ = atan2(kz sign(kx), |kx|)``, so that
    the quadrant kx·kz > 0 is bounded by ``tilt_max``; with tilt axis x, y takes the place of x.

    Attributes
    ----------
    tilt_min, tilt_max : float
        The final (aligned) tilt range in degrees, within -90 to 90.
    tilt_axis : {"y", "x"}

    Raises
    ------
    ValueError
        If the range is reversed, empty or beyond ±90 degrees, or the axis is neither y nor x.
    """

    tilt_min: float
    tilt_max: float
    tilt_axis: Literal["y", "x"] = "y"

    @classmethod
    def of(cls, recording: Recording) -> Wedge | None:
        """Return the region that a tomogram's tilts measured; ``None`` where the tilt range is unknown."""
        return None if recording.tilt_range is None else cls(*recording.tilt_range, recording.axis)

    def __post_init__(self) -> None:
        across_tilt_axis(self.tilt_axis)
        text = f"{self.tilt_min:g} to {self.tilt_max:g} degrees"
        if not (abs(self.tilt_min) <= 90 and abs(self.tilt_max) <= 90):
            raise ValueError(
                f"The tilt range {text} must lie within -90 to 90 degrees: check the tilt angles."
            )
        if self.tilt_min >= self.tilt_max:
            raise ValueError(
                f"The tilt range is reversed or empty: {text}; give the smaller angle first, e.g. -60 to 60."
            )

    def mask(
        self,
        shape: Sequence[int],
        *,
        rotation: SignedPermutation | Tensor | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Return the wedge mask with spherical support, as it is or rotated.

        ``keep = (tilt_min <= φ <= tilt_max) or on the tilt-axis line (DC included)``, and ``|k| < 0.5``. The
        strict sphere also removes the Nyquist planes of even sizes, so mask(k) == mask(-k) exactly. Rotated
        by g (v_g(r) = v(g⁻¹ r)), the same formula is evaluated on gᵀk: no interpolation.

        Parameters
        ----------
        shape : sequence of three ints
            (z, y, x) of the volume, after the rotation.
        rotation : SignedPermutation or Tensor of shape (3, 3), optional
            g, acting on (z, y, x) vectors; a tensor must be orthogonal.

        Returns
        -------
        Tensor, shape (z, y, x // 2 + 1), bool
            True where measured; unshifted half spectrum.

        Raises
        ------
        ValueError
            If the rotation is no orthogonal 3×3 matrix.
        """
        return self._inside(_rotate_back(frequencies(shape, device=device), rotation))

    def turned_masks(self, shape: Sequence[int], rotations: Tensor) -> Tensor:
        """Return the masks of several rotations by any angle, without a look at their values.

        Parameters
        ----------
        shape : sequence of three ints
            (z, y, x) of a volume.
        rotations : Tensor, shape (b, 3, 3), float32
            On the device where the masks shall be; each as in `mask`, but taken to be orthogonal.

        Returns
        -------
        Tensor, shape (b, z, y, x // 2 + 1), bool
        """
        rows = rotations.permute(1, 2, 0)[..., None, None, None]
        return self._inside(_combined(rows, frequencies(shape, device=rotations.device)))

    def _inside(self, k: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Tell of frequencies z, y, x whether they are measured and within the sphere."""
        z, y, x = (torch.where(one.abs() < _ZERO, 0.0, one) for one in k)
        across = x if self.tilt_axis == "y" else y
        return self._between(z, across) & (z.square() + y.square() + x.square() < 0.25)

    def rotated_masks(
        self, shape: Sequence[int], *, device: torch.device | str | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the masks of all rotations by elements, each different one once.

        Parameters
        ----------
        shape : sequence of three ints
            (z, y, x) of a cube.

        Returns
        -------
        masks : Tensor, shape (6 or 12, z, y, x // 2 + 1), bool
            As of `mask`; 6 for a symmetric tilt range.
        which : Tensor, shape (48,), int64
            For every one of `ELEMENTS`, which of the masks is ``mask(shape, rotation=element)``.
        """
        kinds = [self._kind(element) for element in ELEMENTS]
        different = list(dict.fromkeys(kinds))
        masks = [self.mask(shape, rotation=ELEMENTS[kinds.index(kind)], device=device) for kind in different]
        which = torch.tensor([different.index(kind) for kind in kinds], device=device)
        return torch.stack(masks), which

    def _kind(self, element: SignedPermutation) -> tuple[int, int, int]:
        """Return what of an element decides its mask: whence beam and across come, and their signs."""
        inverse, across = element.inverse(), across_tilt_axis(self.tilt_axis)
        alike = 1 if self.tilt_min == -self.tilt_max else inverse.signs[0] * inverse.signs[across]
        return inverse.axes[0], inverse.axes[across], alike

    def sector(self, shape: Sequence[int], *, device: torch.device | str | None = None) -> Tensor:
        """Return the measured directions of the whole half spectrum, without the sphere.

        As `mask`, but what lies beyond Nyquist in the corners of the spectrum goes by its direction too: the
        projector A of a volume into its measured part. Hermitian, so that A A v is A v.

        Parameters
        ----------
        shape : sequence of three ints
            (z, y, x) of the volume.

        Returns
        -------
        Tensor, shape (z, y, x // 2 + 1), bool
            True where measured; unshifted half spectrum.
        """
        size = three(shape)
        z, y, x = frequencies(size, device=device)
        keep = self._between(z, x if self.tilt_axis == "y" else y)
        keep = keep.expand(size[0], size[1], size[2] // 2 + 1).clone()
        for plane in (
            {0, size[2] // 2} if size[2] % 2 == 0 else {0}
        ):  # these hold k and -k, so they must agree
            opposite = keep[:, :, plane].flip(0, 1).roll((1, 1), (0, 1))
            keep[:, :, plane] &= opposite
        return keep

    def measured_fraction(self, shape: Sequence[int]) -> float:
        """Return the measured share of the Nyquist ball, 0 to 1 (about (tilt_max - tilt_min) / 180)."""
        weight = hermitian_weight(shape)
        return float((weight * self.mask(shape)).sum() / (weight * nyquist_ball(shape)).sum())

    def _between(self, z: Tensor, across: Tensor) -> Tensor:
        elevation = torch.rad2deg(torch.atan2(torch.where(across < 0, -z, z), across.abs()))
        lower, upper = self.tilt_min - _ANGLE_TOLERANCE, self.tilt_max + _ANGLE_TOLERANCE
        keep = (elevation >= lower) & (elevation <= upper)
        # the plane along the beam is at +90 and -90 degrees at once: testing both ends keeps it Hermitian
        upright = (across == 0) & (z != 0)
        reached = upper >= 90 or lower <= -90
        return torch.where(upright, torch.full_like(upright, reached), keep) | ((across == 0) & (z == 0))


def apply_mask(volume: Tensor, mask: Tensor) -> Tensor:
    """Filter real volumes by a mask of the half spectrum: ``irfft(rfft(v) * mask)``, always in float32.

    Parameters
    ----------
    volume : Tensor, shape (..., z, y, x)
    mask : Tensor, shape (..., z, y, x // 2 + 1), bool or float
        Leading dimensions broadcast.

    Returns
    -------
    Tensor, shape (..., z, y, x), float32

    Raises
    ------
    ValueError
        If the mask does not fit the volume.
    """
    z, y, x = three(volume.shape[-3:])
    if mask.shape[-3:] != (z, y, x // 2 + 1):
        raise ValueError(
            f"A volume of shape {(z, y, x)} needs a half-spectrum mask of shape {(z, y, x // 2 + 1)}, "
            f"not {tuple(mask.shape[-3:])}."
        )
    return irfft(rfft(volume) * mask, (z, y, x))


def _rotate_back(
    k: tuple[Tensor, Tensor, Tensor], rotation: SignedPermutation | Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return gᵀk."""
    if rotation is None:
        return k
    if isinstance(rotation, SignedPermutation):
        inverse = rotation.inverse()
        z, y, x = (sign * k[axis] for axis, sign in zip(inverse.axes, inverse.signs, strict=True))
        return z, y, x
    return _combined(_checked(rotation), k)


def _combined(g: Any, k: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return gᵀk, g by rows.

    Plain sums, not matmul: autocast must not touch them, and gᵀ(-k) = -gᵀk has to hold to the last bit.
    """
    z, y, x = (g[0][i] * k[0] + g[1][i] * k[1] + g[2][i] * k[2] for i in range(3))
    return z, y, x


def _checked(rotation: Tensor) -> list[list[float]]:
    g = rotation.detach().cpu().double()
    if g.shape != (3, 3) or not torch.allclose(g @ g.T, torch.eye(3, dtype=g.dtype), atol=1e-3):
        raise ValueError(
            f"A rotation must be an orthogonal 3×3 matrix on (z, y, x) vectors, not {rotation.tolist()}."
        )
    rows: list[list[float]] = g.tolist()
    return rows


def preserving(wedge: Wedge) -> tuple[SignedPermutation, ...]:
    """Return the elements, identity first, that map this very wedge to itself.

    All of `WEDGE_PRESERVING` for a symmetric tilt range; for an asymmetric one only those that flip the beam
    and the axis across it together or not at all, because the others exchange the ends of the range.
    """
    if wedge.tilt_min == -wedge.tilt_max:
        return WEDGE_PRESERVING
    across = across_tilt_axis(wedge.tilt_axis)
    return tuple(element for element in WEDGE_PRESERVING if element.signs[0] == element.signs[across])


def averaging(wedge: Wedge) -> tuple[SignedPermutation, ...]:
    """Return the four elements, identity first, over which a restoration may be averaged.

    Of those that map the wedge to itself, for a symmetric tilt range the rotations alone: the mirrored ones
    double the work for nothing (docs/benchmarks/time-to-quality.md).
    """
    kept = preserving(wedge)
    rotations = tuple(element for element in kept if element.determinant > 0)
    return rotations if len(kept) == len(WEDGE_PRESERVING) else kept
