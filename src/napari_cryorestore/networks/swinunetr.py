"""The knobs of SwinUNETR, and what it says of sizes."""

from __future__ import annotations

from typing import Literal

from napari_cryorestore.config import setting
from napari_cryorestore.networks.base import NetworkConfig, NetworkEntry
from napari_cryorestore.plugin_table import Extra


class SwinUNETRConfig(NetworkConfig):
    """The knobs of SwinUNETR: 4.08, 15.70 or 62.19 million parameters at 12, 24 or 48 features."""

    kind: Literal["swinunetr"] = "swinunetr"
    features: int = setting(
        24,
        "Feature maps at half the resolution, doubled at every level; more can show more and cost more.",
        ge=12,
        le=96,
        multiple_of=12,
    )


SWINUNETR = NetworkEntry(
    title="SwinUNETR",
    summary="A transformer with the decoder of a U-Net, from MONAI; needs crops of 64 voxels or more.",
    Config=SwinUNETRConfig,
    build="napari_cryorestore.networks.swinunetr_module:SwinUNETR",
    size_multiple=32,
    minimum_size=64,  # one coarse voxel has no statistics to normalise by
    floats_per_voxel=lambda config: 400.0 + 2 * config.features,  # most are scores, three heads at first
    scale_equivariant=False,
    content_independent=False,
    presets={
        "quick-look": {"network": {"features": 12}, "schedule": {"batch": 1}},
        "standard": {"network": {"features": 24}},
        "paper": {"network": {"features": 48}, "schedule": {"crop": 64}},
    },
    extra=Extra("monai", "swin"),
)

__all__ = ["SWINUNETR", "SwinUNETRConfig"]
