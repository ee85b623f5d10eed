"""How much memory a training step takes: counted on tensors that have a shape but no values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

    from napari_cryorestore.config import Config
    from napari_cryorestore.methods import Method
    from napari_cryorestore.networks import Sizes

OVERHEAD = 0.4e9
"""Bytes for the library's own buffers and convolution workspaces."""


def estimated_memory(
    sections: Mapping[str, Config], shapes: Sequence[Sequence[int]], *, half_precision: bool
) -> float:
    """Return about how many bytes training takes on its device.

    The loss of one step is run on PyTorch's meta device, where tensors have shapes but no voxels, and what is
    saved for the backward pass is added up; so a new method or network is estimated like the others.

    Parameters
    ----------
    sections
        ``method``, ``network``, ``schedule`` and, where it is known, ``hardware``.
    shapes : sequence of (int, int, int)
        The tomograms (z, y, x), binned where training bins; that which is previewed first.
    half_precision
        Whether the network computes in 16 bits.
    """
    import torch

    schedule: Any = sections["schedule"]
    dtype = torch.bfloat16 if half_precision else torch.float32
    step = rehearsed(sections, shapes, dtype)
    weights = sum(weight.numel() for weight in step.network.parameters()) * 4
    saved = _Saved()
    compute: Callable[[Any], Any] = step.compute
    if getattr(sections.get("hardware"), "recompute", False):
        from napari_cryorestore.training.learner import PIECE, recomputed

        with torch.autograd.graph.saved_tensors_hooks(saved.pack, saved.unpack):
            compute(step.crops.even_input[:PIECE])
        compute = recomputed(compute)
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, saved.unpack):
        step.loss(compute)
    # weights, their gradients, average, optimiser state and the last good copy
    states = 5 if schedule.optimiser == "muon" else 6
    stored: int = step.crops.maps[0, : step.method.refill_maps].numel() * 2
    refills = len(shapes) * step.method.refill_places * stored
    kept = sum(map(_volumes, shapes)) + states * int(weights) + refills
    return OVERHEAD + kept + saved.bytes + 2 * saved.largest


@dataclass(frozen=True)
class Rehearsal:
    """One training step on PyTorch's meta device, where tensors have shapes but no voxels.

    Attributes
    ----------
    method, network
        As they are in training.
    crop : int
        Edge of a crop in voxels, as given or as it would be chosen.
    crops, draws
        What a step takes.
    """

    method: Method
    network: Any
    crop: int
    crops: Any
    draws: dict[str, torch.Tensor]
    dtype: torch.dtype

    def compute(self, crops: Any) -> Any:
        """Let the network see crops."""
        return self.network(crops.to(self.dtype))

    def loss(self, compute: Callable[[Any], Any]) -> None:
        """Compute the loss of the step."""
        import torch

        crops = self.method.prepare(self.crops, self.draws)
        self.method.loss(compute, crops, self.draws, teacher=torch.no_grad()(compute))


def rehearsed(
    sections: Mapping[str, Config], shapes: Sequence[Sequence[int]], dtype: torch.dtype
) -> Rehearsal:
    """Return a training step without values; parameters as of `estimated_memory`."""
    import torch

    from napari_cryorestore.methods import build_method

    schedule: Any = sections["schedule"]
    method_config: Any = sections["method"]
    method = build_method(method_config)
    network = network_without_values(sections["network"], channels=method.channels).to(dtype)
    crop = likely_crop(sections, shapes)
    maps = method.maps if isinstance(method.maps, int) else 2
    crops = _crops((schedule.batch, maps, method.channels, *(method.cut_size(crop),) * 3))
    draws = method.draw(crops.places, torch.Generator())
    draws = {name: one.to("meta") for name, one in draws.items()}
    return Rehearsal(method, network, crop, crops, draws, dtype)


def network_without_values(config: Any, *, channels: int) -> Any:
    """Return a network whose weights have shapes, but no values."""
    import torch

    from napari_cryorestore.networks import NETWORKS
    from napari_cryorestore.networks.module import network_of

    with torch.device("meta"):
        return network_of(NETWORKS[config.kind], config, channels, seed=0)


def likely_crop(sections: Mapping[str, Config], shapes: Sequence[Sequence[int]]) -> int:
    """Return the edge of training crops in voxels: as given, or as it would be chosen for whole tomograms."""
    from napari_cryorestore.methods import build_method
    from napari_cryorestore.networks import sizes_of

    schedule: Any = sections["schedule"]
    method: Any = sections["method"]
    network: Any = sections["network"]
    crop: int = schedule.crop or _fitting(shapes[0], sizes_of(network), build_method(method))
    return crop


def _fitting(shape: Sequence[int], sizes: Sizes, method: Method) -> int:
    from napari_cryorestore.data.corners import Box
    from napari_cryorestore.training.preview import fitting_crop

    return fitting_crop(Box.whole(shape), None, sizes, cut=method.cut_size)


def _volumes(shape: Sequence[int]) -> int:
    voxels = math.prod(shape)
    return 2 * voxels * (4 if voxels < 2**28 else 2)


class _Saved:
    """Adds up the memory behind saved tensors, each piece once."""

    def __init__(self) -> None:
        self.bytes = 0
        self.largest = 0
        self._storages: dict[int, torch.UntypedStorage] = {}

    def pack(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in self._storages:
            self._storages[id(storage)] = storage
            self.bytes += storage.nbytes()
            self.largest = max(self.largest, storage.nbytes())
        return tensor

    @staticmethod
    def unpack(tensor: torch.Tensor) -> torch.Tensor:
        return tensor


def _crops(shape: tuple[int, ...]) -> Any:
    """Return crops (b, m, c, z, y, x) without values."""
    import torch

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.physics.wedge import Wedge
    from napari_cryorestore.physics.wiener_filter import RadialFilter

    batch, maps, _, *size = shape
    corners = torch.zeros(batch, 3, dtype=torch.int32)
    imaging = Imaging(Wedge(-60, 60), RadialFilter((1.0, 1.0)))
    places = Places(0, corners, imaging, maps, size=size[0], indices=corners[:, 0])
    voxels = torch.empty(batch, maps, *size, device="meta")
    return Crops(voxels, torch.empty(shape, device="meta"), places, refilled=voxels)


__all__ = ["OVERHEAD", "Rehearsal", "estimated_memory", "likely_crop", "network_without_values", "rehearsed"]
