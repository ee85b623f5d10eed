"""The knobs of SCUNet, and what it says of sizes."""

from __future__ import annotations

from typing import Literal

from napari_cryorestore.config import setting
from napari_cryorestore.networks.base import NetworkConfig, NetworkEntry


class ScunetConfig(NetworkConfig):
    """The knobs of SCUNet.

    Three levels with windows of 3 voxels have 4.73 million parameters at 32 features and 18.86 million at 64.
    """

    kind: Literal["scunet"] = "scunet"
    features: int = setting(
        32,
        "Feature maps at full resolution, doubled at every level; more can show more and cost more.",
        ge=8,
        le=128,
        multiple_of=2,
    )
    levels: int = setting(3, "How many times the resolution is halved.", ge=1, le=4)
    window: int = setting(
        3,
        "Edge of the cubes within which voxels are compared with one another, in coarse voxels.",
        ge=2,
        le=6,
    )


def size_multiple(config: ScunetConfig) -> int:
    """Return the voxels that whole windows take at the coarsest level."""
    return int(config.window * 2**config.levels)


def _floats_per_voxel(config: ScunetConfig) -> float:
    # maps and tokens of all kinds; what is added to the scores, which are never in memory at once
    return 13.0 * config.features + 1.5 * config.window**3 * max(1, config.features // 32)


SCUNET = NetworkEntry(
    title="SCUNet",
    summary="A U-Net that also compares voxels within windows (attention); slow, with a norm.",
    Config=ScunetConfig,
    build="napari_cryorestore.networks.scunet_module:Scunet",
    size_multiple=size_multiple,
    minimum_size=size_multiple,
    floats_per_voxel=_floats_per_voxel,
    scale_equivariant=False,
    content_independent=False,
    presets={
        "quick-look": {"network": {"features": 8, "levels": 2, "window": 4}},
        "standard": {"network": {"features": 32}},
        "paper": {"network": {"features": 64}},
    },
)

__all__ = ["SCUNET", "ScunetConfig", "size_multiple"]
