"""SwinUNETR, whose layers are MONAI's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_cryorestore.networks.module import Network, extended

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.networks.swinunetr import SwinUNETRConfig

_MULTIPLE = 32


class SwinUNETR(Network):
    """MONAI's SwinUNETR with one output map; input channel 0 is added.

    Axes that are no multiple of 32 are continued by their outermost voxels.

    Parameters
    ----------
    config : SwinUNETRConfig
        Its knobs.
    channels : int
        Input channels.

    Raises
    ------
    ImportError
        If MONAI, or what it needs, is not there.
    """

    def __init__(self, config: SwinUNETRConfig, channels: int = 1) -> None:
        from monai.networks.nets.swin_unetr import SwinUNETR as Layers

        super().__init__()
        device = torch.get_default_device()
        with torch.device("cpu"):  # making them needs values
            layers = Layers(in_channels=channels, out_channels=1, feature_size=config.features)
        self.layers = layers.to(device)

    def forward(self, inputs: Tensor) -> Tensor:
        """Restore crops.

        Parameters
        ----------
        inputs : Tensor, shape (b, c, z, y, x)

        Returns
        -------
        Tensor, shape (b, 1, z, y, x)

        Raises
        ------
        ValueError
            If an axis is shorter than 64 voxels.
        """
        self.require_size(inputs)
        z, y, x = inputs.shape[2:]
        change: Tensor = self.layers(extended(inputs, _MULTIPLE))[:, :, :z, :y, :x]
        return inputs[:, :1] + change


__all__ = ["SwinUNETR"]
