"""Tests of the way from a recipe to tensors, above all that nothing held out is ever trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_cryorestore.data.crops import Box, CropSampler, StoredMap
from napari_cryorestore.data.imaging import MeanOfMaps, scales_of
from napari_cryorestore.data.network_input import PADDING
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import build_method
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.physics.normalize import measure
from napari_cryorestore.run_config import HardwareConfig
from napari_cryorestore.training import preparation
from napari_cryorestore.training.complete_config import complete_config
from napari_cryorestore.training.preparation import Prepared, crop_of, out_of_bounds, place_map, prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.run_config import RunConfig

    Recipe = Callable[..., RunConfig]
    MakePair = Callable[..., tuple[Path, Path]]

CPU = torch.device("cpu")


def prepared(config: RunConfig, said: list[str] | None = None) -> Prepared:
    return prepare(complete_config(config), CPU, say=(said if said is not None else []).append)


def touches(corners: torch.Tensor, crop: int, box: Box) -> torch.Tensor:
    """Tell for each corner whether its crop has a voxel in common with the box."""
    start, stop = torch.tensor(box.start), torch.tensor(box.stop)
    return ((corners < stop) & (corners + crop > start)).all(1)


def test_the_halves_have_their_own_means_and_one_spread(recipe: Recipe, pair: tuple[Path, Path]) -> None:
    (volume,) = prepared(recipe()).volumes
    raw = [open_volume(path).data.astype(np.float64) for path in pair]
    spread = np.sqrt(np.mean([half.var() for half in raw]))
    assert raw[0].std() != raw[1].std()
    for half, voxels in zip(volume.maps, raw, strict=True):
        assert half.dtype == torch.float32
        np.testing.assert_allclose(half.numpy(), (voxels - voxels.mean()) / spread, atol=1e-4)


@pytest.mark.parametrize(("factor", "common"), [(1.9, True), (2.1, False)])
def test_maps_of_other_units_have_spreads_of_their_own(factor: float, common: bool) -> None:
    one = np.random.default_rng(0).standard_normal((8, 8, 8)).astype(np.float32)
    scales = scales_of([one, factor * one + 100])
    assert (scales[0].std == scales[1].std) is common
    assert abs(float(scales[1].apply(factor * one + 100).mean())) < 1e-4
    if not common:
        assert [scale.std for scale in scales] == pytest.approx([one.std(), factor * one.std()])


def test_volumes_go_to_the_device_if_they_fit(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    config, meta = complete_config(recipe()), torch.device("meta")
    for free, device in ((1 << 30, "meta"), (1000, "cpu")):
        monkeypatch.setattr(preparation, "free_memory", lambda device, free=free: free)
        said: list[str] = []
        (volume,) = prepare(config, meta, say=said.append).volumes
        assert {one.device.type for one in volume.maps} == {device}
        assert volume.device == meta
        assert [words[:27] for words in said] == ["The tomogram stay(s) on dis"] * (device == "cpu")


@pytest.mark.parametrize("kind", ["raw", "wiener+raw"])
@pytest.mark.parametrize("mask", ["none", "automatic"])
@pytest.mark.parametrize(
    "snapshots", [{"held_out": "automatic"}, {"held_out": "manual", "position": (12, 4, 30)}]
)
def test_no_crop_ever_touches_the_held_out_block(
    recipe: Recipe, make_pair: MakePair, kind: str, mask: str, snapshots: dict[str, Any]
) -> None:
    even, odd = make_pair((24, 56, 48), seed=1)
    config = recipe(
        tomograms=[{"even": even, "odd": odd}],
        method={"input": kind},
        schedule={"mask": mask},
        snapshots={"size": (24, 8, 8), **snapshots},
    )
    ready = prepared(config)
    (volume,) = ready.volumes
    assert ready.held_out
    margin = PADDING if kind == "wiener+raw" else 0
    assert len(volume.corners) > 10
    assert not touches(volume.corners, 16, ready.box.grown(margin, (24, 56, 48))).any()
    # and so it is for what is drawn: make the block unmistakable
    for half in volume.maps:
        half[ready.box.slices] = 1e9
    sampler = CropSampler(
        ready.volumes, crop=16, batch=64, input_kind=build_method(config.method).input_kind,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    for _ in range(4):
        batch = sampler.cut(sampler.draw())
        for crops in (batch.maps, batch.inputs):
            assert crops.abs().max() < 1e3


def test_every_other_place_is_used(recipe: Recipe) -> None:
    ready = prepared(recipe(method={"input": "raw"}, snapshots={"size": (24, 8, 8)}))
    corners = ready.volumes[0].corners
    everywhere = torch.cartesian_prod(*(torch.arange(n - 16 + 1) for n in (24, 40, 36)))
    free = everywhere[~touches(everywhere, 16, ready.box)]
    assert sorted(map(tuple, corners.tolist())) == sorted(map(tuple, free.tolist()))


def test_where_the_margin_leaves_no_room_crops_come_up_to_the_block() -> None:
    shape, box = (24, 40, 36), Box((0, 20, 10), (24, 28, 18))
    assert out_of_bounds(box, shape, crop=16, kind="raw") == box
    assert out_of_bounds(box, shape, crop=12, kind="wiener+raw") == Box((0, 12, 2), (24, 36, 26))
    assert out_of_bounds(box, shape, crop=16, kind="wiener+raw") == box


@pytest.mark.parametrize("snapshots", [{"held_out": "none"}, {"every": 0}])
def test_nothing_need_be_held_out(recipe: Recipe, snapshots: dict[str, Any]) -> None:
    ready = prepared(recipe(snapshots=snapshots))
    assert not ready.held_out
    assert len(ready.volumes[0].corners) == 9 * 25 * 21


def test_only_the_first_tomogram_holds_a_block_out(recipe: Recipe, make_pair: MakePair) -> None:
    pairs = [dict(zip(("even", "odd"), make_pair(seed=seed), strict=True)) for seed in (0, 1)]
    ready = prepared(recipe(tomograms=pairs))
    assert [len(volume.corners) < 9 * 25 * 21 for volume in ready.volumes] == [True, False]


def two_different(make_pair: MakePair, *, second_voxel: float = 10.0) -> list[dict[str, Any]]:
    """Return two tomograms of different size, tilt range and noise, the tilts in a file beside each."""
    found = []
    for seed, shape, tilts, voxel in (
        (0, (24, 40, 36), "-60\n60\n", 10.0),
        (1, (28, 32, 40), "-42\n51\n", second_voxel),
    ):
        even, odd = make_pair(shape, seed=seed, voxel_size=voxel)
        even.with_suffix(".tlt").write_text(tilts)
        found.append({"even": even, "odd": odd})
    return found


def test_every_tomogram_has_its_own_wedge_statistics_and_filter(recipe: Recipe, make_pair: MakePair) -> None:
    config = recipe(tomograms=two_different(make_pair), method={"kind": "icecream", "input": "wiener+raw"})
    first, second = prepared(config).volumes
    for volume, tilts in ((first, (-60, 60)), (second, (-42, 51))):
        wedge = volume.imaging.wedge
        assert wedge is not None
        assert (wedge.tilt_min, wedge.tilt_max) == tilts
        assert isinstance(volume.maps[0], torch.Tensor)
        assert abs(float(volume.maps[0].mean())) < 1e-5
        assert abs(float(torch.stack(list(volume.maps)).std()) - 1) < 1e-3
    assert first.imaging.wiener != second.imaging.wiener
    generator = torch.Generator().manual_seed(0)
    sampler = CropSampler((first, second), crop=16, batch=2, input_kind="wiener+raw", generator=generator)
    drawn = [sampler.draw().imaging for _ in range(40)]
    assert {id(imaging) for imaging in drawn} == {id(first.imaging), id(second.imaging)}


@pytest.mark.parametrize(
    ("voxel", "words"), [(10.05, []), (10.5, ["The tomograms differ in voxel size (10 to"])]
)
def test_voxel_sizes_that_differ_a_little_are_told(
    recipe: Recipe, make_pair: MakePair, voxel: float, words: list[str]
) -> None:
    said: list[str] = []
    prepared(recipe(tomograms=two_different(make_pair, second_voxel=voxel)), said)
    assert [sentence[:41] for sentence in said] == [word[:41] for word in words]


def test_a_mask_given_decides_where_crops_lie(
    recipe: Recipe, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    mask = np.zeros((24, 40, 36), np.float32)
    mask[:, :20] = 0.5
    write_volume(tmp_path / "mask.mrc", mask, voxel_size=10, label="mask")
    tomogram = {"even": pair[0], "odd": pair[1], "mask": tmp_path / "mask.mrc"}
    corners = prepared(recipe(tomograms=[tomogram], snapshots={"every": 0})).volumes[0].corners
    assert corners[:, 1].max() == 12  # half of such a crop lies in the mask
    mask[:] = 0
    mask[0, 0, 0] = 1
    write_volume(tmp_path / "small.mrc", mask, voxel_size=10, label="mask")
    tomogram["mask"] = tmp_path / "small.mrc"
    with pytest.raises(ValueError, match="inside the mask; use a smaller crop or a more generous mask"):
        prepared(recipe(tomograms=[tomogram], snapshots={"every": 0}))


def test_the_automatic_mask_gives_way_step_by_step(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    thin = np.zeros((24, 40, 36), bool)
    thin[:3, :, :] = True  # 3/16 of a crop: too little for 50 and 25 %
    monkeypatch.setattr(preparation, "structure_mask", lambda volume: thin)
    said: list[str] = []
    corners = prepared(recipe(schedule={"mask": "automatic"}), said).volumes[0].corners
    assert corners[:, 0].max() < 3
    assert said == []
    thin[:] = False
    corners = prepared(recipe(schedule={"mask": "automatic"}), said).volumes[0].corners
    assert corners[:, 0].max() == 8
    assert said == ["No crop lies in the automatic mask: crops are drawn from everywhere."]


def test_the_mean_of_halves_is_made_piece_by_piece() -> None:
    even, odd = np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.ones((2, 3, 4), np.int16)
    mean = MeanOfMaps(even, odd)
    assert (mean.shape, mean.ndim, mean.dtype) == ((2, 3, 4), 3, np.float32)
    assert mean[1:, 0].dtype == np.float32
    np.testing.assert_array_equal(mean[1:, 0], (even[1:, 0] + 1) / 2)


def test_unrelated_halves_are_said(recipe: Recipe, make_pair: MakePair) -> None:
    said: list[str] = []
    even, odd = make_pair((24, 64, 64), seed=5)[0], make_pair((24, 64, 64), seed=6)[1]
    prepared(recipe(tomograms=[{"even": even, "odd": odd}]), said)
    assert len(said) == 1
    assert "unrelated" in said[0]


def test_one_half_alone_is_refused(recipe: Recipe, pair: tuple[Path, Path]) -> None:
    config = complete_config(recipe())
    alone = config.tomograms[0].model_copy(update={"maps": config.tomograms[0].maps[:1]})
    with pytest.raises(ValueError, match=r"needs both half maps of ts.*: give the other half \(--odd\)"):
        prepare(config.model_copy(update={"tomograms": (alone,)}), CPU, say=print)


def test_the_preparation_can_be_ended_between_any_two_stages(recipe: Recipe) -> None:
    config = complete_config(recipe())
    calls: list[int] = []
    prepare(config, CPU, say=print, check=lambda: calls.append(1))
    assert len(calls) >= 4

    def enough() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise InterruptedError

    calls.clear()
    with pytest.raises(InterruptedError):
        prepare(config, CPU, say=print, check=enough)


def test_an_open_crop_is_a_mistake_of_the_caller(recipe: Recipe) -> None:
    with pytest.raises(ValueError, match="the crop size is open: make the run with 'create_run'"):
        crop_of(recipe(schedule={"crop": None}))


def test_a_method_that_makes_other_maps_than_it_takes_is_refused(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noise2Noise, "to_restore", lambda method, maps: ((0,),))
    with pytest.raises(ValueError, match=r"Noise2Noise takes 2 map.* but makes 1 of the 2 that there are"):
        prepared(recipe())


HALF = np.random.default_rng(0).standard_normal((8, 8, 8)).astype(np.float32)
BYTES = HALF.nbytes
DEVICE = torch.device("meta")  # stands for a graphics card


def place(monkeypatch: pytest.MonkeyPatch, *, there: float, here: float, **settings: Any) -> str:
    free = {"meta": int(there * BYTES), "cpu": int(here * BYTES)}
    monkeypatch.setattr(preparation, "free_memory", lambda device: free[device.type])
    half = place_map(HALF, measure(HALF), HardwareConfig(**settings), DEVICE)
    return "disk" if isinstance(half, StoredMap) else half.device.type


@pytest.mark.parametrize(
    ("settings", "there", "here", "found"),
    [
        ({}, 4, 0, "meta"),
        ({}, 3.9, 4, "cpu"),
        ({}, 3.9, 3.9, "disk"),
        ({"devices": 2}, 3.9, 4, "disk"),  # two processes, each with a copy
        ({"devices": 2}, 4, 0, "meta"),  # each has a device of its own
        ({"hold": "memory"}, 4, 0, "meta"),
        ({"hold": "memory"}, 0, 0, "cpu"),
        ({"hold": "disk"}, 9, 9, "disk"),
    ],
)
def test_where_a_half_lies(
    settings: dict[str, Any], there: float, here: float, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place(monkeypatch, there=there, here=here, **settings) == found


def test_large_halves_are_held_in_16_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "SINGLE_PRECISION_BELOW", 1000)
    half = place_map(HALF, measure(HALF), HardwareConfig(), torch.device("cpu"))
    assert isinstance(half, torch.Tensor)
    assert half.dtype == torch.float32
    monkeypatch.setattr(preparation, "SINGLE_PRECISION_BELOW", 500)
    half = place_map(HALF, measure(HALF), HardwareConfig(), torch.device("cpu"))
    assert isinstance(half, torch.Tensor)
    assert half.dtype == torch.float16
    np.testing.assert_allclose(half.numpy(), (HALF - HALF.mean()) / HALF.std(), atol=5e-3)
