"""Crops are what slicing gives, and both halves are treated alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_cryorestore.data.crops import (
    CropSampler,
    PairBatch,
    TrainingVolume,
    cut,
    cut_pair,
    reflected,
    rotate_about_tilt_axis,
    swap_halves,
    valid_corners,
)
from napari_cryorestore.data.inputs import PADDING, Imaging, network_input
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener import RadialFilter

FILTER = RadialFilter((1.0, 0.5, 0.0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def training_volume(
    shape: tuple[int, int, int] = (20, 24, 28),
    *,
    imaging: Imaging | None = None,
    crop: int = 8,
    seed: int = 0,
) -> TrainingVolume:
    even, odd = torch.randn(2, *shape, generator=generator(seed))
    corners = torch.from_numpy(valid_corners(shape, crop))
    return TrainingVolume(even, odd, imaging or Imaging(), corners)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_cut_inside_is_slicing(dtype: torch.dtype) -> None:
    volume = torch.randn(10, 12, 14, generator=generator()).to(dtype)
    corners = torch.tensor([[0, 0, 0], [3, 5, 7], [5, 6, 6]], dtype=torch.int32)
    crops = cut(volume, corners, (5, 6, 7))
    assert crops.shape == (3, 1, 5, 6, 7)
    assert crops.dtype == torch.float32
    for crop, (z, y, x) in zip(crops, corners.tolist(), strict=True):
        assert torch.equal(crop[0], volume[z : z + 5, y : y + 6, x : x + 7].float())


def test_cut_outside_is_reflected_padding_however_far() -> None:
    volume = torch.randn(4, 6, 5, generator=generator())
    crops = cut(volume, torch.tensor([[-9, -8, -7]]), (20, 21, 22))
    expected = np.pad(volume.numpy(), ((9, 7), (8, 7), (7, 10)), mode="reflect")
    np.testing.assert_array_equal(crops[0, 0].numpy(), expected)


def test_a_single_plane_is_repeated() -> None:
    assert reflected(torch.arange(-2, 3), 1).tolist() == [0] * 5


def test_the_pair_is_cut_at_the_same_place() -> None:
    volume = training_volume()
    batch = cut_pair(volume, torch.tensor([[2, 3, 4]]), size=8, kind="raw")
    place = (slice(2, 10), slice(3, 11), slice(4, 12))
    assert torch.equal(batch.even[0, 0], volume.even[place])
    assert torch.equal(batch.odd[0, 0], volume.odd[place])
    assert torch.equal(batch.even_input, batch.even)
    assert torch.equal(batch.odd_input, batch.odd)


def test_the_wiener_channel_is_filtered_with_a_margin() -> None:
    volume = training_volume((40, 40, 40), imaging=Imaging(wiener=FILTER))
    batch = cut_pair(volume, torch.tensor([[16, 16, 16]]), size=8, kind="wiener+raw")
    assert batch.even_input.shape == (1, 2, 8, 8, 8)
    wide = slice(16 - PADDING, 24 + PADDING)
    whole = network_input(volume.odd[wide, wide, wide][None, None], volume.imaging, kind="wiener+raw")
    inner = slice(PADDING, PADDING + 8)
    assert torch.equal(batch.odd_input, whole[..., inner, inner, inner])
    assert torch.equal(batch.odd_input[:, 1:], 0.2 * batch.odd)


def sampler(*volumes: TrainingVolume, seed: int = 0, batch: int = 3) -> CropSampler:
    return CropSampler(volumes, crop=8, batch=batch, input_kind="raw", generator=generator(seed))


def test_the_same_seed_draws_the_same_batches() -> None:
    volumes = training_volume(), training_volume(seed=1)
    one, two, other = sampler(*volumes), sampler(*volumes), sampler(*volumes, seed=1)
    batches = [[s.draw().even for _ in range(4)] for s in (one, two, other)]
    assert all(torch.equal(a, b) for a, b in zip(batches[0], batches[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(batches[0], batches[2], strict=True))


def test_every_tomogram_is_drawn_equally_often_and_alone() -> None:
    small, large = training_volume((8, 8, 8)), training_volume((30, 30, 30))
    ones = [
        TrainingVolume(torch.full_like(v.even, i), v.odd, v.imaging, v.corners)
        for i, v in enumerate((small, large))
    ]
    draws = [sampler_batch.even for s in [sampler(*ones)] for sampler_batch in (s.draw() for _ in range(200))]
    assert all(len(draw.unique()) == 1 for draw in draws)
    assert 70 < sum(float(draw.mean()) for draw in draws) < 130


def test_only_listed_corners_are_drawn() -> None:
    volume = training_volume()
    listed = torch.tensor([[1, 2, 3], [4, 5, 6]])
    drawn = (
        sampler(TrainingVolume(volume.even, volume.odd, volume.imaging, listed), batch=40).draw().even[:, 0]
    )
    allowed = cut(volume.even, listed, 8)[:, 0]
    which = [[bool(torch.equal(crop, option)) for option in allowed] for crop in drawn]
    assert all(sum(row) == 1 for row in which)
    assert {row.index(True) for row in which} == {0, 1}


def test_a_sampler_without_what_it_needs_is_refused() -> None:
    with pytest.raises(ValueError, match="no tomogram to draw crops from"):
        sampler()
    with pytest.raises(ValueError, match="needs a Wiener filter"):
        CropSampler([training_volume()], crop=8, batch=1, input_kind="wiener+raw", generator=generator())


def test_a_volume_must_be_two_alike_halves_with_corners() -> None:
    good = training_volume()
    with pytest.raises(ValueError, match=r"halves must have one shape.*\(20, 24, 28\).*\(19, 24, 28\)"):
        TrainingVolume(good.even, good.odd[1:], good.imaging, good.corners)
    with pytest.raises(ValueError, match=r"\(n, 3\) table"):
        TrainingVolume(good.even, good.odd, good.imaging, good.corners[:0])


def pairs(count: int, *, wedge: Wedge | None = None) -> PairBatch:
    even, odd = torch.randn(2, count, 1, 4, 4, 4, generator=generator())
    return PairBatch(
        even, odd, torch.cat([even, 0.2 * even], 1), torch.cat([odd, 0.2 * odd], 1), Imaging(wedge)
    )


def test_map_reaches_all_four_and_keeps_the_rest() -> None:
    batch = pairs(2)
    doubled = batch.map(lambda tensor: 2 * tensor)
    for name in ("even", "odd", "even_input", "odd_input"):
        assert torch.equal(getattr(doubled, name), 2 * getattr(batch, name))
    assert doubled.imaging is batch.imaging


def test_swapping_exchanges_about_half_of_the_pairs_whole() -> None:
    batch = pairs(64)
    swapped = swap_halves(batch, generator())
    moved = (swapped.even != batch.even).flatten(1).any(1)
    assert 16 < int(moved.sum()) < 48
    assert torch.equal(swapped.even[moved], batch.odd[moved])
    assert torch.equal(swapped.odd[moved], batch.even[moved])
    assert torch.equal(swapped.odd[~moved], batch.odd[~moved])
    assert torch.equal(swapped.even_input[:, :1], swapped.even)
    assert torch.equal(swapped.odd_input[:, :1], swapped.odd)


@pytest.mark.parametrize(
    ("wedge", "plane"),
    [(None, (0, 2)), (Wedge(-60, 60), (0, 2)), (Wedge(-60, 60, "x"), (0, 1))],
    ids=["no wedge", "tilt axis y", "tilt axis x"],
)
def test_turning_is_by_quarters_about_the_tilt_axis(wedge: Wedge | None, plane: tuple[int, int]) -> None:
    batch = pairs(32, wedge=wedge)
    turned = rotate_about_tilt_axis(batch, generator())
    seen = set()
    for even, odd, before, odd_before in zip(turned.even, turned.odd, batch.even, batch.odd, strict=True):
        options = [torch.rot90(before[0], k, plane) for k in range(4)]
        quarter = next(k for k in range(4) if torch.equal(even[0], options[k]))
        assert torch.equal(odd[0], torch.rot90(odd_before[0], quarter, plane))
        seen.add(quarter)
    assert seen == {0, 1, 2, 3}
    assert torch.equal(turned.even_input[:, :1], turned.even)


def test_crops_go_to_a_gpu_from_pinned_memory_and_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned, brought = [], []
    copied = torch.Tensor.to

    def pin_memory(self: torch.Tensor) -> torch.Tensor:
        pinned.append(self.data_ptr())
        return self

    def to(self: torch.Tensor, device: Any, *args: Any, **more: Any) -> torch.Tensor:
        if torch.device(device).type == "cpu":
            return copied(self, device, *args, **more)
        brought.append((self.data_ptr(), more))
        return self

    volume = replace(training_volume(), device=torch.device("cuda", 0))
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    monkeypatch.setattr(torch.Tensor, "to", to)
    cut_pair(volume, volume.corners[:2], size=8, kind="raw")
    assert len(pinned) == 2
    assert brought == [(place, {"non_blocking": True}) for place in pinned]
