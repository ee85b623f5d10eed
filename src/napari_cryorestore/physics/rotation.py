"""The signed permutations of the axes, by which a volume is rotated and mirrored without interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product
from typing import TYPE_CHECKING, Any, Literal

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True)
class SignedPermutation:
    """One of the 48 rotations and reflections that map the axes (z, y, x) to themselves.

    As a matrix g on (z, y, x) vectors, row d has ``signs[d]`` in column ``axes[d]``; acting on a volume,
    v_g(r) = v(g⁻¹ r).

    Attributes
    ----------
    axes : tuple of three ints
        Where each new axis comes from, a permutation of (0, 1, 2) = (z, y, x).
    signs : tuple of three ints
        -1 where the new axis is flipped, else 1.

    Raises
    ------
    ValueError
        If axes is no permutation of (0, 1, 2) or a sign is not 1 or -1.
    """

    axes: tuple[int, int, int]
    signs: tuple[int, int, int]

    def __post_init__(self) -> None:
        if sorted(self.axes) != [0, 1, 2]:
            raise ValueError(f"The axes must be a permutation of (0, 1, 2), not {self.axes}.")
        if any(sign not in (-1, 1) for sign in self.signs) or len(self.signs) != 3:
            raise ValueError(f"The signs must be three of 1 and -1, not {self.signs}.")

    @property
    def determinant(self) -> int:
        """1 for a rotation, -1 for one that mirrors, and so changes the chirality of molecules."""
        (a, b, c), (p, q, r) = self.axes, self.signs
        parity = 1 if (a, b, c) in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1
        return parity * p * q * r

    def matrix(self) -> Tensor:
        """Return g.

        Returns
        -------
        Tensor, shape (3, 3), int64
            Acts on (z, y, x) column vectors.
        """
        matrix = torch.zeros(3, 3, dtype=torch.int64)
        matrix[range(3), list(self.axes)] = torch.tensor(self.signs)
        return matrix

    def inverse(self) -> SignedPermutation:
        """Return g⁻¹, so that ``g.inverse().apply(g.apply(v))`` is v."""
        first, second, third = (self.axes.index(axis) for axis in range(3))
        return SignedPermutation(
            (first, second, third), (self.signs[first], self.signs[second], self.signs[third])
        )

    def apply(self, volume: Tensor) -> Tensor:
        """Rotate volumes: exact, differentiable, and cheap on every device.

        Parameters
        ----------
        volume : Tensor, shape (..., z, y, x)

        Returns
        -------
        Tensor, shape (..., the three sizes in the order of axes)
        """
        lead = volume.dim() - 3
        permuted = volume.permute(*range(lead), *(lead + axis for axis in self.axes))
        flipped = [lead + axis for axis, sign in enumerate(self.signs) if sign < 0]
        return permuted.flip(flipped) if flipped else permuted


ELEMENTS = tuple(
    SignedPermutation(axes, signs)
    for axes in permutations((0, 1, 2), 3)
    for signs in product((1, -1), (1, -1), (1, -1))
)
"""All 48, identity first. Where elements are drawn, their numbers in this order stand for them."""

GROUP = tuple(element for element in ELEMENTS if element.axes != (0, 1, 2))
"""The 40 elements that move the missing wedge, 20 rotations and 20 that mirror (ICECREAM's group G)."""

WEDGE_PRESERVING = tuple(element for element in ELEMENTS if element.axes == (0, 1, 2))
"""The 8 diagonal elements, identity first, that map the wedge of a symmetric tilt range to itself."""

_NUMBER = {element: number for number, element in enumerate(ELEMENTS)}


def numbers(elements: Sequence[SignedPermutation]) -> Tensor:
    """Return the numbers of elements in `ELEMENTS`, shape (n,), int64, on the CPU."""
    return torch.tensor([_NUMBER[element] for element in elements])


def drawn_elements(elements: Sequence[SignedPermutation], count: int, generator: torch.Generator) -> Tensor:
    """Draw as many of some elements, each as likely; their numbers in `ELEMENTS`, shape (count,), int64."""
    return numbers(elements)[torch.randint(len(elements), (count,), generator=generator)]


def turned(volumes: Tensor, elements: Tensor) -> Tensor:
    """Rotate cubes, each by an element of its own, in one gather: nothing depends on which elements they are.

    Parameters
    ----------
    volumes : Tensor, shape (b, ..., n, n, n)
    elements : Tensor, shape (b,), int64
        Numbers in `ELEMENTS`, on the same device.

    Returns
    -------
    Tensor, shape (b, ..., n, n, n)
        The same as `SignedPermutation.apply` of each; differentiable.

    Raises
    ------
    ValueError
        If the volumes are no cubes.
    """
    if len(set(volumes.shape[-3:])) > 1:
        raise ValueError(f"Only cubes can be rotated each in its way, not {tuple(volumes.shape[-3:])}.")
    result: Tensor = _Turn.apply(volumes, elements)  # type: ignore[no-untyped-call]
    return result


def inverses(elements: Tensor) -> Tensor:
    """Return the numbers of the inverses of elements, by which `turned` turns back."""
    return _inverses(elements.device)[elements]


class _Turn(torch.autograd.Function):
    """A gather whose gradient is gathered too, by the inverse elements, instead of being scattered."""

    @staticmethod
    def forward(ctx: Any, volumes: Tensor, elements: Tensor) -> Tensor:
        ctx.save_for_backward(elements)
        return _gathered(volumes, elements)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _gathered(gradient, inverses(ctx.saved_tensors[0])), None


def _gathered(volumes: Tensor, elements: Tensor) -> Tensor:
    count, size = len(volumes), volumes.shape[-1]
    z, y, x = _steps(size, volumes.device)[elements].unbind(1)
    places = z[:, :, None, None] + y[:, None, :, None] + x[:, None, None, :]
    flat = volumes.reshape(count, -1, size**3)
    return flat.gather(2, places.view(count, 1, -1).expand_as(flat)).view(volumes.shape)


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _steps(size: int, device: torch.device) -> Tensor:
    """Return what each index of each axis adds to a voxel's place before the rotation, (48, 3, size)."""
    forth = torch.arange(size)
    rows = [
        torch.stack(
            [
                (forth if sign > 0 else forth.flip(0)) * size ** (2 - axis)
                for axis, sign in zip(element.axes, element.signs, strict=True)
            ]
        )
        for element in ELEMENTS
    ]
    return torch.stack(rows).to(device)


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)
def _inverses(device: torch.device) -> Tensor:
    return numbers([element.inverse() for element in ELEMENTS]).to(device)


def across_tilt_axis(tilt_axis: Literal["y", "x"]) -> int:
    """Return the array axis at right angles to beam and tilt axis: 2 (x) for tilt axis y, 1 (y) for x.

    Raises
    ------
    ValueError
        If the tilt axis is neither y nor x.
    """
    if tilt_axis not in ("y", "x"):
        raise ValueError(f'The tilt axis must be "y" or "x", not {tilt_axis!r}.')
    return 2 if tilt_axis == "y" else 1


def about_tilt_axis(quarter_turns: int, tilt_axis: Literal["y", "x"]) -> SignedPermutation:
    """Return the rotation by quarter turns about the tilt axis, from the beam's axis z towards its neighbour.

    The same as ``torch.rot90(v, quarter_turns, dims)`` with dims (z, x) for tilt axis y and (z, y) for x.
    """
    across = across_tilt_axis(tilt_axis)
    turns = quarter_turns % 4
    axes, signs = [0, 1, 2], [1, 1, 1]
    if turns % 2:
        axes[0], axes[across] = across, 0
    signs[0] = -1 if turns in (1, 2) else 1
    signs[across] = -1 if turns in (2, 3) else 1
    return SignedPermutation((axes[0], axes[1], axes[2]), (signs[0], signs[1], signs[2]))
