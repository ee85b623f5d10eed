"""The knobs of the mixed-scale dense network, and what it says of sizes."""

from __future__ import annotations

from typing import Literal

from napari_cryorestore.config import setting
from napari_cryorestore.networks.base import NetworkConfig, NetworkEntry


class MSDNetConfig(NetworkConfig):
    """The knobs of the mixed-scale dense network.

    With one map per layer and biases it has 34 527 parameters at 50 layers and 136 552 at 100.
    """

    kind: Literal["msdnet"] = "msdnet"
    layers: int = setting(
        50, "Layers, each of which sees the maps of all before it; more can show and cost more.", ge=1, le=200
    )
    width: int = setting(1, "Maps that every layer adds.", ge=1, le=16)
    dilations: int = setting(
        8,
        "The layers look 1, 2, 3, … voxels far in turn, up to so many; about an eighth of the crop at most.",
        ge=1,
        le=10,
    )
    bias: bool = setting(
        False,
        "Add constants in every layer, which gives up the network's indifference to contrast.",
        advanced=True,
    )
    residual: bool = setting(
        True, "Let the network predict a change to its input instead of the map.", advanced=True
    )


def dilations_of(config: MSDNetConfig) -> list[list[int]]:
    """Return how many voxels apart the weights of every map lie, layer by layer."""
    every = [index % config.dilations + 1 for index in range(config.layers * config.width)]
    return [every[first : first + config.width] for first in range(0, len(every), config.width)]


MSDNET = NetworkEntry(
    title="MS-D Net",
    summary="Looks at every place at full resolution, with very few weights.",
    Config=MSDNetConfig,
    build="napari_cryorestore.networks.msdnet_module:MSDNet",
    reach=lambda config: sum(map(max, dilations_of(config))),
    # all maps, and the 27 shares that every voxel's neighbours have in the next ones
    floats_per_voxel=lambda config: 2.0 + (config.layers + 27) * config.width,
    scale_equivariant=lambda config: not config.bias,
    content_independent=True,
    presets={
        "quick-look": {"network": {"layers": 20, "dilations": 4}},
        "standard": {"network": {"layers": 50, "dilations": 8}},
        "paper": {"network": {"layers": 100, "dilations": 10}},
    },
)

__all__ = ["MSDNET", "MSDNetConfig", "dilations_of"]
