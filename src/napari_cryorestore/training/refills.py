"""What a method stores for a place and is given there again, saved with the checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_cryorestore.data.crops import Crops, Places, TrainingVolume
    from napari_cryorestore.methods import Method

_NAME = "refills"


class Refills:
    """What was stored for every place, see `Method.refill_places`; for other methods it does nothing.

    Parameters
    ----------
    method : Method
        Which stores something or does not.
    volumes : sequence of TrainingVolume
        The tomograms, whose corners are the places.
    size : int
        Edge of a crop as it is cut, in voxels.
    device : torch.device
        Where it lies: with the network.
    """

    def __init__(
        self, method: Method, volumes: Sequence[TrainingVolume], *, size: int, device: torch.device
    ) -> None:
        self._values: list[Tensor] = []
        self._known: list[Tensor] = []
        self._corners: list[Tensor] = []
        if method.refill_places:
            most = method.refill_maps
            shapes = [(len(one.corners), len(one.maps[:most]), size, size, size) for one in volumes]
            self._values = [torch.zeros(shape, dtype=torch.float16, device=device) for shape in shapes]
            self._corners = [volume.corners for volume in volumes]
            self._known = [torch.zeros(shape[0], dtype=torch.bool, device=device) for shape in shapes]

    def given(self, crops: Crops) -> Crops:
        """Return the crops with what was stored for their places, or else their maps."""
        if not self._values:
            return crops
        tomogram, places = crops.places.tomogram, self._indices(crops.places)
        known = self._known[tomogram][places].view(-1, 1, 1, 1, 1)
        values = self._values[tomogram][places].float()
        kept = torch.where(known, values, crops.maps[:, : values.shape[1]])
        return replace(crops, refilled=kept)

    def store(self, places: Places, refill: Tensor | None, *, unless: Tensor) -> None:
        """Store the refill of a step for its places (b, m, z, y, x), unless its loss was not finite."""
        if refill is None or not self._values:
            return
        tomogram, indices = places.tomogram, self._indices(places)
        values, known = self._values[tomogram], self._known[tomogram]
        values[indices] = torch.where(unless, values[indices], refill.to(values.dtype))
        known[indices] = known[indices] | ~unless

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint needs of it."""
        if not self._values:
            return {}
        return {_NAME: {"corners": self._corners, "values": self._values, "known": self._known}}

    def load(self, state: dict[str, Any]) -> None:
        """Load what `state` returned.

        Raises
        ------
        ValueError, or another error of Python or PyTorch
            If it is not of these places.
        """
        if not self._values:
            return
        saved = state[_NAME]
        if not all(map(torch.equal, self._corners, saved["corners"])):
            raise ValueError("refills of other places")
        for mine, others in ((self._values, saved["values"]), (self._known, saved["known"])):
            for kept, other in zip(mine, others, strict=True):
                if kept.shape != other.shape or kept.dtype != other.dtype or not other.isfinite().all():
                    raise ValueError("no refills of these places")
                kept.copy_(other)

    def _indices(self, places: Places) -> Tensor:
        if places.indices is None:
            raise ValueError("What is stored for a place needs the place's number.")
        return places.indices.to(self._values[places.tomogram].device, non_blocking=True)


__all__ = ["Refills"]
