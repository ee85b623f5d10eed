"""Tests of the preview block: what is restored of it, and with how much around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_cryorestore.data.crops import Box, TrainingVolume
from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.methods import METHODS, build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.training.preview import Preview

if TYPE_CHECKING:
    from napari_cryorestore.methods import Method

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
