"""The knobs of DeepDeWedge's U-Net, and what it says of sizes."""

from __future__ import annotations

from typing import Literal

from napari_cryorestore.config import setting
from napari_cryorestore.networks.base import NetworkConfig, NetworkEntry


class DeepDeWedgeUNetConfig(NetworkConfig):
    """The knobs of DeepDeWedge's U-Net: 6 832 129 parameters at 32 features, 27 322 369 at 64."""

    kind: Literal["unet-deepdewedge"] = "unet-deepdewedge"
    features: int = setting(
        32,
        "Feature maps at full resolution, doubled at every level; more can show more and cost more.",
        ge=2,
        le=128,
    )


UNET_DEEPDEWEDGE = NetworkEntry(
    title="U-Net of DeepDeWedge",
    summary="The U-Net that DeepDeWedge was published with; it normalises, which can make seams visible.",
    Config=DeepDeWedgeUNetConfig,
    build="napari_cryorestore.networks.unet_deepdewedge_module:DeepDeWedgeUNet",
    size_multiple=8,
    minimum_size=8,  # one coarse voxel has no statistics to normalise by
    # convolutions at 1, 2, 4 and 8 voxels, on the way down and up, and the rest of the coarsest voxel
    reach=4 * (1 + 2 + 4) + 2 * 8 + (8 + 4 + 2) + 3 * (4 + 2 + 1) + 7,
    floats_per_voxel=lambda config: 7.0 * config.features,
    scale_equivariant=False,
    content_independent=False,
    presets={
        "quick-look": {"network": {"features": 8}},
        "standard": {"network": {"features": 32}},
        "paper": {"network": {"features": 64}},
    },
)

__all__ = ["UNET_DEEPDEWEDGE", "DeepDeWedgeUNetConfig"]
