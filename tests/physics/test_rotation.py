from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

from napari_cryorestore.physics.fourier import hermitian_weight, nyquist_ball
from napari_cryorestore.physics.rotation import (
    ELEMENTS,
    GROUP,
    WEDGE_PRESERVING,
    SignedPermutation,
    about_tilt_axis,
    drawn_elements,
    inverses,
    turned,
)
from napari_cryorestore.physics.wedge import Wedge, averaging, preserving

EVERY = WEDGE_PRESERVING + GROUP


def supervised_share(element: SignedPermutation, wedge: Wedge, shape: tuple[int, int, int]) -> float:
    """The share of the missing wedge that has been measured once the volume is rotated.

    That is what an equivariance loss can teach by this element: |w_g ∩ ¬w| / |¬w| inside the Nyquist ball.

    """
    weight = hermitian_weight(shape)
    missing = nyquist_ball(shape) & ~wedge.mask(shape)
    total = float((weight * missing).sum())
    observed = float((weight * (missing & wedge.mask(shape, rotation=element))).sum())
    return observed / total if total else 1.0


def volume(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_the_group_has_forty_elements_half_of_them_rotations_and_none_diagonal() -> None:
    assert len(set(GROUP)) == len(GROUP) == 40
    determinants = [round(torch.linalg.det(g.matrix().float()).item()) for g in GROUP]
    assert determinants == [g.determinant for g in GROUP]
    assert determinants.count(1) == determinants.count(-1) == 20
    assert not any(torch.equal(g.matrix().abs(), torch.eye(3, dtype=torch.int64)) for g in GROUP)


def test_the_diagonal_elements_begin_with_the_identity() -> None:
    assert len(set(WEDGE_PRESERVING)) == 8
    assert torch.equal(WEDGE_PRESERVING[0].matrix(), torch.eye(3, dtype=torch.int64))
    assert sum(g.determinant for g in WEDGE_PRESERVING) == 0
    assert len(set(EVERY)) == 48


@pytest.mark.parametrize("g", EVERY)
def test_the_inverse_undoes(g: SignedPermutation) -> None:
    v = volume(2, 1, 3, 4, 5)
    assert torch.equal(g.inverse().apply(g.apply(v)), v)
    assert torch.equal(g.matrix() @ g.inverse().matrix(), torch.eye(3, dtype=torch.int64))


@pytest.mark.parametrize("g", EVERY)
def test_the_volume_moves_as_the_matrix_says(g: SignedPermutation) -> None:
    v = torch.zeros(5, 5, 5)
    point = torch.tensor([2, -1, 1])  # from the centre voxel
    v[tuple((point + 2).tolist())] = 1
    moved = g.apply(v)
    assert moved[tuple((g.matrix() @ point + 2).tolist())] == 1
    assert moved.sum() == 1


@pytest.mark.parametrize("g", EVERY)
def test_sizes_move_with_the_axes(g: SignedPermutation) -> None:
    sizes = (3, 4, 5)
    assert g.apply(volume(2, 1, *sizes)).shape == (2, 1, *(sizes[axis] for axis in g.axes))


@pytest.mark.parametrize(("tilt_axis", "dims"), [("y", (0, 2)), ("x", (0, 1))])
@pytest.mark.parametrize("turns", range(-1, 5))
def test_quarter_turns_about_the_tilt_axis(
    turns: int, tilt_axis: Literal["y", "x"], dims: tuple[int, int]
) -> None:
    v = volume(3, 4, 5)
    g = about_tilt_axis(turns, tilt_axis)
    assert torch.equal(g.apply(v), torch.rot90(v, turns, dims))
    assert g.determinant == 1


def test_the_supervised_share_of_every_class() -> None:
    wedge, shape = Wedge(-60, 60), (64, 64, 64)
    expected = {(2, 1, 0): 1.00, (1, 2, 0): 0.86, (2, 0, 1): 0.86, (0, 2, 1): 0.52, (1, 0, 2): 0.38}
    for g in GROUP[::3]:
        assert supervised_share(g, wedge, shape) == pytest.approx(expected[g.axes], abs=0.006)
    assert {g.axes for g in GROUP[::3]} == set(expected)


def test_wedge_preserving_elements_supervise_nothing() -> None:
    for g in WEDGE_PRESERVING:
        assert supervised_share(g, Wedge(-60, 60), (16, 16, 16)) == 0
    assert supervised_share(GROUP[0], Wedge(-90, 90), (16, 16, 16)) == 1


@pytest.mark.parametrize("tilt_axis", ["y", "x"])
def test_an_asymmetric_range_is_preserved_by_four_elements(tilt_axis: Literal["y", "x"]) -> None:
    symmetric, wedge, shape = Wedge(-60, 60, tilt_axis), Wedge(-65, 45, tilt_axis), (16, 15, 18)
    assert preserving(symmetric) == WEDGE_PRESERVING
    kept = preserving(wedge)
    assert kept[0] == WEDGE_PRESERVING[0]
    for g in WEDGE_PRESERVING:
        assert torch.equal(symmetric.mask(shape, rotation=g), symmetric.mask(shape))
        assert torch.equal(wedge.mask(shape, rotation=g), wedge.mask(shape)) == (g in kept)
    assert len(kept) == 4


@pytest.mark.parametrize("wedge", [Wedge(-60, 60), Wedge(-60, 60, "x"), Wedge(-65, 45), Wedge(-65, 45, "x")])
def test_restorations_are_averaged_over_four_elements(wedge: Wedge) -> None:
    four = averaging(wedge)
    assert len(set(four)) == 4
    assert set(four) <= set(preserving(wedge))
    assert four[0] == WEDGE_PRESERVING[0]
    products = {tuple(a * b for a, b in zip(g.signs, h.signs, strict=True)) for g in four for h in four}
    assert products == {g.signs for g in four}  # a group: whichever way the specimen lies, it comes out alike


def test_what_is_no_signed_permutation_is_refused() -> None:
    with pytest.raises(ValueError, match="permutation of"):
        SignedPermutation((0, 1, 1), (1, 1, 1))
    with pytest.raises(ValueError, match="three of 1 and -1"):
        SignedPermutation((0, 1, 2), (1, 0, 1))
    with pytest.raises(ValueError, match=r'must be "y" or "x", not \'z\''):
        about_tilt_axis(1, "z")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [5, 6])
def test_volumes_are_turned_each_by_its_element_and_back(size: int) -> None:
    volumes = torch.randn(len(ELEMENTS), 2, size, size, size, generator=torch.Generator().manual_seed(0))
    numbers = torch.arange(len(ELEMENTS))
    result = turned(volumes, numbers)
    for volume, ours, element in zip(volumes, result, ELEMENTS, strict=True):
        assert torch.equal(ours, element.apply(volume))
    assert torch.equal(turned(result, inverses(numbers)), volumes)


def test_the_gradient_of_a_turned_volume_is_turned_back() -> None:
    volumes = torch.randn(3, 1, 4, 4, 4, requires_grad=True)
    numbers = torch.tensor([5, 17, 40])
    weights = torch.randn(3, 1, 4, 4, 4)
    (turned(volumes, numbers) * weights).sum().backward()
    for gradient, weight, number in zip(volumes.grad, weights, numbers.tolist(), strict=True):  # type: ignore[arg-type]
        assert torch.equal(gradient, ELEMENTS[number].inverse().apply(weight))


def test_only_cubes_are_turned_each_in_its_way() -> None:
    with pytest.raises(ValueError, match=r"Only cubes .* not \(4, 4, 5\)"):
        turned(torch.zeros(1, 4, 4, 5), torch.tensor([0]))


def test_elements_are_drawn_by_their_numbers() -> None:
    some = GROUP[3:7]
    drawn = drawn_elements(some, 200, torch.Generator().manual_seed(0))
    assert {ELEMENTS[number] for number in drawn.tolist()} == set(some)
