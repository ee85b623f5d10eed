"""Tests of where the preview block lies and how large crops are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_cryorestore.data.crops import Box, TrainingVolume
from napari_cryorestore.data.network_input import PADDING, Imaging
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.methods import METHODS, build_method
from napari_cryorestore.networks import Sizes
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.run_config import SnapshotsConfig
from napari_cryorestore.training.preview import (
    Preview,
    fitting_crop,
    leaves_room,
    moved_aside,
    preview_box,
    preview_size,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.methods import Method

UNET = Sizes(multiple=8, minimum=8, reach=51)


@pytest.fixture(scope="module")
def tomogram(pair: tuple[Path, Path]) -> Tomogram:
    return open_tomogram(pair)  # 24 × 40 × 36


def box_of(tomogram: Tomogram, room: int = 0, **snapshots: Any) -> Box:
    return preview_box(tomogram, SnapshotsConfig(**snapshots), room=room)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((64, 240, 240), (64, 88, 88)),
        ((464, 928, 928), (96, 96, 96)),
        ((24, 40, 36), (24, 8, 8)),
        ((16, 16, 16), (16, 8, 8)),
        ((16, 400, 5), (16, 16, 5)),
    ],
)
def test_the_block_takes_the_thickness_and_a_share_of_the_area(shape: Any, size: Any) -> None:
    assert preview_size(shape) == size


def test_a_place_given_by_hand_is_the_middle(tomogram: Tomogram) -> None:
    box = box_of(tomogram, position=(12, 20, 18), size=(10, 9, 8))
    assert box == Box((7, 16, 14), (17, 25, 22))
    # completing a complete recipe changes nothing
    middle = tuple((start + stop) // 2 for start, stop in zip(box.start, box.stop, strict=True))
    assert box_of(tomogram, position=middle, size=box.shape) == box


def test_a_block_at_the_border_is_pushed_inside_and_one_too_large_cut(tomogram: Tomogram) -> None:
    assert box_of(tomogram, position=(0, 39, 0), size=(8, 8, 8)) == Box((0, 32, 0), (8, 40, 8))
    assert box_of(tomogram, position=(3, 3, 3), size=(99, 99, 99)) == Box((0, 0, 0), (24, 40, 36))


@pytest.mark.parametrize("position", [(24, 1, 1), (1, -1, 1), (1, 1, 36)])
def test_a_place_outside_is_refused(tomogram: Tomogram, position: Any) -> None:
    with pytest.raises(ValueError, match=r"outside the tomogram.*choose one inside"):
        box_of(tomogram, position=position)


def test_a_block_that_nobody_placed_makes_room(tomogram: Tomogram) -> None:
    for room in (0, 16, 24, 32):
        box = box_of(tomogram, room=room, size=(24, 8, 8))
        assert box.shape == (24, 8, 8)
        assert leaves_room(box, Box.whole(tomogram.shape), room)
    hand_placed = box_of(tomogram, room=30, size=(24, 8, 8), position=(12, 20, 18))
    assert not leaves_room(hand_placed, Box.whole(tomogram.shape), 30)


def test_moving_aside() -> None:
    shape, box = (24, 40, 36), Box((0, 18, 14), (24, 26, 22))
    assert moved_aside(box, Box.whole(shape), room=18) is box
    assert moved_aside(box, Box.whole(shape), room=19) == Box((0, 32, 14), (24, 40, 22))
    before = Box((0, 10, 14), (24, 18, 22))
    assert moved_aside(before, Box.whole(shape), room=30) == Box((0, 0, 14), (24, 8, 22))
    whole = Box((0, 0, 0), (24, 40, 36))
    assert moved_aside(whole, Box.whole(shape), room=1) == whole


@pytest.mark.parametrize(
    ("shape", "crop"),
    [
        ((464, 928, 928), 64),
        ((64, 240, 240), 48),
        ((40, 100, 100), 24),
        ((24, 40, 36), 16),
        ((16, 16, 16), 16),
        ((17, 400, 400), 16),
    ],
)
def test_a_crop_takes_at_most_three_quarters_of_the_thickness(shape: Any, crop: int) -> None:
    assert fitting_crop(Box.whole(shape), None, UNET) == crop


def test_a_crop_fits_beside_the_block_with_the_filters_margin() -> None:
    shape = (100, 128, 128)
    in_the_middle = Box((0, 40, 40), (100, 88, 88))
    crop = fitting_crop(Box.whole(shape), in_the_middle, UNET)
    assert crop == 32
    assert leaves_room(in_the_middle, Box.whole(shape), crop + PADDING)
    assert not leaves_room(in_the_middle, Box.whole(shape), crop + 8 + PADDING)
    assert fitting_crop(Box.whole(shape), Box((0, 0, 0), (100, 48, 48)), UNET) == 64


@pytest.mark.parametrize("multiple", [2, 4, 8, 16])
def test_a_crop_suits_the_network(multiple: int) -> None:
    for thickness in range(16, 90, 7):
        crop = fitting_crop(Box.whole((thickness, 200, 200)), None, Sizes(multiple=multiple))
        assert crop % multiple == 0
        assert 16 <= crop <= max(16, 0.75 * thickness)


@pytest.mark.parametrize(
    ("thickness", "crop"),
    [(400, 90), (130, 90), (120, 90), (119, 81), (81, 81)],  # 90 is the first multiple of 10 that it takes
)
def test_a_crop_is_as_large_as_the_network_needs(thickness: int, crop: int) -> None:
    within = Box.whole((thickness, 400, 400))
    assert fitting_crop(within, None, Sizes(multiple=10, minimum=81)) == crop


def test_what_is_cut_for_a_crop_fits() -> None:
    def twice(crop: int) -> int:
        return 2 * crop

    assert fitting_crop(Box.whole((100, 300, 300)), None, UNET, cut=twice) == 32
    in_the_middle, within = Box((0, 120, 120), (300, 180, 180)), Box.whole((300, 300, 300))
    crop = fitting_crop(within, in_the_middle, UNET, cut=twice)
    assert 16 < crop < 64
    assert leaves_room(in_the_middle, within, 2 * crop + PADDING)
    assert not leaves_room(in_the_middle, within, 2 * (crop + 8) + PADDING)
    assert fitting_crop(Box.whole((30, 300, 300)), None, UNET, cut=twice) == 16  # the least, which is refused


def test_a_preview_block_is_as_large_as_the_network_needs() -> None:
    assert preview_size((24, 40, 36)) == (24, 8, 8)
    assert preview_size((24, 40, 36), least=20) == (24, 20, 20)
    assert preview_size((400, 400, 400), least=120) == (120, 120, 120)


BOX = Box((2, 3, 0), (18, 11, 9))
CPU = torch.device("cpu")


def volume() -> TrainingVolume:
    even, odd = torch.randn(2, 20, 24, 22, generator=torch.Generator().manual_seed(0))
    imaging = Imaging(Wedge(-60, 60), RadialFilter((1.0, 0.5)))
    return TrainingVolume((even, odd), imaging, torch.zeros(1, 3, dtype=torch.int64))


def method(kind: str = "noise2noise", **knobs: Any) -> Method:
    return build_method(METHODS[kind].Config.model_validate({"kind": kind, **knobs}))


@pytest.mark.parametrize("kind", ["raw", "wiener+raw"])
def test_the_block_is_cut_and_restored_from_each_half(kind: str) -> None:
    ours = volume()
    preview = Preview(method(input=kind), ours, BOX, device=CPU)
    assert torch.equal(torch.from_numpy(preview.input), (sum(ours.maps) / 2)[BOX.slices])
    last = preview.restore(lambda inputs: 3 * inputs[:, -1:])
    factor = 3 if kind == "raw" else 0.6
    for restored, half in zip(last, ours.maps, strict=True):
        torch.testing.assert_close(restored[0, 0], factor * half[BOX.slices])
    torch.testing.assert_close(
        torch.from_numpy(preview.mean_of(last)), factor * torch.from_numpy(preview.input)
    )


def test_the_network_sees_what_lies_around() -> None:
    seen: list[torch.Size] = []

    def network(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs.shape)
        return inputs[:, :1]

    preview = Preview(method(), volume(), BOX, device=CPU)
    preview.restore(network)
    assert seen == [(1, 1, 16 + 8, 8 + 8, 9 + 8)] * 2  # with a margin of 4, see conftest


def test_filling_is_measured_for_methods_with_a_wedge_alone() -> None:
    for kind, expected in (("noise2noise", False), ("icecream", True)):
        preview = Preview(method(kind), volume(), BOX, device=CPU)
        metrics = preview.evaluate(
            lambda inputs: inputs[:, :1], preview.restore(lambda inputs: inputs[:, :1])
        ).metrics
        assert ("fill" in metrics) is expected
        assert {"n2n", "wedge_share"} <= set(metrics)


def test_the_second_pass_sees_as_many_channels_as_the_first() -> None:
    preview = Preview(method("icecream", input="wiener+raw"), volume(), BOX, device=CPU)
    seen: set[int] = set()

    def network(inputs: torch.Tensor) -> torch.Tensor:
        seen.add(inputs.shape[1])
        return inputs[:, :1]

    preview.evaluate(network, preview.restore(network))
    assert seen == {2}


def test_the_block_lies_where_the_network_is_wherever_the_volume_does() -> None:
    preview = Preview(method(), volume(), BOX, device=torch.device("meta"))
    even, odd = preview.restore(lambda inputs: inputs)
    assert even.device.type == odd.device.type == "meta"
