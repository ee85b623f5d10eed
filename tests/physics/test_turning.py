"""Tests of free rotations against plane waves, whose rotated values are known, and the wedge masks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_cryorestore.physics.fourier import hann_window, hermitian_weight, nyquist_ball, radius, rfft
from napari_cryorestore.physics.rotation import GROUP
from napari_cryorestore.physics.turning import (
    drawn_rotations,
    size_of_turned,
    size_to_turn,
    turned_freely,
)
from napari_cryorestore.physics.wedge import Wedge, apply_mask

SIZE = 20


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plane_waves(size: int, k: Tensor, phases: Tensor) -> Tensor:
    """Return cos(2π k·r + phase) about the centre of a cube, (n, 1, size, size, size)."""
    along = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    r = torch.stack(torch.meshgrid(along, along, along, indexing="ij"), -1)
    angle = torch.einsum("zyxd,nd->nzyx", r, k.double()) + phases.double()[:, None, None, None]
    return (2 * math.pi * angle).cos().float()[:, None]


def gain_and_error(turned: Tensor, exact: Tensor) -> tuple[float, float]:
    """Return how strong a wave is within the sphere, relative to the exact one, and the relative error."""
    weight = hermitian_weight(exact.shape[-3:]) * nyquist_ball(exact.shape[-3:])
    ours, theirs = (rfft(one * hann_window(one.shape[-3:])) for one in (turned, exact))
    power = float((theirs.abs().square() * weight).sum())
    gain = float(((ours * theirs.conj()).real * weight).sum()) / power
    return gain, math.sqrt(float(((ours - theirs).abs().square() * weight).sum()) / power)


@pytest.mark.parametrize(("frequency", "error"), [(0.1, 0.01), (0.25, 0.02), (0.35, 0.05), (0.45, 0.11)])
def test_no_frequency_is_weakened(frequency: float, error: float) -> None:
    count, cut = 12, size_to_turn(SIZE) + 8
    k = frequency * torch.nn.functional.normalize(torch.randn(count, 3, generator=generator()))
    phases, rotations = torch.rand(count, generator=generator(1)), drawn_rotations(count, generator(2))
    turned = turned_freely(plane_waves(cut, k, phases), rotations, SIZE)
    exact = plane_waves(SIZE, torch.einsum("nij,nj->ni", rotations, k), phases)  # k turns as r does
    gain, found = gain_and_error(turned, exact)
    assert gain == pytest.approx(1, abs=0.01)
    assert found < error


def test_a_right_angle_turns_like_its_signed_permutation() -> None:
    noise = torch.randn(1, 1, 26, 26, 26, generator=generator())
    smooth = apply_mask(noise, radius(noise.shape[-3:]) < 0.2)
    for element in GROUP[::7]:
        turned = turned_freely(smooth, element.matrix()[None].float(), 12)
        exact = element.apply(smooth)[..., 7:19, 7:19, 7:19]
        assert float((turned - exact).abs().max()) < 0.03 * float(exact.abs().max())


def test_the_mask_of_a_rotation_is_where_the_turned_volume_has_its_power() -> None:
    wedge, shape = Wedge(-65, 45), (SIZE,) * 3
    cut = size_to_turn(SIZE) + 8
    measured = apply_mask(torch.randn(6, 1, cut, cut, cut, generator=generator()), wedge.mask((cut,) * 3))
    rotations = drawn_rotations(6, generator(1))
    spectrum = rfft(turned_freely(measured, rotations, SIZE) * hann_window(shape)).abs().square()
    ball = nyquist_ball(shape)

    def outside(masks: Tensor) -> float:
        return float((spectrum * (ball & ~masks)[:, None]).sum() / (spectrum * ball).sum())

    # the window smears the edge: in volumes that are not turned, 4 % lie outside
    assert outside(wedge.turned_masks(shape, rotations)) < 0.08
    assert outside(wedge.turned_masks(shape, rotations.mT)) > 0.2


def test_masks_of_several_rotations_are_those_of_each() -> None:
    wedge, shape = Wedge(-65, 45, "x"), (9, 10, 12)
    rotations = drawn_rotations(4, generator())
    for mask, rotation in zip(wedge.turned_masks(shape, rotations), rotations, strict=True):
        assert torch.equal(mask, wedge.mask(shape, rotation=rotation))


def test_rotations_are_drawn_evenly() -> None:
    rotations = drawn_rotations(10_000, generator())
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand_as(rotations), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotations[:500]), torch.ones(500), atol=1e-5, rtol=0)
    assert float(rotations.mean(0).abs().max()) < 0.03
    # of even ones, the character tr g is orthonormal to the constant: ⟨tr⟩ = 0, ⟨tr²⟩ = 1, ⟨tr³⟩ = 1
    trace = rotations.diagonal(dim1=1, dim2=2).sum(1)
    moments = [float(trace.pow(power).mean()) for power in (1, 2, 3)]
    assert moments == pytest.approx([0, 1, 1], abs=0.08)
    assert torch.equal(drawn_rotations(3, generator(5)), drawn_rotations(3, generator(5)))


def test_what_is_cut_leaves_the_crop_after_any_turn() -> None:
    for size in range(1, 200):
        cut = size_to_turn(size)
        assert math.sqrt(2) * size <= cut < math.sqrt(2) * size + 2
        assert (cut - size) % 2 == 0
        assert size_of_turned(cut) == size
    corners = (torch.cartesian_prod(*[torch.tensor([-0.5, 0.5])] * 3) * (SIZE - 1)).T
    within = torch.rand(3, 4000, generator=generator(1)) * SIZE - SIZE / 2
    rotations = drawn_rotations(500, generator())
    share = ((rotations @ within).abs() > size_to_turn(SIZE) / 2).any(1).float().mean(1)
    assert float(share.mean()) < 0.012
    assert float(share.max()) < 0.04
    assert float((rotations @ corners).abs().max()) > size_to_turn(SIZE) / 2  # some lie outside


def test_what_lies_outside_is_mirrored() -> None:
    cube = torch.randn(1, 1, 10, 10, 10, generator=generator())
    seen = turned_freely(cube, torch.eye(3)[None], 14)
    padded = torch.nn.functional.pad(cube, (9,) * 6, mode="reflect")
    torch.testing.assert_close(seen, turned_freely(padded, torch.eye(3)[None], 14), atol=1e-4, rtol=0)


@pytest.mark.parametrize("bits", ["16", "32"])
def test_turns_have_32_bits_and_are_one_by_one(bits: str) -> None:
    cubes = torch.randn(3, 2, 12, 12, 12, generator=generator())
    rotations = drawn_rotations(3, generator())
    with torch.autocast("cpu", torch.bfloat16, enabled=bits == "16"):
        turned = turned_freely(cubes, rotations, 8)
    assert turned.dtype == torch.float32
    for one in range(3):
        alone = turned_freely(cubes[one : one + 1, 1:], rotations[one : one + 1], 8)
        torch.testing.assert_close(turned[one : one + 1, 1:], alone, atol=1e-5, rtol=0)
