"""The network's input is linear in the half and explains what it lacks."""

from __future__ import annotations

import pytest
import torch

from napari_cryorestore.data.network_input import (
    Imaging,
    input_margin,
    network_input,
    second_pass_input,
    trim,
)
from napari_cryorestore.physics.wiener_filter import RadialFilter

IMAGING = Imaging(wiener=RadialFilter((1.0, 0.4, 0.0)))
CROPS = torch.randn(2, 1, 8, 9, 10, generator=torch.Generator().manual_seed(0))


def test_raw_is_the_crop_itself() -> None:
    assert network_input(CROPS, Imaging(), kind="raw") is CROPS


def test_wiener_stands_before_a_fifth_of_the_crop() -> None:
    channels = network_input(CROPS, IMAGING, kind="wiener+raw")
    assert channels.shape == (2, 2, 8, 9, 10)
    torch.testing.assert_close(channels[:, :1], IMAGING.wiener.apply(CROPS))
    assert torch.equal(channels[:, 1:], 0.2 * CROPS)
    assert channels[:, :1].var() < 0.5 * CROPS.var()


def test_the_input_is_scale_equivariant() -> None:
    channels = network_input(CROPS, IMAGING, kind="wiener+raw")
    torch.testing.assert_close(network_input(5 * CROPS, IMAGING, kind="wiener+raw"), 5 * channels)


def test_without_a_filter_the_way_out_is_named() -> None:
    with pytest.raises(ValueError, match=r"needs a Wiener filter.*use the input 'raw'"):
        network_input(CROPS, Imaging(), kind="wiener+raw")


def test_the_second_pass_is_unfiltered() -> None:
    assert second_pass_input(CROPS, channels=1) is CROPS
    assert torch.equal(second_pass_input(CROPS, channels=2), torch.cat([CROPS, 0.2 * CROPS], 1))
    with pytest.raises(ValueError, match="1 or 2 channels, not 3"):
        second_pass_input(CROPS, channels=3)


def test_only_the_filter_needs_a_margin_and_trimming_takes_it_off() -> None:
    assert input_margin("raw") == 0
    assert input_margin("wiener+raw") == 8
    assert trim(CROPS, 0) is CROPS
    assert torch.equal(trim(CROPS, 2), CROPS[..., 2:6, 2:7, 2:8])
