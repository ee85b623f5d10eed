"""The half-map-FSC Wiener filter: no training, done in seconds, the yardstick that networks must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_cryorestore.methods.base import Method, MethodConfig

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.methods.base import Network


class WienerConfig(MethodConfig):
    """The Wiener filter has no knobs: everything follows from the two halves."""

    kind: Literal["wiener"] = "wiener"


class Wiener(Method):
    """W(q) = FSC(q) for one half and 2 FSC / (1 + FSC) for the mean of both."""

    Config = WienerConfig
    title = "Wiener filter"
    summary = "Weights every frequency by how well the halves agree there; no training, a yardstick."
    trainable = False
    maps_to_restore = 2

    @property
    def needs_filter(self) -> bool:
        """Whether restoring uses the tomogram's half-map Wiener filter: it is nothing else."""
        return True

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Return W y with W for the mean of both halves; the network is not used."""
        del network
        if imaging.wiener is None:
            raise ValueError("The Wiener filter needs both half maps to know where they agree.")
        return imaging.wiener.for_mean().apply(inputs[:, :1].float())
