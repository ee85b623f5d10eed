"""The preview crop of every snapshot, restored with the averaged weights, and its honest quality numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_cryorestore.data.crops import Box, Places, TrainingVolume, cut_crops
from napari_cryorestore.data.network_input import second_pass_input, trim
from napari_cryorestore.hardware import is_out_of_memory
from napari_cryorestore.metrics.heldout import HeldOutNumbers, held_out_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from napari_cryorestore.methods import Method
    from napari_cryorestore.methods.base import Network

CONTEXT = 16
"""Voxels around the block that the network sees too, so that its borders are restored as well."""


class Preview:
    """Restores one block of a tomogram from each of its halves alone, again and again.

    Parameters
    ----------
    method : Method
        Restores crops, and says what of the tomogram's maps is restored by itself.
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
        size = box.shape[0] + 2 * CONTEXT, box.shape[1] + 2 * CONTEXT, box.shape[2] + 2 * CONTEXT
        maps = len(volume.maps)
        places = Places(0, corner, volume.imaging, maps)
        groups = method.to_restore(maps)
        self.crops = cut_crops(volume, places, size=size, kind=method.input_kind, groups=groups).to(device)
        self._weight = _soft_mask(volume, box, device)

    @property
    def input(self) -> np.ndarray:
        """The mean of the untouched halves, (z, y, x)."""
        return _array(trim(self.crops.maps, CONTEXT).mean(1, keepdim=True))

    def restore(self, network: Network) -> tuple[Tensor, ...]:
        """Restore the block from each half alone, (1, 1, z, y, x) each, in standard deviations."""
        restored = (
            self.method.restore_crop(network, inputs, self.crops.imaging)
            for inputs in self.crops.inputs.unbind(1)
        )
        return tuple(trim(block, CONTEXT) for block in restored)

    def mean_of(self, restored: Sequence[Tensor]) -> np.ndarray:
        """Return the mean of restorations as an array (z, y, x)."""
        return _array(torch.stack(list(restored)).mean(0))

    @torch.no_grad()
    def restore_and_evaluate(
        self, network: Network, *, judged: bool
    ) -> tuple[np.ndarray | None, HeldOutNumbers | None]:
        """Return the restored block and, if it shall be judged, its numbers; nothing without memory."""
        try:
            restored = self.restore(network)
            numbers = self.evaluate(network, restored) if judged else None
            return self.mean_of(restored), numbers
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None, None

    def evaluate(self, network: Network, restored: Sequence[Tensor]) -> HeldOutNumbers:
        """Return the quality numbers of what `restore` returned."""

        def again(measured: Tensor) -> Tensor:
            return network(second_pass_input(measured, channels=self.method.channels)).float()

        raw = [trim(block[:, None], CONTEXT) for block in self.crops.maps.unbind(1)]
        return held_out_metrics(
            [self._faded(block) for block in restored],
            [self._faded(block) for block in raw],
            wedge=self.crops.imaging.wedge,
            second_pass=again if self.method.fills_wedge else None,
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
