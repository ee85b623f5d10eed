"""The preview crop of every snapshot, restored with the averaged weights, and its honest quality numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_cryorestore.data.crops import Box, PairBatch, TrainingVolume, cut_pair
from napari_cryorestore.data.inputs import second_pass_input, trim
from napari_cryorestore.hardware import is_out_of_memory
from napari_cryorestore.metrics.heldout import HeldOutNumbers, held_out_metrics

if TYPE_CHECKING:
    import numpy as np

    from napari_cryorestore.methods import Method
    from napari_cryorestore.methods.base import Network

CONTEXT = 16
"""Voxels around the block that the network sees too, so that its borders are restored as well."""


class Preview:
    """Restores one block of a tomogram from each half alone, again and again.

    Parameters
    ----------
    method : Method
        Restores crops.
    volume : TrainingVolume
        The previewed tomogram.
    box : Box
        The block.
    device : torch.device
        Where the network is; the volume may lie elsewhere.
    """

    def __init__(self, method: Method, volume: TrainingVolume, box: Box, *, device: torch.device) -> None:
        self.method = method
        corner = torch.tensor([[start - CONTEXT for start in box.start]])
        z, y, x = (size + 2 * CONTEXT for size in box.shape)
        pair = cut_pair(volume, corner, size=(z, y, x), kind=method.input_kind)
        self.pair: PairBatch = pair.map(lambda crops: crops.to(device))
        self._weight = _soft_mask(volume, box, device)

    @property
    def input(self) -> np.ndarray:
        """The mean of the untouched halves, (z, y, x)."""
        return _array((trim(self.pair.even, CONTEXT) + trim(self.pair.odd, CONTEXT)) / 2)

    def restore(self, network: Network) -> tuple[Tensor, Tensor]:
        """Restore the block from each half alone: even and odd, (1, 1, z, y, x), in standard deviations."""
        halves = (self.pair.even_input, self.pair.odd_input)
        even, odd = (self.method.restore_crop(network, half, self.pair.imaging) for half in halves)
        return trim(even, CONTEXT), trim(odd, CONTEXT)

    def mean_of_halves(self, even: Tensor, odd: Tensor) -> np.ndarray:
        """Return the mean of two restorations as an array (z, y, x)."""
        return _array((even + odd) / 2)

    @torch.no_grad()
    def looked_at(self, network: Network, *, judged: bool) -> tuple[np.ndarray | None, HeldOutNumbers | None]:
        """Return the restored block and, if it shall be judged, its numbers; nothing without memory."""
        try:
            halves = self.restore(network)
            numbers = self.evaluate(network, *halves) if judged else None
            return self.mean_of_halves(*halves), numbers
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None, None

    def evaluate(self, network: Network, even: Tensor, odd: Tensor) -> HeldOutNumbers:
        """Return the quality numbers of restorations made by `restore`."""

        def again(measured: Tensor) -> Tensor:
            return network(second_pass_input(measured, channels=self.method.channels)).float()

        raw = (trim(half, CONTEXT) for half in (self.pair.even, self.pair.odd))
        return held_out_metrics(
            *(self._faded(block) for block in (even, odd, *raw)),
            wedge=self.pair.imaging.wedge,
            second_pass=again if self.method.needs_wedge else None,
        )

    def _faded(self, block: Tensor) -> Tensor:
        """Fade a block out to its mean where it holds no data, all of them by one mask."""
        if self._weight is None:
            return block
        mean = (block * self._weight).sum() / self._weight.sum()
        return mean + (block - mean) * self._weight


def _soft_mask(volume: TrainingVolume, box: Box, device: torch.device) -> Tensor | None:
    """Return the weight of the block's voxels where some, but not all, hold no data."""
    if volume.no_data is None:
        return None
    weight = torch.from_numpy(volume.no_data.soft_mask(box.slices)).to(device)
    return weight if 0 < float(weight.sum()) < weight.numel() else None


def _array(volume: Tensor) -> np.ndarray:
    result: np.ndarray = volume[0, 0].float().cpu().numpy()
    return result
