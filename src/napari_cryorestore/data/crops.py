"""Random pairs of crops: cut from both halves at the same places, swapped and turned alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_cryorestore.data.corners import Box, Triple, triple, valid_corners
from napari_cryorestore.data.inputs import InputKind, margin_of, network_input, required_filter, trim
from napari_cryorestore.data.stored import StoredHalf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_cryorestore.data.inputs import Imaging
    from napari_cryorestore.no_data import NoData


@dataclass(frozen=True)
class PairBatch:
    """Crops of both halves at the same places of one tomogram.

    Attributes
    ----------
    even, odd : Tensor, shape (b, 1, s, s, s), float32
        The standardised crops, which are the targets.
    even_input, odd_input : Tensor, shape (b, c, s, s, s), float32
        What the network sees of them.
    imaging : Imaging
        How their tomogram was recorded; the wedge is that of crops that have not been turned.
    """

    even: Tensor
    odd: Tensor
    even_input: Tensor
    odd_input: Tensor
    imaging: Imaging

    def map(self, function: Callable[[Tensor], Tensor]) -> PairBatch:
        """Apply one function, such as a rotation, to all four tensors."""
        return PairBatch(
            even=function(self.even),
            odd=function(self.odd),
            even_input=function(self.even_input),
            odd_input=function(self.odd_input),
            imaging=self.imaging,
        )


@dataclass(frozen=True)
class TrainingVolume:
    """One tomogram, ready to be cropped.

    Attributes
    ----------
    even, odd : Tensor, shape (z, y, x), float32, float16 or bfloat16, or StoredHalf
        The standardised halves, on any device or on disk; the crops are cut where they lie.
    imaging : Imaging
        How it was recorded.
    corners : Tensor, shape (n, 3), int, on the CPU
        Where crops may start, see `valid_corners`.
    device : torch.device, optional
        Where crops go before they are filtered; they stay where the halves are if not given.
    no_data : NoData, optional
        Where the halves hold local means in place of data.
    """

    even: Tensor | StoredHalf
    odd: Tensor | StoredHalf
    imaging: Imaging
    corners: Tensor
    device: torch.device | None = None
    no_data: NoData | None = None

    def __post_init__(self) -> None:
        if self.even.shape != self.odd.shape:
            raise ValueError(
                f"The halves must have one shape, but even is {tuple(self.even.shape)} and odd is "
                f"{tuple(self.odd.shape)}."
            )
        if self.corners.ndim != 2 or self.corners.shape[0] == 0 or self.corners.shape[1] != 3:
            raise ValueError(
                f"Corners must be an (n, 3) table with n > 0, but are {tuple(self.corners.shape)}."
            )


class CropSampler:
    """Draws batches of random crops, each batch from one tomogram, every tomogram equally often.

    Parameters
    ----------
    volumes : sequence of TrainingVolume
        The tomograms.
    crop : int
        Side of the cubic crops in voxels.
    batch : int
        Crops per batch.
    input_kind : {"raw", "wiener+raw"}
        What the network sees.
    generator : torch.Generator
        On the CPU; the same state gives the same batches on every device.

    Raises
    ------
    ValueError
        If there is no volume, or a Wiener filter is wanted and one has none.
    """

    def __init__(
        self,
        volumes: Sequence[TrainingVolume],
        *,
        crop: int,
        batch: int,
        input_kind: InputKind,
        generator: torch.Generator,
    ) -> None:
        if not volumes:
            raise ValueError("There is no tomogram to draw crops from; give at least one.")
        if input_kind == "wiener+raw":
            for volume in volumes:
                required_filter(volume.imaging)
        self.volumes = tuple(volumes)
        self.crop = crop
        self.batch = batch
        self.input_kind = input_kind
        self.generator = generator

    def draw(self) -> PairBatch:
        """Draw the next batch."""
        volume = self.volumes[self._index(len(self.volumes))]
        chosen = torch.randint(len(volume.corners), (self.batch,), generator=self.generator)
        return cut_pair(volume, volume.corners[chosen], size=self.crop, kind=self.input_kind)

    def _index(self, count: int) -> int:
        return int(torch.randint(count, (1,), generator=self.generator))


def cut_pair(volume: TrainingVolume, corners: Tensor, *, size: int | Triple, kind: InputKind) -> PairBatch:
    """Cut the crops of both halves that start at `corners` (b, 3), and make the network's input of them."""
    margin = margin_of(kind)
    z, y, x = triple(size)
    padded = (z + 2 * margin, y + 2 * margin, x + 2 * margin)
    even, odd = (
        _brought(cut(half, corners - margin, padded), volume.device) for half in (volume.even, volume.odd)
    )
    return PairBatch(
        even=trim(even, margin),
        odd=trim(odd, margin),
        even_input=trim(network_input(even, volume.imaging, kind=kind), margin),
        odd_input=trim(network_input(odd, volume.imaging, kind=kind), margin),
        imaging=volume.imaging,
    )


def cut(volume: Tensor | StoredHalf, corners: Tensor, size: int | Triple) -> Tensor:
    """Cut crops out of a volume, reflecting it at its borders.

    Parameters
    ----------
    volume : Tensor, shape (z, y, x), or StoredHalf
        Of any floating type and device.
    corners : Tensor, shape (b, 3), int
        First voxels; may lie outside.
    size : int or (int, int, int)
        Sizes of the crops in voxels; may exceed the volume.

    Returns
    -------
    Tensor, shape (b, 1, *size), float32, on the volume's device
    """
    corners = corners.to(volume.device, torch.int64, non_blocking=True)
    z, y, x = (
        reflected(corners[:, axis, None] + torch.arange(length, device=volume.device), volume.shape[axis])
        for axis, length in enumerate(triple(size))
    )
    if isinstance(volume, StoredHalf):
        return volume.take(z, y, x)[:, None]
    crops = volume[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]]
    return crops[:, None].float()


def _brought(crops: Tensor, device: torch.device | None) -> Tensor:
    """Bring crops to a device, without waiting for it where that can be."""
    if device is None or crops.device == device:
        return crops
    return (crops.pin_memory() if device.type == "cuda" else crops).to(device, non_blocking=True)


def reflected(indices: Tensor, size: int) -> Tensor:
    """Fold indices into 0 … size - 1 as mirrors at the first and last voxel do, however far they lie out."""
    if size == 1:
        return torch.zeros_like(indices)
    period = 2 * (size - 1)
    folded = indices.remainder(period)
    return torch.minimum(folded, period - folded)


def swap_halves(batch: PairBatch, generator: torch.Generator) -> PairBatch:
    """Exchange even and odd in each pair with probability one half."""
    swapped = torch.rand(len(batch.even), generator=generator) < 0.5
    chosen = swapped.to(batch.even.device, non_blocking=True).view(-1, 1, 1, 1, 1)
    return PairBatch(
        even=torch.where(chosen, batch.odd, batch.even),
        odd=torch.where(chosen, batch.even, batch.odd),
        even_input=torch.where(chosen, batch.odd_input, batch.even_input),
        odd_input=torch.where(chosen, batch.even_input, batch.odd_input),
        imaging=batch.imaging,
    )


def rotate_about_tilt_axis(batch: PairBatch, generator: torch.Generator) -> PairBatch:
    """Turn each pair by a random number of quarter turns about the tilt axis, both halves alike.

    The crops must be cubic. Turned crops have their wedge turned too, so this suits only methods without one.
    """
    turns = torch.randint(4, (len(batch.even),), generator=generator).tolist()
    wedge = batch.imaging.wedge
    plane = (-3, -2) if wedge is not None and wedge.tilt_axis == "x" else (-3, -1)

    def turned(crops: Tensor) -> Tensor:
        return torch.stack([torch.rot90(crop, k, plane) for crop, k in zip(crops, turns, strict=True)])

    return batch.map(turned)


__all__ = [
    "Box",
    "CropSampler",
    "PairBatch",
    "TrainingVolume",
    "cut",
    "cut_pair",
    "reflected",
    "rotate_about_tilt_axis",
    "swap_halves",
    "valid_corners",
]
