"""IsoNet of one map and between halves, against their losses written out with full spectra and matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from napari_cryorestore.data.crops import Crops, Places
from napari_cryorestore.methods.isonet import PLACES, Isonet, IsonetConfig, IsonetHalves, IsonetHalvesConfig
from napari_cryorestore.physics.projection_noise import projection_noise_gain
from napari_cryorestore.physics.rotation import ELEMENTS
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.testing import method_checks
from napari_cryorestore.testing.of_methods import sample_crops

if TYPE_CHECKING:
    from napari_cryorestore.methods.base import Method, StepLoss

MakeBatch = Callable[..., Crops]
WEDGES = [Wedge(-60, 60), Wedge(-65, 45), Wedge(-40, 65, "x")]
AXES = (-3, -2, -1)
N = 13
"""Odd, so that no frequency is its own negative but the mean."""


def method(**knobs: Any) -> Isonet:
    return Isonet(IsonetConfig(**knobs))


def halves(**knobs: Any) -> IsonetHalves:
    return IsonetHalves(IsonetHalvesConfig(**knobs))


def small_network(channels: int = 1, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv3d(channels, 3, 3, padding=1, bias=False), nn.ReLU(), nn.Conv3d(3, 1, 3, padding=1, bias=False)
    )


def measured(volume: Tensor, wedge: Wedge) -> Tensor:
    """Return A v by the full spectrum: kept where the elevation lies in the tilt range."""
    k = torch.fft.fftfreq(volume.shape[-1], dtype=torch.float64)
    kz, ky, kx = torch.meshgrid(k, k, k, indexing="ij")
    across = kx if wedge.tilt_axis == "y" else ky
    elevation = torch.rad2deg(torch.atan2(torch.where(across < 0, -kz, kz), across.abs()))
    keep = (elevation > wedge.tilt_min - 1e-4) & (elevation < wedge.tilt_max + 1e-4) & (across != 0)
    keep |= (across == 0) & (kz == 0)
    spectrum = torch.fft.fftn(volume.double(), dim=AXES) * keep
    return torch.fft.ifftn(spectrum, dim=AXES).real


def rotated(volumes: Tensor, numbers: Tensor) -> Tensor:
    """Return v(g⁻¹ r), voxel by voxel, about the middle."""
    n = volumes.shape[-1]
    index = torch.arange(n) - (n - 1) / 2
    places = torch.stack(torch.meshgrid(index, index, index, indexing="ij"))
    result = []
    for volume, number in zip(volumes[:, 0], numbers.tolist(), strict=True):
        matrix = ELEMENTS[number].matrix().float()
        z, y, x = (torch.einsum("rc,rzyx->czyx", matrix, places) + (n - 1) / 2).round().long()
        result.append(volume[z, y, x])
    return torch.stack(result)[:, None]


def one_map(wedge: Wedge, count: int = 3) -> Crops:
    return sample_crops(method(), count=count, crop=N, wedge=wedge)


def drawn(chosen: Method, crops: Crops, seed: int = 3) -> dict[str, Tensor]:
    return chosen.draw(crops.places, torch.Generator().manual_seed(seed))


def loss_of(chosen: Method, crops: Crops, network: Any, teacher: nn.Module) -> tuple[StepLoss, Any]:
    draws = drawn(chosen, crops)
    prepared = chosen.prepare(crops, draws)
    return chosen.loss(network, prepared, draws, teacher=torch.no_grad()(teacher)), draws


def gradient(total: Tensor, network: nn.Module) -> Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(total, list(network.parameters()))])


@pytest.mark.parametrize("wedge", WEDGES, ids=str)
@pytest.mark.parametrize("loss", ["l1", "l2"])
def test_the_loss_of_one_map_and_its_gradient(wedge: Wedge, loss: str) -> None:
    crops, network, teacher = one_map(wedge), small_network(), small_network(seed=1)
    result, draws = loss_of(method(loss=loss), crops, network, teacher)
    known = measured(crops.maps, wedge)
    guess = teacher(known.float()).double().detach()
    target = rotated(known + guess - measured(guess, wedge), draws["turns"])
    difference = network(measured(target, wedge).float()).double() - target
    expected = difference.abs().mean() if loss == "l1" else difference.square().mean()
    torch.testing.assert_close(result.total.double(), expected, rtol=1e-5, atol=0)
    ours, theirs = gradient(result.total, network), gradient(expected, network)
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-3
    assert result.refill is None


def test_stored_fillings_are_used_and_renewed() -> None:
    wedge = Wedge(-65, 45)
    chosen, network, teacher = method(refill="stored"), small_network(), small_network(seed=1)
    assert (method().refill_places, chosen.refill_places) == (0, PLACES)
    crops = one_map(wedge)
    stored = torch.randn(crops.maps.shape, generator=torch.Generator().manual_seed(8))
    crops = replace(crops, refilled=stored)
    result, draws = loss_of(chosen, crops, network, teacher)
    filled = measured(crops.maps, wedge) + stored - measured(stored, wedge)
    target = rotated(filled, draws["turns"])
    expected = (network(measured(target, wedge).float()).double() - target).abs().mean()
    torch.testing.assert_close(result.total.double(), expected, rtol=1e-5, atol=0)
    guess = teacher(filled.float()).double().detach()
    renewed = measured(crops.maps, wedge) + guess - measured(guess, wedge)
    assert result.refill is not None
    torch.testing.assert_close(result.refill.double(), renewed, rtol=0, atol=1e-5)


def test_the_twenty_rotations_are_drawn_and_no_mirrored_one(make_batch: MakeBatch) -> None:
    places = make_batch(count=400, size=2).places
    for chosen in (method(), halves()):
        seen = {ELEMENTS[number] for number in drawn(chosen, replace_places(places))["turns"].tolist()}
        assert len(seen) == 20
        assert all(element.determinant == 1 and element.axes != (0, 1, 2) for element in seen)


def replace_places(places: Places, **changes: Any) -> Crops:
    """Return crops of which nothing but the places counts."""
    return Crops(torch.empty(0), torch.empty(0), replace(places, size=2, **changes))


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0), (99, 0), (100, 0.25), (150, 0.5), (200, 0.75), (250, 1), (299, 1)]
)
def test_noise_is_added_in_four_stages(step: int, share: float, make_batch: MakeBatch) -> None:
    crops = replace_places(make_batch(size=2).places, step=step, steps=300)
    draws = drawn(method(noise=0.2), crops)
    assert ("white" in draws) is (share > 0)
    if share:
        assert draws["level"].tolist() == pytest.approx([0.2 * share] * 2)
    assert "white" not in drawn(method(), crops)


def test_noise_is_seen_by_the_network_and_not_by_the_target() -> None:
    wedge = Wedge(-60, 60)
    crops = one_map(wedge)
    crops = replace(crops, places=replace(crops.places, step=9, steps=10))
    noisy, seen = method(noise=0.5, noise_filter="ramp", loss="l2"), []
    draws = drawn(noisy, crops)

    def network(inputs: Tensor) -> Tensor:
        seen.append(inputs)
        return torch.zeros_like(inputs)

    zero = torch.zeros_like
    total = noisy.loss(network, crops, draws, teacher=zero).total
    target = rotated(measured(crops.maps, wedge), draws["turns"])
    torch.testing.assert_close(total.double(), target.square().mean(), rtol=1e-5, atol=0)
    gain = projection_noise_gain((N, N, N), wedge, filtering="ramp").double()
    white = torch.fft.rfftn(draws["white"].double(), dim=AXES)
    noise = 0.5 * torch.fft.irfftn(white * gain, s=(N, N, N), dim=AXES)
    torch.testing.assert_close(seen[0].double(), measured(target, wedge) + noise, rtol=0, atol=1e-5)


@pytest.mark.parametrize("loss", ["l1", "l2"])
def test_the_loss_between_halves(loss: str, make_batch: MakeBatch) -> None:
    wedge = Wedge(-65, 45)
    crops, network, teacher = make_batch(count=6, size=N, wedge=wedge), small_network(), small_network(seed=1)
    result, draws = loss_of(halves(loss=loss, matched="none"), crops, network, teacher)
    swapped = draws["exchanged"].view(-1, 1, 1, 1, 1)
    assert set(draws["exchanged"].tolist()) == {True, False}
    source = torch.where(swapped, crops.odd, crops.even)
    other = torch.where(swapped, crops.even, crops.odd)
    filled = []
    for half in (source, other):
        known = measured(half, wedge)
        guess = teacher(known.float()).double().detach()
        filled.append(rotated(known + guess - measured(guess, wedge), draws["turns"]))
    difference = network(measured(filled[0], wedge).float()).double() - filled[1]
    expected = difference.abs().mean() if loss == "l1" else difference.square().mean()
    torch.testing.assert_close(result.total.double(), expected, rtol=1e-5, atol=0)
    ours, theirs = gradient(result.total, network), gradient(expected, network)
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-3


def test_filled_in_noise_has_the_power_of_the_measured_noise_shell_by_shell() -> None:
    """Halves of nothing but coloured noise, of which the teacher leaves half: what is added restores it."""
    wedge, size = Wedge(-60, 60), 24
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(2, 12, 1, size, size, size, generator=generator)
    blurred = nn.functional.avg_pool3d(white.flatten(0, 1), 3, stride=1, padding=1).view_as(white)
    y = torch.stack([measured(half, wedge).float() for half in blurred])
    guess = blurred / 2  # of independent noise in the wedge, half as strong as it should be
    noise = halves()._matching_noise(
        (y[0], y[1]), (guess[0], guess[1]), torch.randn(white[0].shape, generator=generator), wedge
    )
    filled = guess[0] + noise
    shape = (size, size, size)
    sector = wedge.sector(shape)
    radius = (torch.stack(torch.meshgrid(
        torch.fft.fftfreq(size), torch.fft.fftfreq(size), torch.fft.rfftfreq(size), indexing="ij"
    )).square().sum(0).sqrt() * size).round()  # fmt: skip
    in_wedge = torch.fft.rfftn(filled, dim=AXES).abs().square().mean((0, 1))
    in_data = torch.fft.rfftn(y[0], dim=AXES).abs().square().mean((0, 1))
    for shell in range(3, size // 2):
        here = radius == shell
        ratio = in_wedge[here & ~sector].mean() / in_data[here & sector].mean()
        assert float(ratio) == pytest.approx(1, abs=0.25), shell


def test_white_noise_has_the_published_strength() -> None:
    generator = torch.Generator().manual_seed(0)
    y, guess = (torch.randn(2, 5, 1, N, N, N, generator=generator) * strength for strength in (1, 0.5))
    white = torch.randn(5, 1, N, N, N, generator=generator)
    noise = halves(matched="white")._matching_noise((y[0], y[1]), (guess[0], guess[1]), white, Wedge(-60, 60))
    for crop in range(5):
        before, after = ((pair[0, crop] - pair[1, crop]).std() / 2**0.5 for pair in (y, guess))
        strength = abs(before**2 - after**2) ** 0.5
        torch.testing.assert_close(noise[crop], white[crop] * strength)


@pytest.mark.parametrize("check", [
    *method_checks(Isonet, refill="stored", noise=0.2), *method_checks(IsonetHalves, matched="white"),
    *method_checks(IsonetHalves, input="wiener+raw", matched="none")], ids=str)  # fmt: skip
def test_its_variants_keep_the_promises(check: Any) -> None:
    check()


def test_without_a_tilt_range_it_says_what_to_do(make_batch: MakeBatch) -> None:
    crops = make_batch(wedge=None)
    with pytest.raises(ValueError, match="IsoNet between halves needs the tilt range: give the lowest"):
        halves().loss(small_network(), crops, drawn(halves(), crops), teacher=small_network())
