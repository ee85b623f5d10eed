"""A network that comes with weights of its own and is not trained here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import Method, MethodConfig

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.methods.base import Network


class UntrainedConfig(MethodConfig):
    """The knobs of the smoothing network."""

    kind: Literal["untrained"] = "untrained"
    rounds: int = setting(1, "How many times the network is applied.", ge=1, le=4)


class Untrained(Method):
    """The mean over 3³ voxels, as a convolution with given weights."""

    Config = UntrainedConfig
    title = "Untrained"
    summary = "Smooths with weights that it brings along."
    trainable = False
    config: UntrainedConfig

    def pretrained(self) -> nn.Module:
        """Return the network with its weights."""
        network = nn.Conv3d(1, 1, 3, padding=1, bias=False, padding_mode="replicate")
        network.weight.data = torch.full_like(network.weight, 1 / 27)
        return network.eval()

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Return the smoothed crops."""
        del imaging
        for _ in range(self.config.rounds):
            inputs = network(inputs)
        return inputs.float()
