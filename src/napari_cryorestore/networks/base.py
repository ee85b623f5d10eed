"""What a network promises: knobs with a name, a size rule and one output channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from napari_cryorestore.config import Config, setting

if TYPE_CHECKING:
    from collections.abc import Callable


class NetworkConfig(Config):
    """The knobs that every network has.

    A network's own configuration derives from this one and narrows ``kind`` to its name.
    """

    kind: str = setting(help="The network.")


class Network(nn.Module):
    """Maps crops (b, c, z, y, x) to restored crops (b, 1, z, y, x).

    Attributes
    ----------
    size_multiple : int
        Sizes that are multiples of this number, in voxels, use the network best.
    minimum_size : int
        The smallest size per axis, in voxels, that the network takes.
    reach : int, optional
        How far away, in voxels, an input voxel can lie that a restored one depends on.
    floats_per_voxel : float, optional
        32-bit numbers that restoring a crop holds in memory at once, at most, for every voxel of it.
    """

    size_multiple: int
    minimum_size: int
    reach: int | None = None
    floats_per_voxel: float | None = None


@dataclass(frozen=True)
class NetworkEntry:
    """One line of the table of networks.

    Attributes
    ----------
    Config : type
        Its knobs.
    build : callable
        Makes the network from its knobs and the number of input channels, with torch's current random state.
    """

    Config: type[NetworkConfig]
    build: Callable[[Any, int], Network]


__all__ = ["Network", "NetworkConfig", "NetworkEntry"]
