"""Tests of Noise2Noise: each loss against its formula, and what the augmentations do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_cryorestore.data.crops import Crops
from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.methods.noise2noise import Noise2Noise, Noise2NoiseConfig
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener_filter import RadialFilter

MakeBatch = Callable[..., Crops]


def method(**knobs: Any) -> Noise2Noise:
    return Noise2Noise(Noise2NoiseConfig(**knobs))


def loss_of(batch: Crops, network: Callable[[Tensor], Tensor] = lambda x: 0.5 * x, **knobs: Any) -> Any:
    return method(**knobs).loss(network, batch, {}, teacher=network)


def prepared(ours: Noise2Noise, crops: Crops, *, seed: int = 1) -> Crops:
    return ours.prepare(crops, ours.draw(crops.places, torch.Generator().manual_seed(seed)))


def reference_fsc(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the FSC of shells 1 … n/2 of two cubes, from full complex spectra, shell by shell."""
    n = prediction.shape[0]
    taper = np.minimum((np.arange(n) + 0.5) / n, 1 - (np.arange(n) + 0.5) / n)
    window = np.sin(np.pi * np.minimum(taper, 0.1) / 0.2) ** 2
    cube = window[:, None, None] * window[None, :, None] * window[None, None, :]
    a, b = np.fft.fftn(prediction * cube), np.fft.fftn(target * cube)
    k = np.fft.fftfreq(n)
    radius = np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, :] ** 2) * n
    curve = []
    for shell in range(1, n // 2 + 1):
        inside = np.round(radius - 1e-4) == shell
        power = np.sum(np.abs(a[inside]) ** 2) * np.sum(np.abs(b[inside]) ** 2)
        curve.append(np.sum((a[inside] * b[inside].conj()).real) / np.sqrt(power))
    return np.array(curve)


def test_l2_and_l1(make_batch: MakeBatch) -> None:
    batch = make_batch()
    difference = 0.5 * batch.even - batch.odd
    assert float(loss_of(batch, loss="l2").total) == pytest.approx(float((difference**2).mean()))
    assert float(loss_of(batch, loss="l1").total) == pytest.approx(float(difference.abs().mean()))


@pytest.mark.parametrize("first_shell", [1, 3])
def test_fsc_loss_is_one_minus_the_mean_shell_correlation(make_batch: MakeBatch, first_shell: int) -> None:
    batch = make_batch(count=3)
    result = loss_of(batch, loss="fsc", first_shell=first_shell, anchor=0.25)
    curves = [
        reference_fsc(even.double().numpy(), odd.double().numpy())
        for even, odd in zip(batch.even[:, 0], batch.odd[:, 0], strict=True)
    ]
    expected = 1 - np.mean([curve[first_shell - 1 :].mean() for curve in curves])
    squared = float(((0.5 * batch.even - batch.odd) ** 2).mean())
    assert float(result.parts["fsc"]) == pytest.approx(expected, abs=1e-4)
    assert float(result.parts["l2"]) == pytest.approx(squared)
    assert float(result.total) == pytest.approx(expected + 0.25 * squared, abs=1e-4)


@pytest.mark.parametrize("shells", ["agreeing", "weighted"])
def test_shells_count_as_far_as_the_raw_halves_agree(make_batch: MakeBatch, shells: str) -> None:
    batch = make_batch(size=24)
    wiener = RadialFilter((1.0, 0.8, 0.0, 0.0))  # at 0, 1/6, 1/3 and 1/2 cycles/voxel
    imaging = Imaging(wedge=batch.imaging.wedge, wiener=wiener)
    batch = replace(batch, places=replace(batch.places, imaging=imaging))
    weights = np.interp(np.arange(1, 13) / 24, [0, 1 / 6, 1 / 3, 1 / 2], wiener.weights)
    weights = (weights > 0).astype(float) if shells == "agreeing" else weights
    curves = [
        reference_fsc(even.double().numpy(), odd.double().numpy())
        for even, odd in zip(batch.even[:, 0], batch.odd[:, 0], strict=True)
    ]
    expected = 1 - np.mean([np.average(curve, weights=weights) for curve in curves])
    found = float(loss_of(batch, loss="fsc", shells=shells).parts["fsc"])
    assert found == pytest.approx(expected, abs=1e-4)
    assert found != pytest.approx(float(loss_of(batch, loss="fsc").parts["fsc"]), abs=1e-3)


def test_shells_are_chosen_with_the_half_map_filter(make_batch: MakeBatch) -> None:
    asks = [method(loss=loss, shells=shells).learns_with_filter
            for loss in ("l2", "fsc") for shells in ("equal", "agreeing")]  # fmt: skip
    assert asks == [False, False, False, True]
    batch = make_batch()
    unknown = replace(batch, places=replace(batch.places, imaging=Imaging()))
    with pytest.raises(ValueError, match="needs two halves"):
        loss_of(unknown, loss="fsc", shells="weighted")


def test_fsc_loss_at_its_landmarks(make_batch: MakeBatch) -> None:
    batch = make_batch(size=32)
    copy, opposite = (lambda x: batch.odd), (lambda x: -batch.odd)
    noise = torch.randn(batch.odd.shape, generator=torch.Generator().manual_seed(9))
    assert float(loss_of(batch, copy, loss="fsc").parts["fsc"]) == pytest.approx(0, abs=1e-4)
    assert float(loss_of(batch, opposite, loss="fsc").parts["fsc"]) == pytest.approx(2, abs=1e-4)
    assert float(loss_of(batch, lambda x: noise, loss="fsc").parts["fsc"]) == pytest.approx(1, abs=0.1)


def test_only_the_anchor_sees_the_amplitude(make_batch: MakeBatch) -> None:
    batch = make_batch()
    weak, strong = (loss_of(batch, lambda x, a=a: a * x, loss="fsc") for a in (0.1, 10.0))
    assert float(weak.parts["fsc"]) == pytest.approx(float(strong.parts["fsc"]), abs=1e-5)
    assert float(strong.total) > float(weak.total) + 1
    free = [loss_of(batch, lambda x, a=a: a * x, loss="fsc", anchor=0) for a in (0.1, 10.0)]
    assert float(free[0].total) == pytest.approx(float(free[1].total), abs=1e-5)


def test_which_losses_fix_the_amplitude() -> None:
    assert [method(loss=loss).fixes_amplitude for loss in ("l2", "l1", "fsc")] == [True, True, False]


def test_restoring_is_one_pass(make_batch: MakeBatch) -> None:
    batch = make_batch()
    assert torch.equal(method().restore_crop(lambda x: 2 * x, batch.even, batch.imaging), 2 * batch.even)


@pytest.mark.parametrize(("tilt_axis", "plane"), [("y", (-3, -1)), ("x", (-3, -2))])
def test_crops_are_turned_about_the_tilt_axis_both_halves_alike(
    make_batch: MakeBatch, tilt_axis: Any, plane: tuple[int, int]
) -> None:
    batch = make_batch(count=24, size=8, wedge=Wedge(-60, 60, tilt_axis))
    turned = prepared(method(swap=False), batch)
    seen = set()
    for i in range(24):
        quarters = [k for k in range(4) if torch.equal(turned.even[i], torch.rot90(batch.even[i], k, plane))]
        assert len(quarters) == 1
        for after, before in (
            (turned.odd, batch.odd), (turned.even_input, batch.even_input),
            (turned.odd_input, batch.odd_input),
        ):  # fmt: skip
            assert torch.equal(after[i], torch.rot90(before[i], quarters[0], plane))
        seen.add(quarters[0])
    assert seen == {0, 1, 2, 3}


def test_halves_are_exchanged_with_their_inputs(make_batch: MakeBatch) -> None:
    batch = make_batch(count=12, size=8)
    mixed = prepared(method(rotate=False), batch)
    kept = [torch.equal(mixed.even[i], batch.even[i]) for i in range(12)]
    assert {True, False} == set(kept)
    for i, same in enumerate(kept):
        assert torch.equal(mixed.odd[i], (batch.odd if same else batch.even)[i])
        assert torch.equal(mixed.even_input[i], (batch.even_input if same else batch.odd_input)[i])


def test_without_augmentation_the_batch_stays_as_it_is(make_batch: MakeBatch) -> None:
    batch = make_batch()
    assert prepared(method(rotate=False, swap=False), batch) is batch


def test_it_needs_no_tilt_range(make_batch: MakeBatch) -> None:
    batch = make_batch(wedge=None)
    assert not Noise2Noise.needs_wedge
    assert torch.isfinite(loss_of(prepared(method(), batch), lambda x: x).total)


def test_the_first_shell_cannot_lie_beyond_the_smallest_crop() -> None:
    with pytest.raises(ValueError, match="first_shell"):
        Noise2NoiseConfig(first_shell=9)
