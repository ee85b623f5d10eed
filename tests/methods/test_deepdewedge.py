"""Tests of DeepDeWedge against its loss written out with numpy and full spectra, and of its refills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_cryorestore.data.crops import Crops
from napari_cryorestore.data.network_input import network_input
from napari_cryorestore.methods.deepdewedge import DeepDeWedge, DeepDeWedgeConfig
from napari_cryorestore.physics.fourier import nyquist_ball
from napari_cryorestore.physics.turning import size_to_turn, turned_freely
from napari_cryorestore.physics.wedge import Wedge, apply_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_cryorestore.methods.base import Draws, StepLoss

MakeBatch = Callable[..., Crops]
Volume = Any
WEDGES = [Wedge(-60, 60), Wedge(-65, 45), Wedge(-60, 60, "x"), Wedge(-40, 65, "x")]
CROP = 11  # no frequency of it or of its cut lies right on the sphere, where rounding would decide
CUT = size_to_turn(CROP)


def method(**knobs: Any) -> DeepDeWedge:
    return DeepDeWedge(DeepDeWedgeConfig(**knobs))


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_network(channels: int = 1, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv3d(channels, 3, 3, padding=1, bias=False), nn.ReLU(), nn.Conv3d(3, 1, 3, padding=1, bias=False)
    )


def stepped(
    ours: DeepDeWedge, network: Any, crops: Crops, *, teacher: Any = None
) -> tuple[StepLoss, Crops, Draws]:
    """Return the loss of a step, its prepared crops and its draws."""
    draws = ours.draw(crops.places, generator())
    prepared = ours.prepare(crops, draws)
    return ours.loss(network, prepared, draws, teacher=teacher or network), prepared, draws


def at_step(crops: Crops, step: int, steps: int = 100) -> Crops:
    return replace(crops, places=replace(crops.places, step=step, steps=steps))


# The reference --------------------------------------------------------------------------------------


def full_mask(wedge: Wedge, size: int, g: NDArray[Any] | None = None) -> NDArray[np.bool_]:
    """Return what is measured of a full spectrum: the formula at gᵀk, within the sphere."""
    k = np.stack(np.meshgrid(*[np.fft.fftfreq(size)] * 3, indexing="ij"))
    kz, ky, kx = k if g is None else np.einsum("rc,rzyx->czyx", g.astype(float), k)
    across = kx if wedge.tilt_axis == "y" else ky
    elevation = np.degrees(np.arctan2(np.where(across < 0, -kz, kz), np.abs(across)))
    keep = (elevation > wedge.tilt_min - 1e-4) & (elevation < wedge.tilt_max + 1e-4) & (across != 0)
    keep |= (np.abs(across) < 1e-6) & (np.abs(kz) < 1e-6)
    inside: NDArray[np.bool_] = keep & full_ball(size) if g is None else keep
    return inside


def full_ball(size: int) -> NDArray[np.bool_]:
    k = np.stack(np.meshgrid(*[np.fft.fftfreq(size)] * 3, indexing="ij"))
    inside: NDArray[np.bool_] = (k**2).sum(0) < 0.25
    return inside


def filtered(volume: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    result: NDArray[Any] = np.fft.ifftn(np.fft.fftn(volume) * mask).real
    return result


def reference_terms(network: nn.Module, prepared: Crops, rotations: Tensor) -> NDArray[np.float64]:
    """Return mean |F⁻¹ M_g M (f(A v) − t)|² and mean |F⁻¹ M_g (1 − M) (f(A v) − t)|²."""
    wedge: Any = prepared.imaging.wedge
    size = prepared.maps.shape[-1]
    measured = full_mask(wedge, size)
    terms = []
    for inputs, target, g in zip(prepared.even_input, prepared.odd, rotations.numpy(), strict=True):
        x = np.stack([filtered(channel, measured) for channel in inputs.double().numpy()])
        with torch.no_grad():
            restored = network(torch.from_numpy(x).float()[None])[0, 0].double().numpy()
        difference = restored - target[0].double().numpy()
        turned = full_mask(wedge, size, g) & full_ball(size)
        terms.append([(filtered(difference, turned & m) ** 2).mean() for m in (measured, ~measured)])
    return np.mean(terms, axis=0)


@pytest.mark.parametrize("wedge", WEDGES, ids=str)
@pytest.mark.parametrize(("crop", "kind"), [(16, "raw"), (11, "wiener+raw")])
def test_the_published_loss(wedge: Wedge, crop: int, kind: str, make_batch: MakeBatch) -> None:
    batch = make_batch(count=3, size=size_to_turn(crop), wedge=wedge, kind=kind)
    network = small_network(batch.even_input.shape[1])
    result, prepared, draws = stepped(method(input=kind, wedge_weight=2.5), network, batch)
    known, missing = reference_terms(network, prepared, draws["rotations"])
    assert float(result.parts["measured"].detach()) == pytest.approx(known, rel=2e-4)
    assert float(result.parts["wedge"].detach()) == pytest.approx(missing, rel=2e-4)
    assert float(result.total.detach()) == pytest.approx(known + 2.5 * missing, rel=2e-4)
    assert method().config.wedge_weight == 2


def test_one_transform_gives_what_two_filtered_differences_give(make_batch: MakeBatch) -> None:
    batch, network = make_batch(count=2, size=CUT, wedge=Wedge(-65, 45)), small_network()
    result, prepared, draws = stepped(method(), network, batch)
    wedge: Any = prepared.imaging.wedge
    measured, ball = wedge.mask((CROP,) * 3), nyquist_ball((CROP,) * 3)
    turned = wedge.turned_masks((CROP,) * 3, draws["rotations"])[:, None]
    difference = prepared.odd - network(apply_mask(prepared.even_input, measured))
    plain = sum(
        weight * apply_mask(difference, turned & mask).square().mean()
        for weight, mask in ((1, measured), (2, ball & ~measured))
    )
    torch.testing.assert_close(result.total, plain, rtol=1e-5, atol=0)
    weights = list(network.parameters())
    for one, other in zip(
        torch.autograd.grad(result.total, weights), torch.autograd.grad(plain, weights), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


# Turning and refilling ------------------------------------------------------------------------------


def test_both_halves_are_turned_alike_and_each_crop_in_its_way(make_batch: MakeBatch) -> None:
    batch = make_batch(count=3, size=CUT)
    draws = method().draw(batch.places, generator())
    prepared = method().prepare(batch, draws)
    torch.testing.assert_close(prepared.maps, turned_freely(batch.maps, draws["rotations"], CROP))
    assert torch.equal(prepared.even_input, prepared.even)
    assert float((draws["rotations"][0] - draws["rotations"][1]).abs().max()) > 0.1
    assert method().cut_size(CROP) == CUT


def test_the_input_is_refilled_and_the_target_is_not(make_batch: MakeBatch) -> None:
    for kind in ("raw", "wiener+raw"):
        batch, ours = make_batch(count=2, size=CUT, kind=kind), method(input=kind)
        draws = ours.draw(batch.places, generator())
        extra = torch.randn(batch.even.shape, generator=generator())
        plain = ours.prepare(batch, draws)
        refilled = ours.prepare(replace(batch, refilled=batch.even + extra), draws)
        assert torch.equal(refilled.odd, plain.odd)
        fill = turned_freely(extra, draws["rotations"], CROP)
        for channel, share in enumerate((1.0, 0.2)[: batch.even_input.shape[1]]):
            gained = refilled.even_input[:, channel] - plain.even_input[:, channel]
            torch.testing.assert_close(gained, share * fill[:, 0], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(refilled.even, plain.even + fill, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["raw", "wiener+raw"])
def test_what_is_stored_is_the_measured_part_and_the_prediction_of_the_rest(
    kind: str, make_batch: MakeBatch
) -> None:
    batch = make_batch(count=2, size=CUT, wedge=Wedge(-65, 45), kind=kind)
    teacher = small_network(batch.even_input.shape[1], seed=1)
    before = replace(batch, refilled=torch.randn(batch.even.shape))  # what was there before goes
    ours = method(input=kind, refill_every=1, refill_after=0)
    result, _, _ = stepped(ours, small_network(batch.even_input.shape[1]), before, teacher=teacher)
    mask = full_mask(Wedge(-65, 45), CUT)
    beyond = ~full_ball(CUT)
    for refill, y in zip(result.refill, batch.even, strict=True):  # type: ignore[arg-type]
        measured = torch.from_numpy(filtered(y[0].double().numpy(), mask)).float()[None, None]
        with torch.no_grad():
            predicted = teacher(network_input(measured, batch.imaging, kind=kind))[0, 0].double()  # type: ignore[arg-type]
        kept = filtered(y[0].double().numpy(), mask | beyond)
        expected = kept + filtered(predicted.numpy(), ~mask & ~beyond)
        assert np.abs(refill[0].detach().numpy() - expected).max() < 1e-4
    assert ours.refill_maps == 1


def test_a_teacher_at_every_step_does_what_a_fresh_store_does(make_batch: MakeBatch) -> None:
    batch, network, teacher = make_batch(count=2, size=CUT), small_network(), small_network(seed=1)
    stored = method(refill_after=0, refill_every=1)
    refill = stepped(stored, network, batch, teacher=teacher)[0].refill
    asking = method(refill="teacher", refill_after=0)
    with torch.no_grad():
        one, other, none = (
            float(stepped(ours, network, crops, teacher=teacher)[0].total)
            for ours, crops in (
                (stored, replace(batch, refilled=refill)),
                (asking, batch),
                (method(refill="none"), batch),
            )
        )
    assert one == pytest.approx(other, rel=1e-4)
    assert abs(none - one) > 1e-3 * one


def test_refills_come_every_few_steps_after_a_warm_up(make_batch: MakeBatch) -> None:
    batch, network = make_batch(count=2, size=CUT), small_network()
    asked: list[int] = []

    def teacher(inputs: Tensor) -> Tensor:
        asked.append(step)
        return inputs[:, :1]

    due = {"stored": [40, 45, 50, 55], "teacher": list(range(40, 57)), "none": []}
    for source, expected in due.items():
        asked.clear()
        ours = method(refill=source, refill_after=0.4, refill_every=5)
        for step in range(38, 57):
            refill = stepped(ours, network, at_step(batch, step), teacher=teacher)[0].refill
            assert (refill is not None) is (source == "stored" and step in expected)
        assert asked == expected
        assert ours.refill_places == (150 if source == "stored" else 0)


def test_halves_may_be_exchanged_and_are_stored_in_their_places(make_batch: MakeBatch) -> None:
    batch, network, teacher = make_batch(count=6, size=CUT), small_network(), small_network(seed=1)
    ours = method(swap=True, refill_after=0, refill_every=1)
    assert ours.refill_maps == 2
    result, prepared, draws = stepped(ours, network, batch, teacher=teacher)
    exchanged = draws["exchanged"]
    assert 0 < int(exchanged.sum()) < 6
    plain = turned_freely(batch.maps, draws["rotations"], CROP)
    for one in range(6):
        order = [1, 0] if exchanged[one] else [0, 1]
        torch.testing.assert_close(prepared.maps[one], plain[one, order], rtol=1e-3, atol=1e-4)
    assert result.refill is not None
    changed = (result.refill - batch.maps).abs().amax((2, 3, 4)) > 1e-3
    assert torch.equal(changed[:, 1], exchanged)
    assert torch.equal(changed[:, 0], ~exchanged)


# Restoring ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["raw", "wiener+raw"])
def test_restoring_is_one_pass_of_the_measured_part(kind: str, make_batch: MakeBatch) -> None:
    batch = make_batch(kind=kind, wedge=Wedge(-65, 45))
    network = small_network(batch.even_input.shape[1])
    restored = method(input=kind).restore_crop(network, batch.even_input, batch.imaging)
    measured = apply_mask(batch.even_input, Wedge(-65, 45).mask((16, 16, 16)))
    torch.testing.assert_close(restored, network(measured))


def test_without_a_tilt_range_it_says_what_it_needs(make_batch: MakeBatch) -> None:
    batch = make_batch(size=CUT, wedge=None)
    for use in (
        lambda: stepped(method(), lambda x: x, batch),
        lambda: method().restore_crop(lambda x: x, batch.even, batch.imaging),
    ):
        with pytest.raises(ValueError, match="DeepDeWedge needs the tilt range"):
            use()
