"""Rotations by any angle, drawn evenly and applied to crops where they lie, by cubic splines."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import lru_cache
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional


def drawn_rotations(count: int, generator: torch.Generator) -> Tensor:
    """Draw rotations, every one of SO(3) as likely as any other.

    Returns
    -------
    Tensor, shape (count, 3, 3), float32
        On the CPU; act on (z, y, x) vectors.
    """
    w, x, y, z = functional.normalize(torch.randn(count, 4, generator=generator)).unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def size_to_turn(size: int) -> int:
    """Return the edge of what is cut for crops of an edge: √2 times as much, and as odd or even.

    Turned by any angle, such a cube covers all but 1 % of a crop on average, at most 3 %; the rest, in its
    corners, is mirrored.
    """
    return size + 2 * math.ceil((math.sqrt(2) - 1) / 2 * size)


def size_of_turned(cut: int) -> int:
    """Return the edge of the crops for which cubes of an edge were cut, see `size_to_turn`."""
    return next(size for size in range(cut, 0, -1) if size_to_turn(size) <= cut)


def turned_freely(volumes: Tensor, rotations: Tensor, size: int) -> Tensor:
    """Rotate cubes about their centres, each in its way, and cut the middle out.

    v_g(r) = v(gᵀ r), interpolated by cubic B-splines whose coefficients are sharpened so that no frequency
    below Nyquist is weakened on average.

    Parameters
    ----------
    volumes : Tensor, shape (b, c, n, n, n), float32
        What is missing outside is mirrored.
    rotations : Tensor, shape (b, 3, 3), float32
        On the same device, acting on (z, y, x) vectors.
    size : int
        Edge of the crops to return, in voxels.

    Returns
    -------
    Tensor, shape (b, c, size, size, size), float32
    """
    matrix = _sharpening(volumes.shape[-1], volumes.device)
    return splines_read(along_every_axis(volumes, matrix), rotations, size)


def splines_read(coefficients: Tensor, rotations: Tensor, size: int) -> Tensor:
    """Return the splines of some coefficients, turned."""
    edge = coefficients.shape[-1]
    lower, upper, share = _two_places(sources_of(rotations, size, edge))
    result = coefficients.new_zeros(*coefficients.shape[:2], size, size, size)
    for corner in product((0, 1), repeat=3):
        parts = [(upper if far else lower)[..., axis] for axis, far in enumerate(corner)]
        weights = [share[..., axis] if far else 1 - share[..., axis] for axis, far in enumerate(corner)]
        grid = torch.stack(parts[::-1], -1) * (2 / (edge - 1)) - 1  # it counts axes backwards, from -1 to 1
        sampled = functional.grid_sample(
            coefficients, grid, mode="bilinear", padding_mode="reflection", align_corners=True
        )
        result += sampled * (weights[0] * weights[1] * weights[2])[:, None]
    return result


def sources_of(rotations: Tensor, size: int, edge: int) -> Tensor:
    """Return where in a cube each voxel of the turned crop is from, (b, size, size, size, 3) in voxels."""
    along = torch.arange(size, device=rotations.device, dtype=torch.float32) - (size - 1) / 2
    r = (along[:, None, None], along[None, :, None], along[None, None, :])
    g = rotations[:, :, :, None, None, None]
    columns = [g[:, 0, axis] * r[0] + g[:, 1, axis] * r[1] + g[:, 2, axis] * r[2] for axis in range(3)]
    return torch.stack(columns, -1) + (edge - 1) / 2


def _two_places(sources: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return, axis by axis, two places to interpolate linearly at, and the share of the second.

    A cubic B-spline has four weights along an axis: two pairs, each a linear interpolation.
    """
    whole = sources.floor()
    t = sources - whole
    third = (1 - t).pow(3) / 6, (4 - 6 * t.square() + 3 * t.pow(3)) / 6, t.pow(3) / 6
    share = 1 - third[0] - third[1]
    return whole - 1 + third[1] / (third[0] + third[1]), whole + 1 + third[2] / share, share


def along_every_axis(volumes: Tensor, matrix: Tensor) -> Tensor:
    """Multiply every axis by a matrix, always in 32 bits."""
    with nullcontext() if volumes.is_meta else torch.autocast(volumes.device.type, enabled=False):
        volumes = volumes.float() @ matrix.T
        volumes = matrix @ volumes
        result: Tensor = (matrix @ volumes.flatten(-2)).view(volumes.shape)
    return result


@lru_cache(maxsize=16)
@torch.inference_mode(mode=False)
def _sharpening(edge: int, device: torch.device) -> Tensor:
    """Return the matrix that makes spline coefficients of a line of voxels, mirrored at its ends.

    Read at places between the voxels, a cubic B-spline weakens the frequency f by sinc⁴(f) on average. The
    matrix divides by that. (To pass through the voxels, as interpolation does, it would divide by
    (2 + cos 2πf) / 3, which leaves half at Nyquist.)
    """
    place = torch.arange(edge, dtype=torch.float64)
    cosines = torch.cos(math.pi / (edge - 1) * place[:, None] * place)
    gain = torch.sinc(place / (2 * (edge - 1))).pow(-4)
    matrix: Tensor = cosines * gain @ torch.linalg.inv(cosines)
    return matrix.float().to(device)


__all__ = [
    "along_every_axis",
    "drawn_rotations",
    "size_of_turned",
    "size_to_turn",
    "sources_of",
    "splines_read",
    "turned_freely",
]
