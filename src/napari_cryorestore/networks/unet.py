"""The 3D U-Net, which is scale-equivariant when it has neither bias nor norm."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.config import setting
from napari_cryorestore.networks.base import Network, NetworkConfig, NetworkEntry
from napari_cryorestore.networks.convolution import Convolution
from napari_cryorestore.networks.doubling import convolve_joined

if TYPE_CHECKING:
    from collections.abc import Sequence


class UNetConfig(NetworkConfig):
    """The knobs of the U-Net.

    Four levels without bias, norm and residual are ICECREAM's network: 254 996, 1 019 752, 4 078 544 or
    16 313 248 parameters at 8, 16, 32 or 64 features.
    """

    kind: Literal["unet"] = "unet"
    features: int = setting(
        32,
        "Feature maps at full resolution, doubled at every level; more can show more and cost more.",
        ge=2,
        le=256,
    )
    levels: int = setting(
        4, "Resolutions the network looks at, each half as fine as the one before.", ge=2, le=5
    )
    bias: bool = setting(
        False,
        "Add constants in every layer, which gives up the network's indifference to contrast.",
        advanced=True,
    )
    norm: Literal["none", "instance"] = setting(
        "none", "Normalise every layer per crop, which can make seams between tiles visible.", advanced=True
    )
    residual: bool = setting(
        False, "Let the network predict a change to its input instead of the map.", advanced=True
    )
    init: Literal["default", "he"] = setting(
        "default",
        "Initial weights: torch's (published) or He's, which keeps the signal's strength.",
        advanced=True,
    )


class UNet(Network):
    """Encoder and decoder of double convolutions with skips, after ICECREAM's ``unet3d_bf``.

    Every convolution is 3³, zero-padded and followed by ReLU; halving is max-pooling, doubling is
    nearest-neighbour to the skip's size, so odd sizes work; a linear 1³ convolution ends it. Without bias and
    norm, f(a v) = a f(v) for every a > 0. The residual, where wanted, adds input channel 0.

    Parameters
    ----------
    config : UNetConfig
        Its knobs.
    channels : int
        Input channels.
    """

    def __init__(self, config: UNetConfig, channels: int = 1) -> None:
        super().__init__()
        widths = [config.features * 2**level for level in range(config.levels)]
        self.residual = config.residual
        ins = [channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            _block((first, max(last // 2, first), last), config)
            for first, last in zip(ins, widths, strict=True)
        )
        self.decoder = nn.ModuleList(
            _block((skip + below, skip, skip), config)
            for skip, below in zip(reversed(widths[:-1]), reversed(widths[1:]), strict=True)
        )
        self.head = Convolution(widths[0], 1, 1, bias=config.bias)
        if config.init == "he":
            self._initialise_he()

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
            If an axis is shorter than the coarsest voxel, or two of them with a norm.
        """
        self.require_size(inputs)
        maps = inputs
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            maps = block(functional.max_pool3d(maps, 2) if level else maps)
            skips.append(maps)
        for block, skip in zip(self.decoder, reversed(skips[:-1]), strict=True):
            layers: list[Any] = list(block.children())
            maps = convolve_joined(layers[0], skip, maps)
            for layer in layers[1:]:
                maps = layer(maps)
        outputs: Tensor = self.head(maps)
        return outputs + inputs[:, :1] if self.residual else outputs

    def _initialise_he(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv3d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if layer is self.head else "relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def _block(widths: Sequence[int], config: UNetConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers.append(Convolution(before, after, 3, padding=1, bias=config.bias))
        if config.norm == "instance":
            layers.append(nn.InstanceNorm3d(after))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _size_multiple(config: UNetConfig) -> int:
    return int(2 ** (config.levels - 1))


def _minimum_size(config: UNetConfig) -> int:
    # One voxel at the deepest level has no statistics to normalise by.
    return _size_multiple(config) * (1 if config.norm == "none" else 2)


def _reach(config: UNetConfig) -> int:
    # Two 3³ convolutions at every level on the way down, and at every one but the deepest on the way up; and
    # the rest of the coarsest voxel.
    return int(2 * (2**config.levels - 1) + 3 * (2 ** (config.levels - 1) - 1))


UNET = NetworkEntry(
    title="U-Net",
    summary="Looks at every place in several resolutions; ICECREAM's network.",
    Config=UNetConfig,
    build=UNet,
    size_multiple=_size_multiple,
    minimum_size=_minimum_size,
    reach=_reach,
    floats_per_voxel=lambda config: 4.5 * config.features,
    presets={
        "quick-look": {"network": {"features": 8}},
        "standard": {"network": {"features": 32}},
        "paper": {"network": {"features": 64}},
    },
)

__all__ = ["UNET", "UNet", "UNetConfig"]
