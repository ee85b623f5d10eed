"""Tests of ICECREAM against its loss written out with full complex spectra, as the released program does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from napari_cryorestore.data.crops import Crops
from napari_cryorestore.methods.icecream import Icecream, IcecreamConfig
from napari_cryorestore.physics.rotation import ELEMENTS, GROUP, WEDGE_PRESERVING
from napari_cryorestore.physics.rotation import turned as turned_by
from napari_cryorestore.physics.wedge import Wedge, apply_mask, averaging
from napari_cryorestore.testing import method_checks

if TYPE_CHECKING:
    from napari_cryorestore.methods.base import StepLoss

MakeBatch = Callable[..., Crops]
WEDGES = [Wedge(-60, 60), Wedge(-65, 45), Wedge(-60, 60, "x"), Wedge(-40, 65, "x")]
AXES = (-3, -2, -1)


def method(**knobs: Any) -> Icecream:
    return Icecream(IcecreamConfig(**knobs))


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def loss_of(ours: Icecream, network: Any, crops: Crops, *, seed: int = 3) -> StepLoss:
    """Return the loss of a step whose draws come from a seed."""
    draws = ours.draw(crops.places, generator(seed))
    return ours.loss(network, ours.prepare(crops, draws), draws, teacher=network)


def small_network(channels: int = 1, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv3d(channels, 3, 3, padding=1, bias=False), nn.ReLU(), nn.Conv3d(3, 1, 3, padding=1, bias=False)
    )


# The reference --------------------------------------------------------------------------------------


def shifted_mask(wedge: Wedge, size: int, g: Tensor) -> Tensor:
    """Return the mask with DC in the middle: the formula on gᵀk over the full spectrum."""
    k = torch.fft.fftshift(torch.fft.fftfreq(size, dtype=torch.float64))
    kz, ky, kx = torch.einsum(
        "rc,rzyx->czyx", g.double(), torch.stack(torch.meshgrid(k, k, k, indexing="ij"))
    )
    across = kx if wedge.tilt_axis == "y" else ky
    elevation = torch.rad2deg(torch.atan2(torch.where(across < 0, -kz, kz), across.abs()))
    keep = (elevation > wedge.tilt_min - 1e-6) & (elevation < wedge.tilt_max + 1e-6) & (across != 0)
    keep |= (across == 0) & (kz == 0)
    return keep & (kz**2 + ky**2 + kx**2 < 0.25)


def measured(volume: Tensor, mask: Tensor) -> Tensor:
    """Return the complex volume behind a mask, by way of the mask's own, perhaps larger, grid."""
    n = volume.shape[-1]
    spectrum = torch.fft.fftshift(torch.fft.fftn(volume, s=mask.shape[-3:], dim=AXES), dim=AXES)
    back = torch.fft.ifftn(torch.fft.ifftshift(spectrum * mask, dim=AXES), dim=AXES)
    return back[..., :n, :n, :n]


def turned(volumes: Tensor, matrices: list[Tensor]) -> Tensor:
    """Return v(g⁻¹ r) of volumes (b, 1, n, n, n), voxel by voxel, about their middle."""
    n = volumes.shape[-1]
    index = torch.arange(n) - (n - 1) / 2
    places = torch.stack(torch.meshgrid(index, index, index, indexing="ij"))
    result = []
    for volume, g in zip(volumes[:, 0], matrices, strict=True):
        z, y, x = (torch.einsum("rc,rzyx->czyx", g.float(), places) + (n - 1) / 2).round().long()
        result.append(volume[z, y, x])
    return torch.stack(result)[:, None]


def reference_loss(
    network: nn.Module, batch: Crops, matrices: list[Tensor], *, double: bool, window: bool
) -> tuple[Tensor, Tensor]:
    """Return data and equivariance terms with every step spelt out."""
    wedge = batch.imaging.wedge
    assert wedge is not None
    n = batch.even.shape[-1]
    grid = 2 * n if double else n
    a = shifted_mask(wedge, grid, torch.eye(3))
    a_g = torch.stack([shifted_mask(wedge, grid, g) for g in matrices])[:, None]
    k = torch.fft.fftshift(torch.fft.fftfreq(n, dtype=torch.float64))
    ball = k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, :] ** 2 < 0.25
    weight = torch.zeros(n, n, n, dtype=torch.float64)
    inside = slice(n // 4, -(n // 4))
    weight[inside, inside, inside] = 1
    if not window:
        weight[:] = 1

    def f(volume: Tensor) -> Tensor:
        doubled = torch.cat([volume, 0.2 * volume], 1) if batch.even_input.shape[1] == 2 else volume
        output: Tensor = network(doubled.float()).double()
        return output

    def mse(one: Tensor, other: Tensor, mask: Tensor) -> Tensor:
        difference = torch.view_as_real((measured(one, mask) - measured(other, mask)) * weight)
        return difference.square().mean()

    y1, y2 = batch.even.double(), batch.odd.double()
    e1, e2 = network(batch.even_input).double(), network(batch.odd_input).double()
    data = mse(y2, e1, a) + mse(y1, e2, a)
    r1, r2 = turned(e1, matrices), turned(e2, matrices)
    h1, h2 = f(measured(r1, a).real), f(measured(r2, a).real)
    target1, target2 = measured(r1, ball).real, measured(r2, ball).real
    return data, mse(target2, h1, a_g) + mse(target1, h2, a_g)


def drawn_matrices(count: int, seed: int = 3) -> list[Tensor]:
    return [
        GROUP[i].matrix() for i in torch.randint(len(GROUP), (count,), generator=generator(seed)).tolist()
    ]


def gradient(total: Tensor, network: nn.Module) -> Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(total, list(network.parameters()))])


@pytest.mark.parametrize("wedge", WEDGES, ids=str)
def test_the_published_loss_and_its_gradient(wedge: Wedge, make_batch: MakeBatch) -> None:
    batch, network = make_batch(count=3, size=12, wedge=wedge), small_network()
    result = loss_of(method(), network, batch)
    data, equivariance = reference_loss(network, batch, drawn_matrices(3), double=True, window=True)
    total = data + 2 * equivariance
    torch.testing.assert_close(result.parts["data"].double(), data, rtol=1e-5, atol=0)
    torch.testing.assert_close(result.parts["equivariance"].double(), equivariance, rtol=1e-5, atol=0)
    torch.testing.assert_close(result.total.double(), total, rtol=1e-5, atol=0)
    # targets are not detached and both passes are differentiated, or this would not hold
    ours, theirs = gradient(result.total, network), gradient(total, network)
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-4


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("window", [True, False])
@pytest.mark.parametrize("kind", ["raw", "wiener+raw"])
def test_every_variant_of_the_loss(double: bool, window: bool, kind: str, make_batch: MakeBatch) -> None:
    batch = make_batch(count=2, size=12, kind=kind, wedge=Wedge(-65, 45))
    network = small_network(batch.even_input.shape[1])
    ours = loss_of(method(double_size=double, window=window, input=kind, eq_weight=0.5), network, batch)
    data, equivariance = reference_loss(network, batch, drawn_matrices(2), double=double, window=window)
    torch.testing.assert_close(ours.total.double(), data + 0.5 * equivariance, rtol=1e-5, atol=0)


def test_odd_crops_work_too(make_batch: MakeBatch) -> None:
    batch, network = make_batch(count=2, size=13), small_network()
    ours = loss_of(method(double_size=False, window=False), network, batch)
    data, equivariance = reference_loss(network, batch, drawn_matrices(2), double=False, window=False)
    torch.testing.assert_close(ours.total.double(), data + 2 * equivariance, rtol=1e-5, atol=0)


def test_detaching_the_target_changes_the_gradient_alone(make_batch: MakeBatch) -> None:
    batch, network = make_batch(size=12), small_network()
    as_published, fixed = (loss_of(method(detach_target=detach), network, batch) for detach in (False, True))
    assert float(as_published.total.detach()) == float(fixed.total.detach())
    ours, theirs = gradient(as_published.total, network), gradient(fixed.total, network)
    assert float((ours - theirs).norm() / ours.norm()) > 1e-3


def test_gradients_flow_through_the_first_pass_of_the_second_term(make_batch: MakeBatch) -> None:
    batch, first, second = make_batch(size=12), small_network(seed=0), small_network(seed=1)
    calls = iter([first, second])
    result = loss_of(method(detach_target=True), lambda x: next(calls)(x), batch)
    grads = torch.autograd.grad(result.parts["equivariance"], list(first.parameters()))
    assert all(float(grad.abs().sum()) > 0 for grad in grads)


def test_a_perfect_network_costs_only_the_noise(make_batch: MakeBatch) -> None:
    """Where f gives back a volume that fills Fourier space, rotating it changes nothing."""
    batch = make_batch(size=12)
    truth = torch.nn.functional.avg_pool3d(batch.even, 5, stride=1, padding=2)
    clean = Crops.of((truth, truth), (truth, truth), batch.places)
    first = torch.cat([truth, truth])
    draws = method().draw(clean.places, generator())
    calls = iter([first, turned_by(first, draws["orientations"].repeat(2))])
    result = method().loss(lambda inputs: next(calls), clean, draws, teacher=lambda inputs: inputs)
    assert float(result.parts["data"]) == pytest.approx(0, abs=1e-10)
    # the target passes the ball on the crop's own grid, so a little remains
    assert float(result.parts["equivariance"]) < 1e-4


@pytest.mark.parametrize("mirrored", [True, False])
def test_orientations_are_drawn_crop_by_crop(mirrored: bool, make_batch: MakeBatch) -> None:
    places = make_batch(count=400, size=2).places
    drawn = method(mirrored=mirrored).draw(places, generator())["orientations"].tolist()
    seen = [ELEMENTS[number] for number in drawn]
    allowed = set(GROUP) if mirrored else {g for g in GROUP if g.determinant > 0}
    assert set(seen) == allowed
    assert {a == b for a, b in pairwise(seen)} == {True, False}


@pytest.mark.parametrize(("wedge", "count"), [(WEDGES[0], 8), (WEDGES[1], 4), (WEDGES[2], 8), (WEDGES[3], 4)])
def test_flips_are_those_that_keep_the_wedge(
    wedge: Wedge, count: int, make_batch: MakeBatch, rounding: Callable[..., float]
) -> None:
    batch = make_batch(count=64, size=6, wedge=wedge)
    ours = method(flips=True)
    flipped = ours.prepare(batch, ours.draw(batch.places, generator()))
    mask = wedge.mask((6, 6, 6))
    used = set()
    for i in range(64):
        (element,) = (g for g in WEDGE_PRESERVING if torch.equal(g.apply(batch.even[i]), flipped.even[i]))
        used.add(element)
        assert torch.equal(element.apply(batch.odd[i]), flipped.odd[i])
        assert torch.equal(element.apply(batch.odd_input[i]), flipped.odd_input[i])
        torch.testing.assert_close(
            apply_mask(flipped.even[i], mask),
            element.apply(apply_mask(batch.even[i], mask)),
            rtol=0,
            atol=rounding(batch.even[i]),
        )
    assert len(used) == count
    plain = method(flips=False)
    assert plain.prepare(batch, plain.draw(batch.places, generator())) is batch


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("kind", ["raw", "wiener+raw"])
def test_restoring_takes_two_passes_or_one(double: bool, kind: str, make_batch: MakeBatch) -> None:
    batch = make_batch(size=12, kind=kind)
    network = small_network(batch.even_input.shape[1])
    once = network(batch.even_input)
    grid = (24, 24, 24) if double else (12, 12, 12)
    padded = torch.nn.functional.pad(once, (0, grid[2] - 12) * 3)
    hidden = apply_mask(padded, batch.imaging.wedge.mask(grid))[..., :12, :12, :12]  # type: ignore[union-attr]
    twice = network(torch.cat([hidden, 0.2 * hidden], 1) if kind == "wiener+raw" else hidden)
    knobs = {"double_size": double, "input": kind}
    one, two = (
        method(passes=p, **knobs).restore_crop(network, batch.even_input, batch.imaging) for p in (1, 2)
    )
    torch.testing.assert_close(one, once)
    torch.testing.assert_close(two, twice)
    assert not torch.allclose(one, two, rtol=0.01)


@pytest.mark.parametrize("wedge", [Wedge(-60, 60), Wedge(-65, 45)])
@pytest.mark.parametrize("passes", [1, 2])
def test_restoring_may_average_over_flips(
    wedge: Wedge, passes: int, make_batch: MakeBatch, rounding: Callable[..., float]
) -> None:
    batch = make_batch(wedge=wedge)
    network = small_network()
    plain, averaged = (method(passes=passes, average_flips=average) for average in (False, True))
    flips = averaging(wedge)
    expected = sum(
        flip.inverse().apply(plain.restore_crop(network, flip.apply(batch.even_input), batch.imaging))
        for flip in flips
    ) / len(flips)
    result = averaged.restore_crop(network, batch.even_input, batch.imaging)
    assert torch.allclose(result, torch.as_tensor(expected), atol=rounding(result))
    assert not torch.allclose(result, plain.restore_crop(network, batch.even_input, batch.imaging), atol=1e-3)
    # whichever way the specimen lies, it is restored alike
    flipped = averaged.restore_crop(network, flips[1].apply(batch.even_input), batch.imaging)
    assert torch.allclose(flips[1].apply(flipped), result, atol=rounding(result))


def test_one_pass_needs_no_tilt_range(make_batch: MakeBatch) -> None:
    batch = make_batch(wedge=None)
    one = method(passes=1).restore_crop(lambda x: 2 * x, batch.even, batch.imaging)
    assert torch.equal(one, 2 * batch.even)


def test_without_a_tilt_range_it_says_what_it_needs(make_batch: MakeBatch) -> None:
    batch = make_batch(wedge=None)
    for use in (
        lambda: loss_of(method(), lambda x: x, batch),
        lambda: method(flips=True).draw(batch.places, generator()),
        lambda: method(passes=2).restore_crop(lambda x: x, batch.even, batch.imaging),
    ):
        with pytest.raises(ValueError, match="needs the tilt range"):
            use()


# The FSC in the place of squares -------------------------------------------------------------------


def masked_fsc(one: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over shells of the FSC of two cubes behind a mask, from full spectra."""
    n = one.shape[-1]
    edge = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    taper = (torch.pi / 2 * torch.minimum(edge, 1 - edge).clamp(max=0.1) / 0.1).sin() ** 2
    window = taper[:, None, None] * taper[None, :, None] * taper[None, None, :]
    a, b = (torch.fft.fftshift(torch.fft.fftn(volume.double() * window)) for volume in (one, other))
    k = torch.fft.fftshift(torch.fft.fftfreq(n, dtype=torch.float64)) * n
    radius = (k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, :] ** 2).sqrt()
    curve = []
    for shell in range(1, n // 2 + 1):
        inside = ((radius - 1e-4).round() == shell) & mask
        if int(inside.sum()) >= 10:
            power = (a[inside].abs() ** 2).sum() * (b[inside].abs() ** 2).sum()
            curve.append((a[inside] * b[inside].conj()).real.sum() / power.sqrt())
    return torch.stack(curve).mean()


@torch.no_grad()
@pytest.mark.parametrize("loss", ["fsc+l2", "fsc"])
@pytest.mark.parametrize("wedge", WEDGES[1:3], ids=str)
def test_the_fsc_of_what_was_measured(loss: Any, wedge: Wedge, make_batch: MakeBatch) -> None:
    batch, network = make_batch(size=16, wedge=wedge), small_network()
    matrices = drawn_matrices(2)
    ours = method(loss=loss, anchor=0.25, double_size=False, window=False)
    found = loss_of(ours, network, batch).parts
    squared, equivariance = reference_loss(network, batch, matrices, double=False, window=False)
    measured_part = shifted_mask(wedge, 16, torch.eye(3))
    e = [network(half) for half in (batch.even_input, batch.odd_input)]
    raw = [batch.odd, batch.even]
    curves = [masked_fsc(e[h][i, 0], raw[h][i, 0], measured_part) for h in (0, 1) for i in (0, 1)]
    fsc = 1 - torch.stack(curves).mean()
    assert float(found["fsc"]) == pytest.approx(float(fsc), abs=2e-4)
    assert float(found["data"]) == pytest.approx(float(fsc + 0.25 * squared), abs=3e-4)
    r = [turned(half, matrices) for half in e]
    back = [network(measured(one, measured_part).real.float()) for one in r]
    masks = [shifted_mask(wedge, 16, g) for g in matrices]
    curves = [masked_fsc(back[h][i, 0], r[1 - h][i, 0], masks[i]) for h in (0, 1) for i in (0, 1)]
    power = torch.stack([measured(r[h][i], masks[i]).abs().square().mean() for h in (0, 1) for i in (0, 1)])
    expected = 1 - torch.stack(curves).mean() if loss == "fsc" else equivariance / power.mean()
    assert float(found["equivariance"]) == pytest.approx(float(expected), rel=1e-3)


def test_only_squares_fix_the_amplitude() -> None:
    assert [method(loss=loss).fixes_amplitude for loss in ("l2", "fsc+l2", "fsc")] == [True, False, False]


def test_the_fsc_keeps_the_promises_of_a_method() -> None:
    for check in method_checks(Icecream, loss="fsc+l2", shells="weighted"):
        check()
