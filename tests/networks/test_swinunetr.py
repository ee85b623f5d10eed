"""SwinUNETR is MONAI's, and who lacks MONAI is told so."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.networks.module import network_of
from napari_cryorestore.networks.swinunetr import SWINUNETR, SwinUNETRConfig
from napari_cryorestore.plugin_table import Extra


@pytest.mark.parametrize(("features", "published"), [(12, "4.08"), (24, "15.70"), (48, "62.19")])
def test_has_the_published_number_of_parameters(features: int, published: str) -> None:
    with torch.device("meta"):
        network = network_of(NETWORKS["swinunetr"], SwinUNETRConfig(features=features), 1, seed=0)
    assert f"{sum(weight.numel() for weight in network.parameters()) / 1e6:.2f}" == published


def test_who_lacks_monai_is_told_which_extra_brings_it() -> None:
    entry = replace(SWINUNETR, extra=Extra("no_such_monai", "swin"))
    with pytest.raises(ValueError, match=r"'swinunetr' needs .* pip install 'napari-cryorestore\[swin\]'"):
        network_of(entry, SwinUNETRConfig(), 1, seed=0)


def test_crops_that_are_too_small_are_refused() -> None:
    network = network_of(SWINUNETR, SwinUNETRConfig(features=12), 1, seed=0)
    with pytest.raises(ValueError, match="at least 64 voxels"):
        network(torch.zeros(1, 1, 64, 32, 64))
