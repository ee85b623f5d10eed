"""Tests of filling in what a recipe leaves open, and of refusing at once what cannot be trained on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.recording import Recording
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.training.complete_config import complete_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.findings import Finding

    Recipe = Callable[..., RunConfig]
    MakePair = Callable[..., tuple[Path, Path]]


def refusal(config: RunConfig) -> str:
    with pytest.raises((ValueError, OSError)) as caught:
        complete_config(config)
    words = str(caught.value)
    assert "\n" not in words
    return words


def test_nothing_is_left_open(recipe: Recipe, pair: tuple[Path, Path]) -> None:
    config = recipe(schedule={"crop": None}, snapshots={"size": None})
    made = complete_config(config)
    tomogram = made.tomograms[0]
    assert tomogram.recording == Recording(voxel_size=10, tilt_range=(-60, 60), tilt_axis="y")
    assert tomogram.name
    assert made.schedule.crop == 18  # three quarters of 24 voxels; the network likes even sizes
    assert made.snapshots.size == (24, 8, 8)
    assert made.snapshots.position is not None
    again = RunConfig.from_toml(made.to_toml())
    assert again == made == complete_config(again)


def test_paths_become_absolute(
    recipe: Recipe, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pair[0].parent)
    made = complete_config(recipe(tomograms=[{"even": pair[0].name, "odd": os.path.join(".", pair[1].name)}]))
    assert made.tomograms[0].even == pair[0].resolve()
    assert made.tomograms[0].odd == pair[1].resolve()


def test_the_tilt_range_comes_from_beside_the_tomogram(recipe: Recipe, make_pair: MakePair) -> None:
    even, odd = make_pair(seed=3)
    even.with_suffix(".tlt").write_text("-52\n0\n44\n")
    made = complete_config(recipe(tomograms=[{"even": even, "odd": odd}]))
    assert made.tomograms[0].recording.tilt_range == (-52, 44)


def test_a_method_with_a_wedge_needs_the_tilt_range_at_once(recipe: Recipe, pair: tuple[Path, Path]) -> None:
    tomograms = [{"even": pair[0], "odd": pair[1]}]
    words = refusal(recipe(tomograms=tomograms, method={"kind": "icecream"}))
    assert words.startswith("ts: The method needs the tilt range, but no tilt file")
    assert "put a file of tilt angles (.aln, .tlt, .rawtlt or _TLT.txt) beside it" in words
    assert complete_config(recipe(tomograms=tomograms)).tomograms[0].recording.tilt_range is None


@pytest.mark.parametrize(
    ("shape", "kind", "size"),
    [
        ((64, 64, 64), "noise2noise", None),
        ((32, 32, 32), "noise2noise", None),
        ((16, 64, 64), "noise2noise", None),
        ((24, 40, 36), "noise2noise", None),
        ((20, 33, 47), "noise2noise", [16, 16, 16]),
    ],
)
def test_the_chosen_crop_fits_beside_the_chosen_block(
    recipe: Recipe, make_pair: MakePair, shape: Any, kind: str, size: Any
) -> None:
    even, odd = make_pair(shape)
    config = recipe(
        tomograms=[{"even": even, "odd": odd}], method={"kind": kind}, schedule={"crop": None},
        snapshots={"size": size},
    )  # fmt: skip
    made = complete_config(config)
    crop, place = made.schedule.crop, made.snapshots
    assert crop is not None
    assert place.position is not None
    assert place.size is not None
    rooms = [
        max(at - n // 2, length - (at - n // 2 + n))
        for at, n, length in zip(place.position, place.size, shape, strict=True)
    ]
    assert 16 <= crop <= min(shape)
    assert max(rooms) >= crop


def test_a_crop_for_several_tomograms_fits_the_thinnest(recipe: Recipe, make_pair: MakePair) -> None:
    pairs = [
        dict(zip(("even", "odd"), make_pair(shape), strict=True)) for shape in ((64, 72, 72), (24, 64, 64))
    ]
    assert complete_config(recipe(tomograms=pairs, schedule={"crop": None})).schedule.crop == 18
    assert complete_config(recipe(tomograms=pairs[:1], schedule={"crop": None})).schedule.crop == 48


def test_tomograms_that_do_not_go_together_are_refused(
    recipe: Recipe, make_pair: MakePair, pair: tuple[Path, Path]
) -> None:
    small, large = (
        dict(zip(("even", "odd"), make_pair(voxel_size=size, seed=seed), strict=True))
        for seed, size in ((7, 8.0), (8, 10.0))
    )
    words = refusal(recipe(tomograms=[small, large]))
    assert "has voxels of 8 Å" in words
    assert "of 10 Å: a network learns shapes in voxels, so bin the tomograms alike" in words
    same = dict(zip(("even", "odd"), pair, strict=True))
    assert "ts_even.mrc is given twice" in refusal(recipe(tomograms=[same, same]))


def test_one_tomogram_split_in_two_ways_is_told(
    recipe: Recipe, make_pair: MakePair, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    halves = ("even", "odd")
    splits = []
    for words in (("even", "odd"), ("half1", "half2")):
        files = [tmp_path / f"TS1_{word}.mrc" for word in words]
        for made, file in zip(make_pair(seed=4), files, strict=True):
            made.rename(file)
        splits.append(dict(zip(halves, files, strict=True)))
    found: list[Finding] = []
    complete_config(recipe(tomograms=splits), tell=found.append)
    assert [item.topic for item in found if item.severity == "warning"].count("held-out block") == 1
    (told,) = [item for item in found if item.topic == "held-out block"]
    assert told.sentence.startswith("TS1_even.mrc and TS1_half1.mrc seem to be of one tomogram")
    other = dict(zip(halves, pair, strict=True))
    for tomograms, held_out in (([other, splits[1]], "automatic"), (splits, "none")):
        found.clear()
        complete_config(recipe(tomograms=tomograms, snapshots={"held_out": held_out}), tell=found.append)
        assert "held-out block" not in [item.topic for item in found]


def test_equal_names_are_told_apart(recipe: Recipe, make_pair: MakePair) -> None:
    pairs = [dict(zip(("even", "odd"), make_pair(seed=seed), strict=True)) for seed in (4, 5, 6)]
    made = complete_config(recipe(tomograms=pairs))
    names = [item.name for item in made.tomograms]
    assert names == [f"{item['even'].parent.name}_ts" for item in pairs]
    assert len(set(names)) == 3
    assert complete_config(made) == made
    told: list[Finding] = []
    pairs[1]["odd"] = black = pairs[1]["odd"].with_name("black.mrc")
    write_volume(black, np.zeros((24, 40, 36), np.float32), voxel_size=10.0, label="test")
    complete_config(recipe(tomograms=pairs), tell=told.append)
    assert names[1] in [finding.about for finding in told]


def test_a_crop_that_was_given_moves_the_block_aside(recipe: Recipe, make_pair: MakePair) -> None:
    even, odd = make_pair((64, 64, 64))
    made = complete_config(
        recipe(tomograms=[{"even": even, "odd": odd}], schedule={"crop": 32}, snapshots={"size": None})
    )
    assert made.snapshots.size == (64, 24, 24)
    assert made.schedule.crop == 32


def test_a_tomogram_thinner_than_the_crop_is_refused(recipe: Recipe) -> None:
    assert "24 voxels along z, fewer than the crop's 32" in refusal(recipe(schedule={"crop": 32}))


def test_what_is_cut_to_turn_crops_must_fit_too(recipe: Recipe) -> None:
    turning = {"method": {"kind": "deepdewedge"}, "snapshots": {"held_out": "none"}}
    words = refusal(recipe(schedule={"crop": 20}, **turning))
    assert "24 voxels along z, fewer than the 30 that DeepDeWedge cuts for crops of 20" in words
    assert "choose a crop of at most 16" in words
    assert complete_config(recipe(schedule={"crop": 16}, **turning)).schedule.crop == 16


def test_a_tomogram_thinner_than_any_crop_is_refused(recipe: Recipe, make_pair: MakePair) -> None:
    even, odd = make_pair((12, 40, 40))
    words = refusal(recipe(tomograms=[{"even": even, "odd": odd}], schedule={"crop": None}))
    assert "only 12 voxels thin" in words
    assert "at least 16" in words


def of_wide(recipe: RunConfig, **changes: Any) -> RunConfig:
    """Return a recipe with the network ``wide``, and what is left open by default."""
    plain = {**recipe.model_dump(), "snapshots": {"every": 2}, "network": {"kind": "wide", **changes}}
    return RunConfig.model_validate({**plain, "schedule": {**plain["schedule"], "crop": None}})


@pytest.mark.usefixtures("plugins")
def test_crop_and_block_are_as_large_as_the_network_needs(recipe: Recipe, make_pair: MakePair) -> None:
    even, odd = make_pair((40, 90, 44))
    config = recipe(tomograms=[{"even": even, "odd": odd, "tilt_min": -60, "tilt_max": 60}])
    made = complete_config(of_wide(config))
    assert made.schedule.crop == 36
    assert made.snapshots.size == (40, 36, 36)
    assert complete_config(of_wide(config, least=16)).snapshots.size == (40, 24, 24)
    words = refusal(of_wide(config, least=41))
    assert "only 40 voxels thin" in words
    assert "at least 41" in words


@pytest.mark.usefixtures("plugins")
def test_a_block_or_crop_that_the_network_does_not_take_is_refused(recipe: Recipe) -> None:
    plain = of_wide(recipe()).model_dump()
    with pytest.raises(ValueError, match="a preview block of 24 voxels is too small for this Wide network"):
        RunConfig.model_validate({**plain, "snapshots": {"size": [40, 24, 40]}})
    with pytest.raises(ValueError, match="a crop of 24 voxels is too small for this Wide network"):
        RunConfig.model_validate({**plain, "schedule": {"crop": 24}})


def test_a_block_that_leaves_no_room_is_refused(recipe: Recipe) -> None:
    words = refusal(recipe(snapshots={"size": [24, 40, 36]}))
    assert "beside the held-out block" in words
    assert "smaller crop, a smaller held-out block or none" in words
    complete_config(recipe(snapshots={"size": [24, 40, 36], "held_out": "none"}))


def test_a_place_outside_is_refused(recipe: Recipe) -> None:
    assert "lies outside" in refusal(recipe(snapshots={"held_out": "manual", "position": [99, 1, 1]}))


def test_bad_halves_are_refused(
    recipe: Recipe, make_pair: MakePair, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    other = make_pair((24, 40, 40))[1]
    copy = tmp_path / "copy.mrc"
    copy.write_bytes(pair[0].read_bytes())
    flat = tmp_path / "flat.mrc"
    write_volume(flat, np.full((24, 40, 36), 3.0), voxel_size=10, label="flat")
    for odd, words in (
        (other, "differ in size"),
        (copy, "are the same volume"),
        (pair[0], "given as both halves"),
        (flat, "constant"),
        (tmp_path / "gone.mrc", "does not exist"),
    ):
        assert words in refusal(recipe(tomograms=[{"even": pair[0], "odd": odd}]))


def test_weights_to_start_from_have_to_be_there(recipe: Recipe, tmp_path: Path) -> None:
    assert "There is no checkpoint at" in refusal(recipe(from_checkpoint=tmp_path / "gone"))
    (tmp_path / "weights.safetensors").write_bytes(b"nonsense")
    assert "not a readable checkpoint" in refusal(recipe(from_checkpoint=tmp_path))


def test_of_several_tomograms_a_black_one_is_left_out_and_named(recipe: Recipe, make_pair: MakePair) -> None:
    first, second = make_pair(seed=1), make_pair(seed=2)
    black = second[1].with_name("black.mrc")
    write_volume(black, np.zeros((24, 40, 36), np.float32), voxel_size=10.0, label="test")
    sound = {"even": first[0], "odd": first[1], "name": "sound"}
    spoiled = {"even": second[0], "odd": black, "name": "spoiled"}
    for order in ([spoiled, sound], [sound, spoiled]):
        told: list[Finding] = []
        made = complete_config(recipe(tomograms=order), tell=told.append)
        assert [item.name for item in made.tomograms] == ["sound"]
        left_out = next(finding for finding in told if finding.about == "spoiled")
        assert left_out.severity == "warning"
        assert left_out.text.startswith("spoiled: The odd half (black.mrc) is constant")
        assert left_out.text.endswith("It is left out.")
    assert "spoiled: The odd half (black.mrc) is constant" in refusal(recipe(tomograms=[spoiled]))


def test_it_is_told_what_a_norm_means(recipe: Recipe) -> None:
    told: list[Finding] = []
    complete_config(recipe(network={"norm": "instance", "levels": 2}), tell=told.append)
    assert [finding.topic for finding in told] == ["norm"]
