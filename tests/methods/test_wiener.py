"""Tests of the Wiener filter as a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.data.crops import Crops

WIENER = METHODS["wiener"]


def test_it_filters_and_ignores_the_network(make_batch: Callable[..., Crops]) -> None:
    batch = make_batch()
    assert batch.imaging.wiener is not None
    restored = WIENER(WIENER.Config()).restore_crop(lambda crops: crops * 0, batch.even, batch.imaging)
    assert torch.equal(restored, batch.imaging.wiener.for_mean().apply(batch.even))


def test_without_a_filter_it_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="needs both half maps"):
        WIENER(WIENER.Config()).restore_crop(lambda crops: crops, torch.zeros(1, 1, 4, 4, 4), Imaging())


def test_it_is_not_trained(make_batch: Callable[..., Crops]) -> None:
    assert not WIENER.trainable
    with pytest.raises(NotImplementedError, match="is not trained"):
        WIENER(WIENER.Config()).loss(lambda crops: crops, make_batch(), {}, teacher=lambda crops: crops)
