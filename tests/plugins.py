"""A network and a method as another package would bring them, for tests of what goes by what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from torch import nn

from napari_cryorestore.config import setting
from napari_cryorestore.methods.noise2noise import Noise2Noise, Noise2NoiseConfig
from napari_cryorestore.networks import NetworkConfig, NetworkEntry
from napari_cryorestore.networks.module import Network

if TYPE_CHECKING:
    from torch import Tensor


class WideConfig(NetworkConfig):
    """The knobs of a network that needs room."""

    kind: Literal["wide"] = "wide"
    width: int = setting(3, "Feature maps.", ge=1)
    least: int = setting(36, "Smallest crop.", ge=1)


class Wide(Network):
    """Two convolutions that take large crops only."""

    def __init__(self, config: WideConfig, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(channels, config.width, 3, padding=1), nn.Conv3d(config.width, 1, 3, padding=1)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        self.require_size(inputs)
        restored: Tensor = self.layers(inputs)
        return restored


WIDE = NetworkEntry(
    title="Wide network",
    summary="Needs room.",
    Config=WideConfig,
    build=Wide,
    size_multiple=10,
    minimum_size=lambda config: config.least,
    reach=2000,
    presets={"quick-look": {"network": {"width": 2}}, "roomy": {"schedule": {"crop": 80}}},
)


class PickyConfig(Noise2NoiseConfig):
    """The knobs of a method that works with one network only."""

    kind: Literal["picky"] = "picky"  # type: ignore[assignment]


class Picky(Noise2Noise):
    """Noise2Noise with the wide network."""

    Config = PickyConfig
    title = "Picky"
    networks: ClassVar = ("wide",)
    presets: ClassVar = {"membranes": {"method": {"loss": "fsc"}, "schedule": {"steps": 70}}}


__all__ = ["WIDE", "Picky", "PickyConfig", "Wide", "WideConfig"]
