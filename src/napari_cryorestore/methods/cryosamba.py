"""CryoSamba: every section is interpolated from its neighbours, so that noise, which differs, goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import Method, MethodConfig, StepLoss

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.methods.base import Draws, Network

CENSUS_SHARE = 0.1
TRIPLETS = 8
"""Middle sections that a step learns from in every crop."""
_SMOOTH, _SOFT, _LIMIT, _EDGE = 1e-6, 0.81, 0.1, 7


class CryosambaConfig(MethodConfig):
    """The knobs of CryoSamba."""

    kind: Literal["cryosamba"] = "cryosamba"
    gap: int = setting(
        3, "How many sections away neighbours lie at most; 3 to 10 in its paper, the more the finer voxels.",
        unit="voxels", ge=1, le=10, restoring=True,
    )  # fmt: skip
    average_flips: bool = setting(
        False,
        "Restore four flips of every section and average them; takes four times as long.",
        restoring=True,
    )


class Cryosamba(Method):
    """L = Charbonnier + 0.1 census, of f(y at z − t, y at z + t) and y at z."""

    Config = CryosambaConfig
    title = "CryoSamba"
    summary = "Removes noise of a single map, without halves: every section from those below and above it."
    maps = 1
    networks: ClassVar = ("interpolation",)
    presets: ClassVar = {
        "paper": {"schedule": {"steps": 200_000, "batch": 32, "learning_rate": 2e-4}},
    }
    config: CryosambaConfig

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw triplets of sections in every crop, and along which axes it is flipped."""
        import torch

        shape, size = (len(places), TRIPLETS), places.size
        most = max(1, min(self.config.gap, (size - 1) // 2))
        gaps = torch.randint(1, most + 1, shape, generator=generator)
        room = (size - 2 * gaps).clamp(min=1)
        middle = gaps + (torch.rand(shape, generator=generator) * room).long()
        flips = torch.rand(len(places), 3, generator=generator) < 0.5
        return {"gaps": gaps, "middle": middle.clamp(max=size - 1), "flips": flips}

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the loss of the sections in the middle."""
        import torch

        del teacher
        voxels = _flipped(crops.maps[:, 0], draws["flips"])
        numbers = torch.arange(len(voxels), device=voxels.device)[:, None]
        last = voxels.shape[1] - 1
        before, middle, after = (
            voxels[numbers, place.clamp(0, last)].flatten(0, 1)[:, None]
            for place in (
                draws["middle"] - draws["gaps"],
                draws["middle"],
                draws["middle"] + draws["gaps"],
            )
        )
        made = network(torch.stack([before, after], 2))[:, :, 0].float()
        charbonnier = ((made - middle).square() + _SMOOTH).sqrt().mean()
        census = census_distance(made, middle)
        total = charbonnier + CENSUS_SHARE * census
        return StepLoss(total, {"charbonnier": charbonnier, "census": census})

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Return every section as made from what lies between it and its neighbours, over all gaps."""
        del imaging
        flips = ((), (3,), (4,), (3, 4)) if self.config.average_flips else ((),)
        made = [interpolated(network, inputs.flip(axes), self.config.gap).flip(axes) for axes in flips]
        return sum(made[1:], start=made[0]) / len(made)


def interpolated(network: Network, inputs: Tensor, gap: int) -> Tensor:
    """Return the mean, over all gaps t, of f(f(z − t, z), f(z, z + t)), mirrored beyond the ends.

    What lies between a section and the next one t away serves both, so that there are two passes and not
    three for every section and gap.

    Parameters
    ----------
    network : callable
        Returns what lies between neighbouring sections (b, 1, z, y, x), and the last one twice.
    inputs : Tensor, shape (b, 1, z, y, x)
    gap : int
        The largest t.
    """
    import torch

    from napari_cryorestore.data.crops import reflected

    size = inputs.shape[2]
    total = torch.zeros_like(inputs, dtype=torch.float32)
    for step in range(1, gap + 1):
        places = reflected(torch.arange(-step, size + step), size).to(inputs.device)
        longer = inputs[:, :, places]
        for first in range(min(step, size)):
            between = network(longer[:, :, first::step])[:, :, :-1]
            total[:, :, first::step] += network(between)[:, :, :-1].float()
    return total / gap


def census_distance(one: Tensor, other: Tensor) -> Tensor:
    """Return how differently sections (n, 1, y, x) order the pixels around every one, blind to brightness."""
    from torch.nn import functional

    def ranked(sections: Tensor) -> Tensor:
        around = functional.unfold(sections, _EDGE)
        centre = around[:, _EDGE**2 // 2, None]
        difference = around - centre
        return difference / (_SOFT + difference.square()).sqrt()

    apart = (ranked(one) - ranked(other)).square()
    distance: Tensor = (apart / (_LIMIT + apart)).mean()
    return distance


def _flipped(voxels: Tensor, flips: Tensor) -> Tensor:
    """Return crops (b, z, y, x), each flipped along the axes where its row (b, 3) is true."""
    for axis in range(3):
        chosen = flips[:, axis, None, None, None]
        voxels = voxels.flip(axis + 1).where(chosen, voxels)
    return voxels


__all__ = ["Cryosamba", "CryosambaConfig", "census_distance", "interpolated"]
