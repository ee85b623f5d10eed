"""SwinUNETR, whose layers are MONAI's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_cryorestore.networks.module import ChangeNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.networks.swinunetr import SwinUNETRConfig


class SwinUNETR(ChangeNetwork):
    """MONAI's SwinUNETR with one output map; input channel 0 is added.

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

    multiple = 32

    def __init__(self, config: SwinUNETRConfig, channels: int = 1) -> None:
        from monai.networks.nets.swin_unetr import SwinUNETR as Layers

        super().__init__()
        device = torch.get_default_device()
        with torch.device("cpu"):  # making them needs values
            layers = Layers(in_channels=channels, out_channels=1, feature_size=config.features)
        self.layers = layers.to(device)

    def change(self, inputs: Tensor) -> Tensor:
        """Return the change (b, 1, z, y, x) to inputs (b, c, z, y, x) of a size that the layers take."""
        change: Tensor = self.layers(inputs)
        return change


__all__ = ["SwinUNETR"]
