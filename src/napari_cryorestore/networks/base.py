"""What a network promises: a line of the table that names it, and one output channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_cryorestore.config import Config, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    OfConfig = Callable[[Any], int]


class NetworkConfig(Config):
    """The knobs that every network has.

    A network's own configuration derives from this one and narrows ``kind`` to its name.
    """

    kind: str = setting(help="The network.")


@dataclass(frozen=True)
class Sizes:
    """What a network says of the sizes of crops and tiles.

    Attributes
    ----------
    multiple : int
        Sizes that are multiples of this number, in voxels, use the network best.
    minimum : int
        The smallest size per axis, in voxels, that the network takes.
    reach : int or None
        How far away, in voxels, an input voxel can lie that a restored one depends on; ``None`` if unknown.
    floats_per_voxel : float or None
        32-bit numbers that restoring a crop holds in memory at once, at most, for every voxel of it.
    """

    multiple: int = 1
    minimum: int = 1
    reach: int | None = None
    floats_per_voxel: float | None = None


class Network(nn.Module):
    """Maps crops (b, c, z, y, x) to restored crops (b, 1, z, y, x).

    Attributes
    ----------
    sizes : Sizes
        What its line of the table says, once it was made from that.
    """

    sizes: Sizes = Sizes()

    def require_size(self, inputs: Tensor) -> None:
        """Refuse crops (b, c, z, y, x) that are too small.

        Raises
        ------
        ValueError
            If an axis is shorter than the network's minimum.
        """
        if min(inputs.shape[2:]) < self.sizes.minimum:
            raise ValueError(
                f"The network takes crops of at least {self.sizes.minimum} voxels per axis, but this one is "
                f"{tuple(inputs.shape[2:])}; use larger crops or fewer levels."
            )


@dataclass(frozen=True)
class NetworkEntry:
    """One line of the table of networks.

    Numbers that depend on the knobs are functions of the configuration, so that they are known before the
    network is made.

    Attributes
    ----------
    title : str
        The name as users know it.
    summary : str
        One sentence for the user who chooses.
    Config : type
        Its knobs; its ``kind`` is the name in the table.
    build : callable
        Makes the network from its knobs and the number of input channels, with torch's current random state.
    size_multiple, minimum_size, reach, floats_per_voxel
        See `Sizes`.
    presets : dict of str to dict
        What the network sets in a preset, as nested settings; a name of its own is a preset of its own.
    """

    title: str
    summary: str
    Config: type[NetworkConfig]
    build: Callable[[Any, int], Network]
    size_multiple: int | OfConfig = 1
    minimum_size: int | OfConfig = 1
    reach: int | OfConfig | None = None
    floats_per_voxel: float | Callable[[Any], float] | None = None
    presets: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def sizes(self, config: NetworkConfig) -> Sizes:
        """Return what the network with these knobs says of sizes."""

        def of(value: Any) -> Any:
            return value(config) if callable(value) else value

        return Sizes(
            multiple=of(self.size_multiple),
            minimum=of(self.minimum_size),
            reach=of(self.reach),
            floats_per_voxel=of(self.floats_per_voxel),
        )

    def made(self, config: NetworkConfig, channels: int, *, seed: int) -> Network:
        """Return the network with these knobs, its weights by the seed alone; see `build_network`."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the GPUs too
            network = self.build(config, channels)
        network.sizes = self.sizes(config)
        return network


_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


def channels_last(network: nn.Module) -> nn.Module:
    """Let all channels of a voxel, or of a pixel, lie together in a network's weights, and return it."""
    for weight in network.parameters():
        layout = _LAYOUTS.get(weight.ndim)
        if layout is not None:
            weight.data = weight.data.contiguous(memory_format=layout)
    return network


__all__ = ["Network", "NetworkConfig", "NetworkEntry", "Sizes", "channels_last"]
