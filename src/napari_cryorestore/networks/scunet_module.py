"""SCUNet in 3D: a U-Net whose blocks convolve one half of their maps and compare voxels in the other."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.networks.module import ChangeNetwork, Convolution
from napari_cryorestore.networks.scunet import size_multiple

if TYPE_CHECKING:
    from napari_cryorestore.networks.scunet import ScunetConfig

    Sizes3 = tuple[int, int, int]

_HEAD = 16
"""Maps that are compared by one head of attention."""


class Scunet(ChangeNetwork):
    """Swin-Conv-UNet, after Zhang et al. and its 3D version for density maps of He et al.

    Two blocks at every level on the way down, two at the bottom and two at every level on the way up; halving
    and doubling are convolutions of 2³, skips are added, and so is input channel 0 at the end.

    Parameters
    ----------
    config : ScunetConfig
        Its knobs.
    channels : int
        Input channels.
    """

    def __init__(self, config: ScunetConfig, channels: int = 1) -> None:
        super().__init__()
        self.multiple = size_multiple(config)
        widths = [config.features * 2**level for level in range(config.levels + 1)]
        pairs = list(pairwise(widths))
        self.head = Convolution(channels, widths[0], 3, padding=1, bias=False)
        self.down = nn.ModuleList(
            nn.Sequential(
                *_two_blocks(fine, config.window), Convolution(fine, coarse, 2, stride=2, bias=False)
            )
            for fine, coarse in pairs
        )
        self.body = nn.Sequential(*_two_blocks(widths[-1], config.window))
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose3d(coarse, fine, 2, stride=2, bias=False), *_two_blocks(fine, config.window)
            )
            for fine, coarse in reversed(pairs)
        )
        self.tail = Convolution(widths[0], 1, 3, padding=1, bias=False)

    def change(self, inputs: Tensor) -> Tensor:
        """Return the change (b, 1, z, y, x) to inputs (b, c, z, y, x) of a size that the layers take."""
        skips = [self.head(inputs)]
        for halve in self.down:
            skips.append(halve(skips[-1]))
        maps = self.body(skips[-1])
        for double, skip in zip(self.up, reversed(skips[1:]), strict=True):
            maps = double(maps + skip)
        change: Tensor = self.tail(maps + skips[0])
        return change


def _two_blocks(maps: int, window: int) -> list[nn.Module]:
    return [Block(maps, window, shifted=shifted) for shifted in (False, True)]


class Block(nn.Module):
    """Maps after a 1³ convolution: half of them convolved, half attended to; joined by a 1³ convolution."""

    def __init__(self, maps: int, window: int, *, shifted: bool) -> None:
        super().__init__()
        half = maps // 2
        self.before, self.after = Convolution(maps, maps, 1), Convolution(maps, maps, 1)
        self.convolved = nn.Sequential(
            Convolution(half, half, 3, padding=1, bias=False),
            FilterResponseNorm(half),
            Convolution(half, half, 3, padding=1, bias=False),
            FilterResponseNorm(half),
        )
        self.attended = Transformer(half, window, shifted=shifted)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (b, c, z, y, x) changed by the block."""
        near, wide = self.before(maps).chunk(2, 1)
        changed: Tensor = self.after(torch.cat([self.convolved(near) + near, self.attended(wide)], 1))
        return maps + changed


class FilterResponseNorm(nn.Module):
    """max(γ v / sqrt(⟨v²⟩ + 10⁻⁶) + β, τ), the mean being over all voxels of a crop's map; in 32 bits."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(maps))
        self.beta = nn.Parameter(torch.zeros(maps))
        self.tau = nn.Parameter(torch.zeros(maps))

    def forward(self, maps: Tensor) -> Tensor:
        """Return normalised maps (b, c, z, y, x)."""
        gamma, beta, tau = (one.view(-1, 1, 1, 1) for one in (self.gamma, self.beta, self.tau))
        exact = maps.to(torch.promote_types(maps.dtype, torch.float32))
        power = exact.square().mean((2, 3, 4), keepdim=True)
        return torch.maximum(exact * (power + 1e-6).rsqrt() * gamma + beta, tau).to(maps.dtype)


class Transformer(nn.Module):
    """Attention within windows, then a perceptron for every voxel; either is normalised before and added."""

    def __init__(self, maps: int, window: int, *, shifted: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(maps) for _ in range(2))
        self.attention = WindowAttention(maps, window, shifted=shifted)
        self.perceptron = nn.Sequential(nn.Linear(maps, 4 * maps), nn.GELU(), nn.Linear(4 * maps, maps))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (b, c, z, y, x) changed."""
        voxels = maps.permute(0, 2, 3, 4, 1)
        voxels = voxels + self.attention(self.norms[0](voxels))
        changed: Tensor = voxels + self.perceptron(self.norms[1](voxels))
        return changed.permute(0, 4, 1, 2, 3)


class WindowAttention(nn.Module):
    """Every voxel becomes a mean over those of its window, weighted by how well they answer it.

    Where `shifted`, windows begin half a window later along every axis that holds more than one; what is left
    at both ends makes smaller windows. How far apart two voxels are counts too, by a number that is learned.
    """

    def __init__(self, maps: int, window: int, *, shifted: bool) -> None:
        super().__init__()
        self.window, self.shifted = window, shifted
        self.heads = maps // _HEAD if maps % _HEAD == 0 else 1
        self.projection = nn.Linear(maps, 3 * maps)
        self.joined = nn.Linear(maps, maps)
        self.offsets = nn.Parameter(torch.zeros(self.heads * (2 * window - 1) ** 3))
        nn.init.trunc_normal_(self.offsets, std=0.02)
        self.register_buffer("which", offset_numbers(window), persistent=False)
        self.which: Tensor

    def forward(self, voxels: Tensor) -> Tensor:
        """Return voxels (b, z, y, x, c), each axis a multiple of the window."""
        z, y, x = voxels.shape[1:4]
        half = self.window // 2 if self.shifted else 0
        shifts = tuple(half if size > self.window else 0 for size in (z, y, x))
        moved = voxels.roll([-shift for shift in shifts], (1, 2, 3)) if any(shifts) else voxels
        cubes = in_windows(moved, self.window)
        batch, count, inside, maps = cubes.shape
        parts = self.projection(cubes).view(batch, count, inside, 3, self.heads, maps // self.heads)
        query, key, value = parts.permute(3, 0, 1, 4, 2, 5)
        added = self.offsets.view(self.heads, -1)[:, self.which]
        if any(shifts):
            added = added.masked_fill(apart((z, y, x), shifts, self.window, voxels.device), -torch.inf)
        mixed = attend(query, key, value, added.to(query.dtype))
        joined = self.joined(mixed.transpose(2, 3).reshape(batch, count, inside, maps))
        whole = out_of_windows(joined, (z, y, x), self.window)
        return whole.roll(shifts, (1, 2, 3)) if any(shifts) else whole


def attend(query: Tensor, key: Tensor, value: Tensor, added: Tensor) -> Tensor:
    """Return attention within windows (b, windows, heads, voxels, maps).

    On a CPU crop by crop, as PyTorch fuses only what has four axes: several times as fast, and without scores
    of all windows in memory.

    Parameters
    ----------
    query, key, value : Tensor, shape (b, windows, heads, voxels, maps)
    added : Tensor, shape (windows or 1, heads, voxels, voxels)
        What is added to the scores.
    """
    mix = functional.scaled_dot_product_attention
    if not query.is_cpu:
        return mix(query, key, value, attn_mask=added)
    added = added.expand(query.shape[1], -1, -1, -1)
    return torch.stack([mix(*crop, attn_mask=added) for crop in zip(query, key, value, strict=True)])


def in_windows(voxels: Tensor, window: int) -> Tensor:
    """Return voxels (b, z, y, x, c) window by window, (b, windows, window³, c)."""
    batch, *sizes, maps = voxels.shape
    z, y, x = (size // window for size in sizes)
    cut = voxels.reshape(batch, z, window, y, window, x, window, maps)
    return cut.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(batch, z * y * x, window**3, maps)


def out_of_windows(cubes: Tensor, sizes: Sizes3, window: int) -> Tensor:
    """Return what `in_windows` was given."""
    z, y, x = (size // window for size in sizes)
    cut = cubes.view(len(cubes), z, y, x, window, window, window, -1)
    return cut.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(len(cubes), *sizes, -1)


def offset_numbers(window: int) -> Tensor:
    """Return the number of the offset between any two voxels of a window, (window³, window³)."""
    line = torch.arange(window)
    places = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    apart = places[:, None] - places[None] + window - 1
    edge = 2 * window - 1
    return (apart[..., 0] * edge + apart[..., 1]) * edge + apart[..., 2]


@lru_cache(maxsize=16)
def apart(sizes: Sizes3, shifts: Sizes3, window: int, device: torch.device) -> Tensor:
    """Return which voxels of moved windows met only because the ends of an axis were joined.

    Returns
    -------
    Tensor of bool, shape (windows, 1, window³, window³)
    """
    with torch.inference_mode(mode=False):
        ends = [
            torch.arange(size, device=device) >= size - shift
            for size, shift in zip(sizes, shifts, strict=True)
        ]
        z, y, x = (end.int() for end in ends)
        sides = 4 * z[:, None, None] + 2 * y[:, None] + x
        cubes = in_windows(sides[None, ..., None], window)[0, ..., 0]
        return (cubes[:, None, :, None] != cubes[:, None, None, :]).clone()


__all__ = [
    "Block",
    "FilterResponseNorm",
    "Scunet",
    "Transformer",
    "WindowAttention",
    "apart",
    "attend",
    "in_windows",
    "offset_numbers",
    "out_of_windows",
]
