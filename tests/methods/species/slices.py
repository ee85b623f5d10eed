"""A network that sees one slice at a time, and Noise2Noise with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from torch import nn

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import Method, MethodConfig, StepLoss
from napari_cryorestore.networks import NetworkConfig, NetworkEntry
from napari_cryorestore.networks.module import Network

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.crops import Crops
    from napari_cryorestore.methods.base import Draws


class FlatConfig(NetworkConfig):
    """The knobs of the flat network."""

    kind: Literal["flat"] = "flat"
    width: int = setting(4, "Feature maps.", ge=1)


class Flat(Network):
    """Two 3² convolutions of every slice across z."""

    def __init__(self, config: FlatConfig, channels: int) -> None:
        super().__init__()
        first = nn.Conv2d(channels, config.width, 3, padding=1, bias=False)
        last = nn.Conv2d(config.width, 1, 3, padding=1, bias=False)
        self.layers = nn.Sequential(first, nn.ReLU(), last)

    def forward(self, inputs: Tensor) -> Tensor:
        """Restore crops (b, c, z, y, x), slice by slice."""
        slices = self.layers(inputs.transpose(1, 2).flatten(0, 1))
        return slices.unflatten(0, (len(inputs), -1)).transpose(1, 2)  # type: ignore[no-any-return]


FLAT = NetworkEntry("Flat network", "Sees one slice at a time.", FlatConfig, Flat, reach=2)


class SlicesConfig(MethodConfig):
    """There is nothing to set."""

    kind: Literal["slices"] = "slices"


class Slices(Method):
    """L = ‖f(y₀) − y₁‖², f slice by slice."""

    Config = SlicesConfig
    title = "Slices"
    summary = "Removes noise slice by slice."
    networks: ClassVar = ("flat",)

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the squared difference of the halves."""
        del draws, teacher
        return StepLoss((network(crops.even_input).float() - crops.odd).square().mean())
