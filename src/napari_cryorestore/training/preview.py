"""The preview block: where it lies beside the crops, its restoration at every snapshot, and its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_cryorestore.data.crops import Box, Places, TrainingVolume, cut_crops
from napari_cryorestore.data.network_input import PADDING, second_pass_input, trim
from napari_cryorestore.data.structure import most_structured_box
from napari_cryorestore.hardware import is_out_of_memory
from napari_cryorestore.metrics.heldout import HeldOutNumbers, held_out_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_cryorestore.data.corners import Triple
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.methods import Method
    from napari_cryorestore.methods.base import Network
    from napari_cryorestore.networks import Sizes
    from napari_cryorestore.run_config import SnapshotsConfig
    from napari_cryorestore.training.restored_maps import Judged

HELD_OUT_SHARE = 0.15
"""Share of a small tomogram that is held out."""
LONGEST_PREVIEW = 96
"""Longest edge of the preview block of a large tomogram, in voxels."""
SMALLEST_CROP, SMALLEST_BLOCK = 16, 8
"""Edges of the smallest training crop and preview block, in voxels, with networks that take them."""
USUAL_CROP = 64
"""Edge of a training crop where there is room, in voxels."""
CONTEXT = 16
"""Voxels around the block that the network sees too, so that its borders are restored as well."""


def preview_box(
    tomogram: Tomogram, snapshots: SnapshotsConfig, *, room: int = 0, least: int = SMALLEST_BLOCK
) -> Box:
    """Return the block that previews show: placed by hand, or where most structure is.

    Parameters
    ----------
    tomogram : Tomogram
        The one previewed.
    snapshots : SnapshotsConfig
        Position and size, where they are given.
    room : int
        Voxels to leave between the block and one of the tomogram's faces. A block that was not placed by hand
        moves aside for them, as far as that helps.
    least : int
        Edge of the smallest block that the network takes; one whose size is given is as it is.

    Raises
    ------
    ValueError
        If the position lies outside the tomogram.
    """
    shape = tomogram.shape
    target = snapshots.size or preview_size(shape, least=least)
    size = [min(length, there) for length, there in zip(target, shape, strict=True)]
    if snapshots.position is None:
        no_data = tomogram.no_data()
        if no_data is None:
            return moved_aside(most_structured_box(tomogram.even, size), Box.whole(shape), room=room)
        box = most_structured_box(no_data.filled(tomogram.even, 0), size, no_data=no_data)
        aside = moved_aside(box, data_bounds(tomogram), room=room)
        more = [no_data.forbidden[place.slices].sum() for place in (box, aside)]
        return aside if more[1] <= more[0] else box
    for axis, (at, there) in enumerate(zip(snapshots.position, shape, strict=True)):
        if not 0 <= at < there:
            raise ValueError(
                f"The preview position {snapshots.position} lies outside the tomogram of "
                f"{shape} voxels along {'zyx'[axis]}: choose one inside."
            )
    place = zip(snapshots.position, size, shape, strict=True)
    return _box([int(np.clip(at - n // 2, 0, there - n)) for at, n, there in place], size)


def preview_size(shape: Sequence[int], *, least: int = SMALLEST_BLOCK) -> Triple:
    """Return a block of full thickness that takes about 15 % of a small tomogram, less of a large one."""
    z, y, x = shape
    edge = (HELD_OUT_SHARE * y * x) ** 0.5
    across, along = (min(n, max(least, int(min(edge, LONGEST_PREVIEW) // 8 * 8))) for n in (y, x))
    return min(z, max(least, LONGEST_PREVIEW)), across, along


def data_bounds(tomogram: Tomogram) -> Box:
    """Return the smallest box that holds all data of a tomogram, which is all of it as a rule."""
    no_data = tomogram.no_data()
    if no_data is None:
        return Box.whole(tomogram.shape)
    z, y, x = no_data.data_bounds
    return Box((z.start, y.start, x.start), (z.stop, y.stop, x.stop))


def moved_aside(box: Box, within: Box, *, room: int) -> Box:
    """Return the box, moved to the nearer face along the longest free axis if it leaves too little room."""
    if _most_room(box, within) >= room:
        return box
    size = box.shape
    axis = int(np.argmax([there - n for there, n in zip(within.shape, size, strict=True)]))
    start, (first, last) = list(box.start), (within.start[axis], within.stop[axis])
    start[axis] = first if start[axis] - first < last - box.stop[axis] else max(first, last - size[axis])
    return _box(start, size)


def leaves_room(box: Box, within: Box, room: int) -> bool:
    """Tell whether there are so many voxels between the box and one of the faces of what is around it."""
    return _most_room(box, within) >= room


def least_crop(sizes: Sizes) -> int:
    """Return the edge of the smallest training crop of a network."""
    return max(SMALLEST_CROP, sizes.minimum)


def fitting_crop(
    within: Box, box: Box | None, sizes: Sizes, *, cut: Callable[[int], int] = lambda crop: crop
) -> int:
    """Return the largest crop, up to the usual one, that fits into the data beside the held-out block.

    What is cut for a crop, see `Method.cut_size`, takes at most three quarters of the thinnest axis, so that
    there is more than one place for it, and keeps off the block by the margin of the Wiener-filtered input.
    Crops are multiples of what the network uses best, where there is room for more than the least that it
    takes.
    """
    least, multiple, most = least_crop(sizes), sizes.multiple, int(0.75 * min(within.shape))
    usual = max(USUAL_CROP // multiple * multiple, -(-least // multiple) * multiple)
    for crop in range(usual, least, -multiple):
        if cut(crop) <= most and (box is None or leaves_room(box, within, cut(crop) + PADDING)):
            return crop
    return least


def _most_room(box: Box, within: Box) -> int:
    before = (start - first for start, first in zip(box.start, within.start, strict=True))
    behind = (last - stop for stop, last in zip(box.stop, within.stop, strict=True))
    return max(*before, *behind)


def _box(start: Sequence[int], size: Sequence[int]) -> Box:
    z, y, x = start
    end_z, end_y, end_x = (first + n for first, n in zip(start, size, strict=True))
    return Box((z, y, x), (end_z, end_y, end_x))


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
    judged : Judged, optional
        Where the volume was restored by another model: its halves, and the raw ones, which judge.
    """

    def __init__(
        self,
        method: Method,
        volume: TrainingVolume,
        box: Box,
        *,
        device: torch.device,
        judged: Judged | None = None,
    ) -> None:
        self.method = method
        corner = torch.tensor([[start - CONTEXT for start in box.start]])
        size = box.shape[0] + 2 * CONTEXT, box.shape[1] + 2 * CONTEXT, box.shape[2] + 2 * CONTEXT
        shown = volume if judged is None else judged.restored
        places = Places(0, corner, volume.imaging, len(shown.maps))
        groups = method.to_restore(len(shown.maps)) if judged is None else None
        self.crops = cut_crops(shown, places, size=size, kind=method.input_kind, groups=groups).to(device)
        self._raw = self.crops.maps
        if judged is not None:
            self._raw = cut_crops(judged.raw, places, size=size, kind="raw").to(device).maps
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

        raw = [trim(block[:, None], CONTEXT) for block in self._raw.unbind(1)]
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
