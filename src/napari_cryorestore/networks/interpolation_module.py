"""Interpolation between sections in 2D: flows from the middle to both, and what joins the two."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.networks.module import Network

if TYPE_CHECKING:
    from napari_cryorestore.networks.interpolation import InterpolationConfig


class Interpolation(Network):
    """Of sections x₀, x₁, …: between x₀ and x₁, between x₁ and x₂, …; the last one twice.

    After CryoSamba: the flows from the middle to both neighbours are refined from coarse to fine, by one
    small network for all levels, which sees the features of both neighbours moved to the middle and how
    alike they are around every place. A U-Net of two levels then weighs the moved sections and corrects them.

    Parameters
    ----------
    config : InterpolationConfig
        Its knobs.
    channels : int
        Input channels, of which the first one is interpolated.
    """

    def __init__(self, config: InterpolationConfig, channels: int = 1) -> None:
        super().__init__()
        width, self.radius = config.features, config.radius
        self.features = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels if level == 0 else width, width, 3, stride=2, padding=1),
                nn.LeakyReLU(0.1),
                nn.Conv2d(width, width, 3, padding=1),
                nn.LeakyReLU(0.1),
            )
            for level in range(config.levels)
        )
        self.flow = _convolutions(2 * width + (2 * config.radius + 1) ** 2 + 4, width, 4)
        self.fine = _convolutions(4 * channels + 4, width, width)
        self.coarse = _convolutions(width, 2 * width, width)
        self.joined = _convolutions(2 * width, width, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what lies between neighbours: (b, c, z, y, x) becomes (b, 1, z, y, x)."""
        count, planes = len(inputs), max(1, inputs.shape[2] - 1)
        first, second = inputs[:, :, :planes], inputs[:, :, -planes:]
        one, other = (part.transpose(1, 2).flatten(0, 1) for part in (first, second))
        made = self._between(one, other)
        between = made.reshape(count, planes, *made.shape[1:]).transpose(1, 2)
        return between if planes == inputs.shape[2] else torch.cat([between, between[:, :, -1:]], 2)

    def _between(self, one: Tensor, other: Tensor) -> Tensor:
        """Return what lies between two sections (n, c, y, x): (n, 1, y, x)."""
        flows = functional.interpolate(self._flows(one, other), one.shape[-2:], mode="bilinear") * 2
        near, far = moved(one, flows[:, :2]), moved(other, flows[:, 2:])
        maps = self.fine(torch.cat([one, other, near, far, flows], 1))
        low = self.coarse(functional.avg_pool2d(maps, 2, ceil_mode=True))
        back = functional.interpolate(low, maps.shape[-2:], mode="bilinear")
        share, change = self.joined(torch.cat([maps, back], 1)).float().unbind(1)
        share = share.sigmoid()
        between: Tensor = share * near[:, 0] + (1 - share) * far[:, 0] + change
        return between[:, None]

    def _flows(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the flows (n, 4, y/2, x/2) from the middle to both sections, in pixels of that size."""
        pyramid = []
        for level in self.features:
            one, other = level(one), level(other)
            pyramid.append((one, other))
        flows = torch.zeros_like(one[:, :1]).float().expand(-1, 4, -1, -1)
        for near, far in reversed(pyramid):
            if flows.shape[-2:] != near.shape[-2:]:
                flows = functional.interpolate(flows, near.shape[-2:], mode="bilinear") * 2
            near, far = moved(near, flows[:, :2]), moved(far, flows[:, 2:])
            alike = likeness(near, far, self.radius)
            flows = flows + self.flow(torch.cat([near, far, alike, flows], 1)).float()
        return flows


def moved(sections: Tensor, flow: Tensor) -> Tensor:
    """Return sections (n, c, y, x) read at every place plus a flow (n, 2, y, x), in pixels along x and y."""
    rows, columns = sections.shape[-2:]
    y = torch.arange(rows, device=flow.device, dtype=torch.float32)[:, None] + flow[:, 1].float()
    x = torch.arange(columns, device=flow.device, dtype=torch.float32) + flow[:, 0].float()
    grid = torch.stack([2 * x / max(1, columns - 1) - 1, 2 * y / max(1, rows - 1) - 1], -1)
    return functional.grid_sample(sections.float(), grid, padding_mode="border", align_corners=True)


def likeness(one: Tensor, other: Tensor, radius: int) -> Tensor:
    """Return how maps correlate with others shifted by up to a radius: (n, (2 radius + 1)², y, x)."""
    rows, columns = one.shape[-2:]
    padded = functional.pad(other, [radius] * 4)
    shifts = product(range(2 * radius + 1), repeat=2)
    return torch.stack(
        [(one * padded[..., dy : dy + rows, dx : dx + columns]).mean(1) for dy, dx in shifts], 1
    )


def _convolutions(before: int, width: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, 3, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(width, width, 3, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(width, after, 3, padding=1),
    )


__all__ = ["Interpolation", "likeness", "moved"]
