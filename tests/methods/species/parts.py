"""As many parts as there are: every step draws anew which of them are the input and which the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from napari_cryorestore.methods.base import Method, MethodConfig, StepLoss

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.methods.base import Draws, Network


class PartsConfig(MethodConfig):
    """There is nothing to set."""

    kind: Literal["parts"] = "parts"


class Parts(Method):
    """L = ‖f(⟨p⟩ of some parts) − ⟨p⟩ of the others‖²."""

    Config = PartsConfig
    title = "Parts"
    summary = "Removes noise by predicting the mean of some parts from that of the others."
    maps = "K"
    config: PartsConfig

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw for every crop which parts are the input: half of them."""
        order = torch.rand(len(places), places.maps, generator=generator).argsort(1)
        return {"chosen": order < places.maps // 2}

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the squared difference."""
        del teacher
        prediction = network(_mean(crops.maps, draws["chosen"])).float()
        return StepLoss((prediction - _mean(crops.maps, ~draws["chosen"])).square().mean())


def _mean(maps: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean of some maps (b, m, z, y, x), (b, 1, z, y, x)."""
    shares = chosen / chosen.sum(1, keepdim=True)
    return (maps * shares[:, :, None, None, None]).sum(1, keepdim=True)
