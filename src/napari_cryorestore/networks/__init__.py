"""The networks, by name.

Other packages add theirs through the entry-point group ``napari_cryorestore.networks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.networks.base import NetworkConfig, NetworkEntry, Sizes, Traits
from napari_cryorestore.networks.interpolation import INTERPOLATION
from napari_cryorestore.networks.msdnet import MSDNET
from napari_cryorestore.networks.scunet import SCUNET
from napari_cryorestore.networks.swinunetr import SWINUNETR
from napari_cryorestore.networks.unet import UNET, UNetConfig
from napari_cryorestore.networks.unet_deepdewedge import UNET_DEEPDEWEDGE
from napari_cryorestore.plugin_table import PluginTable, of_other_packages

if TYPE_CHECKING:
    from napari_cryorestore.networks.module import Network

_OURS: tuple[NetworkEntry, ...] = (UNET, UNET_DEEPDEWEDGE, MSDNET, SCUNET, SWINUNETR, INTERPOLATION)

NETWORKS = PluginTable("network", _OURS, of_other_packages("napari_cryorestore.networks"))


def build_network(config: NetworkConfig, *, channels: int = 1, seed: int) -> Network:
    """Make a network on the CPU whose weights depend on the seed alone.

    Parameters
    ----------
    config : NetworkConfig
        Its knobs; ``kind`` chooses it from `NETWORKS`.
    channels : int
        Input channels.
    seed : int
        Seed of the initial weights; torch's global random state is left as it was.

    Raises
    ------
    ValueError
        If there is no network of that kind.
    """
    from napari_cryorestore.networks.module import network_of

    return network_of(NETWORKS.find(config.kind), config, channels, seed=seed)


def too_small(edge: int | None, config: NetworkConfig, *, what: str = "crop") -> str:
    """Return in a sentence that a network takes nothing as small; empty if it does, or nothing is given."""
    entry, least = NETWORKS.find(config.kind), sizes_of(config).minimum
    if edge is None or edge >= least:
        return ""
    return f"a {what} of {edge} voxels is too small for this {entry.title}: choose one of at least {least}"


def sizes_of(config: NetworkConfig) -> Sizes:
    """Return what the network that a configuration describes says of sizes, without building it."""
    return NETWORKS.find(config.kind).sizes(config)


__all__ = [
    "NETWORKS",
    "NetworkConfig",
    "NetworkEntry",
    "Sizes",
    "Traits",
    "UNetConfig",
    "build_network",
    "sizes_of",
    "too_small",
]
