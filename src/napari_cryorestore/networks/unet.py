"""The knobs of the 3D U-Net, and what it says of sizes."""

from __future__ import annotations

from typing import Literal

from napari_cryorestore.config import setting
from napari_cryorestore.networks.base import NetworkConfig, NetworkEntry


class UNetConfig(NetworkConfig):
    """The knobs of the U-Net.

    Four levels without bias, norm and residual are ICECREAM's network: 254 996, 1 019 752, 4 078 544 or
    16 313 248 parameters at 8, 16, 32 or 64 features. With bias, residual and csbdeep's widths, 16 features
    are cryoCARE's: 1 024 017 parameters.
    """

    kind: Literal["unet"] = "unet"
    features: int = setting(
        32,
        "Feature maps at full resolution, doubled at every level; more can show more and cost more.",
        ge=2,
        le=256,
    )
    levels: int = setting(
        4, "Resolutions the network looks at, each half as fine as the one before.", ge=2, le=5
    )
    bias: bool = setting(
        False,
        "Add constants in every layer, which gives up the network's indifference to contrast.",
        advanced=True,
    )
    norm: Literal["none", "instance"] = setting(
        "none", "Normalise every layer per crop, which can make seams between tiles visible.", advanced=True
    )
    residual: bool = setting(
        False, "Let the network predict a change to its input instead of the map.", advanced=True
    )
    widths: Literal["icecream", "csbdeep"] = setting(
        "icecream",
        "How many maps the two layers of a level make: as in ICECREAM's U-Net, or in csbdeep's (cryoCARE).",
        advanced=True,
    )
    init: Literal["default", "he"] = setting(
        "default",
        "Initial weights: torch's (published) or He's, which keeps the signal's strength.",
        advanced=True,
    )


def _size_multiple(config: UNetConfig) -> int:
    return int(2 ** (config.levels - 1))


def _minimum_size(config: UNetConfig) -> int:
    # One voxel at the deepest level has no statistics to normalise by.
    return _size_multiple(config) * (1 if config.norm == "none" else 2)


def _reach(config: UNetConfig) -> int:
    # Two 3³ convolutions at every level on the way down, and at every one but the deepest on the way up; and
    # the rest of the coarsest voxel.
    return int(2 * (2**config.levels - 1) + 3 * (2 ** (config.levels - 1) - 1))


UNET = NetworkEntry(
    title="U-Net",
    summary="Looks at every place in several resolutions; ICECREAM's network.",
    Config=UNetConfig,
    build="napari_cryorestore.networks.unet_module:UNet",
    size_multiple=_size_multiple,
    minimum_size=_minimum_size,
    reach=_reach,
    floats_per_voxel=lambda config: 4.5 * config.features,
    scale_equivariant=lambda config: not config.bias and config.norm == "none",
    content_independent=lambda config: config.norm == "none",
    presets={
        "quick-look": {"network": {"features": 8}},
        "standard": {"network": {"features": 32}},
        "paper": {"network": {"features": 64}},
    },
)

__all__ = ["UNET", "UNetConfig"]
