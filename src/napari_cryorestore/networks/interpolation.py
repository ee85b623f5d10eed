"""The knobs of the network that interpolates sections, and what it says of sizes."""

from __future__ import annotations

from typing import Literal

from napari_cryorestore.config import setting
from napari_cryorestore.networks.base import NetworkConfig, NetworkEntry


class InterpolationConfig(NetworkConfig):
    """The knobs of the interpolating network."""

    kind: Literal["interpolation"] = "interpolation"
    features: int = setting(16, "Feature maps of every layer; more can show more and cost more.", ge=2, le=64)
    levels: int = setting(3, "How often sections are halved to look for large shifts.", ge=1, le=5)
    radius: int = setting(
        2, "How far around a place likeness is looked for, in pixels of every level.", ge=1, le=4
    )


INTERPOLATION = NetworkEntry(
    title="Interpolation",
    summary="Makes the section between two others: moves both to the middle, and joins them.",
    Config=InterpolationConfig,
    build="napari_cryorestore.networks.interpolation_module:Interpolation",
    floats_per_voxel=lambda config: 16.0 + 4 * config.features,
    scale_equivariant=False,
    only_if_named=True,
    presets={"quick-look": {"network": {"features": 8}}},
)

__all__ = ["INTERPOLATION", "InterpolationConfig"]
