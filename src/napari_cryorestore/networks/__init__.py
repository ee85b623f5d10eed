"""The networks, by name."""

from __future__ import annotations

import torch

from napari_cryorestore.networks.base import Network, NetworkConfig, NetworkEntry
from napari_cryorestore.networks.unet import UNet, UNetConfig

NETWORKS: dict[str, NetworkEntry] = {"unet": NetworkEntry(UNetConfig, UNet)}


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
    if config.kind not in NETWORKS:
        raise ValueError(f"There is no network {config.kind!r}; choose one of {', '.join(sorted(NETWORKS))}.")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the GPUs too
        return NETWORKS[config.kind].build(config, channels)


__all__ = ["NETWORKS", "Network", "NetworkConfig", "NetworkEntry", "UNet", "UNetConfig", "build_network"]
