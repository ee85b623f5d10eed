"""Crops are what slicing gives, and all maps are treated alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_cryorestore.data.crops import (
    Crops,
    CropSampler,
    Places,
    StoredMap,
    TrainingVolume,
    cut,
    cut_crops,
    reflected,
    valid_corners,
)
from napari_cryorestore.data.imaging import standardised
from napari_cryorestore.data.network_input import PADDING, Imaging, network_input
from napari_cryorestore.physics.normalize import measure
from napari_cryorestore.physics.rotation import ELEMENTS
from napari_cryorestore.physics.wiener_filter import RadialFilter

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.physics.wedge import Wedge

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
    return TrainingVolume((even, odd), imaging or Imaging(), corners)


def crops_at(volume: TrainingVolume, corners: torch.Tensor, *, kind: Any = "raw") -> Crops:
    places = Places(0, corners, volume.imaging, len(volume.maps))
    return cut_crops(volume, places, size=8, kind=kind)


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
    batch = crops_at(volume, torch.tensor([[2, 3, 4]]))
    place = (slice(2, 10), slice(3, 11), slice(4, 12))
    assert torch.equal(batch.even[0, 0], volume.maps[0][place])
    assert torch.equal(batch.odd[0, 0], volume.maps[1][place])
    assert torch.equal(batch.even_input, batch.even)
    assert torch.equal(batch.odd_input, batch.odd)


def test_the_wiener_channel_is_filtered_with_a_margin() -> None:
    volume = training_volume((40, 40, 40), imaging=Imaging(wiener=FILTER))
    batch = crops_at(volume, torch.tensor([[16, 16, 16]]), kind="wiener+raw")
    assert batch.even_input.shape == (1, 2, 8, 8, 8)
    wide = slice(16 - PADDING, 24 + PADDING)
    whole = network_input(volume.maps[1][wide, wide, wide][None, None], volume.imaging, kind="wiener+raw")
    inner = slice(PADDING, PADDING + 8)
    assert torch.equal(batch.odd_input, whole[..., inner, inner, inner])
    assert torch.equal(batch.odd_input[:, 1:], 0.2 * batch.odd)


def sampler(*volumes: TrainingVolume, seed: int = 0, batch: int = 3) -> CropSampler:
    return CropSampler(volumes, crop=8, batch=batch, input_kind="raw", generator=generator(seed))


def test_the_same_seed_draws_the_same_batches() -> None:
    volumes = training_volume(), training_volume(seed=1)
    one, two, other = sampler(*volumes), sampler(*volumes), sampler(*volumes, seed=1)
    batches = [[s.cut(s.draw()).maps for _ in range(4)] for s in (one, two, other)]
    assert all(torch.equal(a, b) for a, b in zip(batches[0], batches[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(batches[0], batches[2], strict=True))


def test_every_tomogram_is_drawn_equally_often_and_alone() -> None:
    small, large = training_volume((8, 8, 8)), training_volume((30, 30, 30))
    ones = [
        TrainingVolume((torch.full_like(v.maps[0], i), v.maps[1]), v.imaging, v.corners)
        for i, v in enumerate((small, large))
    ]
    one = sampler(*ones)
    draws = [one.cut(one.draw()).even for _ in range(200)]
    assert all(len(draw.unique()) == 1 for draw in draws)
    assert 70 < sum(float(draw.mean()) for draw in draws) < 130


def test_only_listed_corners_are_drawn() -> None:
    volume = training_volume()
    listed = torch.tensor([[1, 2, 3], [4, 5, 6]])
    chooser = sampler(TrainingVolume(volume.maps, volume.imaging, listed), batch=40)
    places = chooser.draw()
    assert torch.equal(places.corners, listed[places.indices])
    assert (len(places), places.size, places.maps) == (40, 8, 2)
    drawn = chooser.cut(places).maps[:, 0]
    allowed = cut(volume.maps[0], listed, 8)[:, 0]
    which = [[bool(torch.equal(crop, option)) for option in allowed] for crop in drawn]
    assert all(sum(row) == 1 for row in which)
    assert {row.index(True) for row in which} == {0, 1}


def test_a_sampler_without_what_it_needs_is_refused() -> None:
    with pytest.raises(ValueError, match="no tomogram to draw crops from"):
        sampler()
    with pytest.raises(ValueError, match="needs a Wiener filter"):
        CropSampler([training_volume()], crop=8, batch=1, input_kind="wiener+raw", generator=generator())


def test_the_maps_of_a_volume_must_be_alike_and_have_corners() -> None:
    good = training_volume()
    with pytest.raises(ValueError, match=r"must have one shape.*\(19, 24, 28\), \(20, 24, 28\)"):
        TrainingVolume((good.maps[0], good.maps[1][1:]), good.imaging, good.corners)
    with pytest.raises(ValueError, match="must have one shape"):
        TrainingVolume((), good.imaging, good.corners)
    with pytest.raises(ValueError, match=r"\(n, 3\) table"):
        TrainingVolume(good.maps, good.imaging, good.corners[:0])


@pytest.mark.parametrize("count", [1, 3])
def test_there_may_be_one_map_or_several(count: int) -> None:
    maps = tuple(torch.randn(count, 12, 12, 12, generator=generator()))
    volume = TrainingVolume(maps, Imaging(wiener=FILTER), torch.zeros(1, 3, dtype=torch.int32))
    crops = crops_at(volume, volume.corners, kind="wiener+raw")
    assert crops.maps.shape == (1, count, 8, 8, 8)
    assert crops.inputs.shape == (1, count, 2, 8, 8, 8)
    for index, one in enumerate(maps):
        assert torch.equal(crops.maps[0, index], one[:8, :8, :8])
        assert torch.equal(crops.inputs[0, index, 1], 0.2 * one[:8, :8, :8])


def test_the_mean_of_a_group_of_maps_is_one_map() -> None:
    maps = tuple(torch.randn(4, 12, 12, 12, generator=generator()))
    volume = TrainingVolume(maps, Imaging(), torch.zeros(1, 3, dtype=torch.int32))
    places = Places(0, volume.corners, volume.imaging, 4)
    crops = cut_crops(volume, places, size=8, kind="raw", groups=((0, 2), (3,)))
    assert torch.allclose(crops.maps[0, 0], ((maps[0] + maps[2]) / 2)[:8, :8, :8])
    assert torch.equal(crops.maps[0, 1], maps[3][:8, :8, :8])


def test_a_network_takes_the_inputs_of_a_map_without_a_copy() -> None:
    crops = crops_at(
        training_volume((40, 40, 40), imaging=Imaging(wiener=FILTER)),
        torch.zeros(3, 3, dtype=torch.int32),
        kind="wiener+raw",
    )
    for index in range(2):
        assert crops.inputs[:, index].is_contiguous(memory_format=torch.channels_last_3d)
        assert crops.maps[:, index].is_contiguous()


def pairs(count: int, *, wedge: Wedge | None = None) -> Crops:
    even, odd = torch.randn(2, count, 1, 4, 4, 4, generator=generator())
    inputs = [torch.cat([half, 0.2 * half], 1) for half in (even, odd)]
    places = Places(0, torch.zeros(count, 3, dtype=torch.int32), Imaging(wedge), 2)
    return replace(Crops.of((even, odd), inputs, places), refilled=torch.stack([odd[:, 0], even[:, 0]], 1))


def test_map_reaches_all_and_keeps_the_rest() -> None:
    batch = pairs(2)
    doubled = batch.map(lambda tensor: 2 * tensor)
    for name in ("even", "odd", "even_input", "odd_input", "refilled"):
        assert torch.equal(getattr(doubled, name), 2 * getattr(batch, name))
    assert doubled.imaging is batch.imaging
    assert doubled.places is batch.places


def test_exchanging_takes_whole_pairs() -> None:
    batch = pairs(4)
    chosen = torch.tensor([True, False, True, False])
    swapped = batch.exchanged(chosen)
    assert torch.equal(swapped.even[chosen], batch.odd[chosen])
    assert torch.equal(swapped.odd[chosen], batch.even[chosen])
    assert torch.equal(swapped.odd[~chosen], batch.odd[~chosen])
    assert torch.equal(swapped.even_input[:, :1], swapped.even)
    assert torch.equal(swapped.odd_input[:, :1], swapped.odd)
    assert torch.equal(swapped.refilled[:, :1], swapped.odd)  # type: ignore[index]


def test_every_crop_is_turned_by_its_element_all_maps_alike() -> None:
    batch = pairs(len(ELEMENTS))
    turned = batch.turned(torch.arange(len(ELEMENTS)))
    for index, element in enumerate(ELEMENTS):
        for name in ("even", "odd", "even_input", "odd_input", "refilled"):
            before, after = getattr(batch, name)[index], getattr(turned, name)[index]
            assert torch.equal(after, element.apply(before))


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
    crops_at(volume, volume.corners[:2])
    assert len(pinned) == 2
    assert brought == [(place, {"non_blocking": True}) for place in pinned]


SHAPE = (12, 20, 16)


def mapped(folder: Path, dtype: str) -> np.memmap:
    values = 40 * np.random.default_rng(0).standard_normal(SHAPE) + 100
    values.astype(dtype).tofile(folder / "half.raw")
    return np.memmap(folder / "half.raw", dtype=dtype, mode="r", shape=SHAPE)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i2", "<u2", "i1", "<f2"])
@pytest.mark.parametrize("corner", [(3, 4, 5), (-4, 15, 0), (-30, -30, -30)])
def test_crops_are_those_of_the_volume_in_memory(
    tmp_path: Path, dtype: str, corner: tuple[int, int, int]
) -> None:
    voxels = mapped(tmp_path, dtype if dtype != "i1" else "u1")
    scale = measure(voxels)
    corners = torch.tensor([corner, (0, 0, 0)])
    inside = standardised(voxels, scale, dtype=torch.float32)
    from_file = cut(StoredMap(voxels, scale), corners, (8, 9, 10))
    assert from_file.dtype == torch.float32
    assert torch.equal(from_file, cut(inside, corners, (8, 9, 10)))


def test_a_volume_on_disk_is_one_to_train_on(tmp_path: Path) -> None:
    voxels = mapped(tmp_path, "<f4")
    half = StoredMap(voxels, measure(voxels))
    assert (half.shape, half.device) == (SHAPE, torch.device("cpu"))
    imaging = Imaging(wiener=RadialFilter((1.0, 0.5)))
    volume = TrainingVolume((half, half), imaging, torch.zeros(1, 3, dtype=torch.int32), torch.device("meta"))
    pair = cut_crops(volume, Places(0, volume.corners, imaging, 2), size=8, kind="raw")
    assert pair.even.device.type == pair.odd_input.device.type == "meta"
    with pytest.raises(ValueError, match="must have one shape"):
        TrainingVolume((half, torch.zeros(1, 2, 3)), imaging, volume.corners)
