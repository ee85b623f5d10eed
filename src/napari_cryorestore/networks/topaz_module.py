"""The 3D U-Net of Topaz-Denoise, into which its published weights fit."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.networks.base import Sizes
from napari_cryorestore.networks.module import Convolution, Network
from napari_cryorestore.networks.unet_module import convolve_joined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEATURES, LAST = 48, (64, 32)
"""Maps of the encoder, half as many as of the decoder, and those of the last stage before the only one."""
LEVELS, FIRST_KERNEL = 5, 7
"""How often maps are halved, and the edge of the first convolution, in voxels."""
SLOPE = 0.1
"""Of LeakyReLU below 0."""
_COARSEST = 2**LEVELS


class TopazUNet(Network):
    """Six convolutions, of which five are followed by max-pooling, and five stages that double again.

    What was pooled, and at last the input itself, is joined to what is doubled. A stage is two convolutions
    with twice the maps; the last one has three, with 64, 32 and 1 maps. Every convolution has a bias and is
    followed by LeakyReLU, but for the last one: so f(a v) is not a f(v).
    """

    sizes = Sizes(multiple=_COARSEST, reach=160, floats_per_voxel=145.0)

    def __init__(self) -> None:
        super().__init__()
        kernels, wide = (FIRST_KERNEL, *[3] * LEVELS), 2 * FEATURES
        self.encoder = nn.ModuleList(
            Convolution(before, FEATURES, kernel, padding=kernel // 2)
            for before, kernel in zip((1, *[FEATURES] * LEVELS), kernels, strict=True)
        )
        stages = [(FEATURES, wide, wide), *[(wide, wide, wide)] * (LEVELS - 2), (wide, *LAST, 1)]
        skips = [*[FEATURES] * (LEVELS - 1), 1]
        self.decoder = nn.ModuleList(
            _convolutions((skip + first, *others))
            for skip, (first, *others) in zip(skips, stages, strict=True)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Restore crops (b, 1, z, y, x) of any size; those below the coarsest voxel are filled up to it."""
        sizes = inputs.shape[2:]
        more = [max(0, _COARSEST - size) for size in sizes]
        if not any(more):
            return self._restored(inputs)
        padding = [side for size in reversed(more) for side in (size // 2, size - size // 2)]
        padded = functional.pad(inputs, padding, mode="replicate")
        z, y, x = (slice(extra // 2, extra // 2 + size) for extra, size in zip(more, sizes, strict=True))
        return self._restored(padded)[..., z, y, x]

    def _restored(self, maps: Tensor) -> Tensor:
        skips: list[Tensor] = []
        *layers, deepest = self.encoder.children()
        for layer in layers:
            skips.append(maps)
            maps = functional.max_pool3d(_leaky(layer(maps)), 2)
        maps = deepest(maps)
        for stage in self.decoder.children():
            joining, *others = stage.children()
            assert isinstance(joining, Convolution)
            maps = convolve_joined(joining, skips.pop(), _leaky(maps))
            for layer in others:
                maps = layer(_leaky(maps))
        return maps


def from_program(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the program's weights as this network has them.

    Topaz counts stages from the full resolution down and layers by twos: ``enc1.0`` is our first convolution,
    ``dec5.2`` the second one of our first stage. It joins a skip behind what was doubled, we before it.

    Parameters
    ----------
    weights : mapping of str to Tensor
        By the program's names.

    Raises
    ------
    ValueError
        If names or shapes are those of another network.
    """
    with torch.device("meta"):
        ours = TopazUNet().state_dict()
    theirs = {name: _name_in_program(name) for name in ours}
    shapes = {theirs[name]: tuple(weight.shape) for name, weight in ours.items()}
    if {name: tuple(weight.shape) for name, weight in weights.items()} != shapes:
        raise ValueError("they are those of another network than Topaz's 3D U-Net")
    return {name: _skip_first(name, weights[theirs[name]].float()) for name in ours}


def _skip_first(name: str, weight: Tensor) -> Tensor:
    """Return a weight with the skip's share in front, if it is of a layer that joins one."""
    part, stage, layer, kind = _parts(name)
    if part == "encoder" or layer or kind == "bias":
        return weight
    return weight.roll(FEATURES if stage < LEVELS - 1 else 1, 1)


def _name_in_program(name: str) -> str:
    part, stage, layer, kind = _parts(name)
    if part == "encoder":
        return f"enc{stage + 1}.0.{kind}"
    return f"dec{LEVELS - stage}.{2 * layer}.{kind}"


def _parts(name: str) -> tuple[str, int, int, str]:
    """Return part, stage, layer and kind of a weight called ``decoder.0.1.bias`` or ``encoder.3.weight``."""
    part, stage, *layer, kind = name.split(".")
    return part, int(stage), int("".join(layer) or 0), kind


def _convolutions(widths: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(Convolution(before, after, 3, padding=1) for before, after in pairwise(widths))


def _leaky(maps: Tensor) -> Tensor:
    return functional.leaky_relu(maps, SLOPE, inplace=True)


__all__ = ["TopazUNet", "from_program"]
