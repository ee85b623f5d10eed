"""Random crops: cut from all maps of a tomogram at the same places, and turned and exchanged alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.data.corners import Box, Triple, triple, valid_corners
from napari_cryorestore.data.network_input import (
    InputKind,
    input_margin,
    network_input,
    required_filter,
    trim,
)
from napari_cryorestore.physics.rotation import turned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.no_data import NoData
    from napari_cryorestore.physics.normalize import Standardisation

Groups = tuple[tuple[int, ...], ...]
"""Maps, by their numbers, of which the mean is taken."""


@dataclass(frozen=True)
class Places:
    """Which crops of which tomogram.

    Attributes
    ----------
    tomogram : int
        Its number among those that are learned from.
    corners : Tensor, shape (b, 3), int, on the CPU
        Where each crop starts, in voxels z, y, x.
    imaging : Imaging
        How the tomogram was recorded; the wedge is that of crops that have not been turned.
    maps : int
        How many maps the crops have.
    size : int
        Edge of the cubic crops as they are cut, in voxels; 0 where they are no cubes, which nothing is drawn
        for.
    indices : Tensor, shape (b,), int, optional
        The numbers of the corners among all of the tomogram's.
    step, steps : int
        How many steps were done before the one that they are for, and how many the run takes at most; both
        0 outside training. No tensors: a method may do something else at some of the steps.
    """

    tomogram: int
    corners: Tensor
    imaging: Imaging
    maps: int
    size: int = 0
    indices: Tensor | None = None
    step: int = 0
    steps: int = 0

    def __len__(self) -> int:
        return len(self.corners)


@dataclass(frozen=True)
class Crops:
    """Crops of all maps of one tomogram at the same places.

    Attributes
    ----------
    maps : Tensor, shape (b, m, z, y, x), float32
        The standardised crops, which are the targets; m is 1 for one map, 2 for halves.
    inputs : Tensor, shape (b, m, c, z, y, x), float32
        What the network sees of them.
    places : Places
        Where they are from.
    refilled : Tensor, shape (b, m, z, y, x), optional
        For a method with `refill_places`: what it stored for these places last time, and the maps
        themselves the first time; of as many maps as it stores.
    """

    maps: Tensor
    inputs: Tensor
    places: Places
    refilled: Tensor | None = None

    @classmethod
    def of(cls, maps: Sequence[Tensor], inputs: Sequence[Tensor], places: Places) -> Crops:
        """Return crops from those of every map, (b, 1, z, y, x), and its inputs, (b, c, z, y, x).

        The crops of one map stay together in memory, as do all channels of a voxel: so a network needs no
        copy of the inputs of one map.
        """
        layered = torch.stack([one.movedim(1, -1) for one in inputs]).movedim(-1, 2)
        return cls(torch.stack(list(maps))[:, :, 0].transpose(0, 1), layered.transpose(0, 1), places)

    def __len__(self) -> int:
        return len(self.maps)

    @property
    def imaging(self) -> Imaging:
        """How their tomogram was recorded."""
        return self.places.imaging

    @property
    def even(self) -> Tensor:
        """The crops of the first map, (b, 1, z, y, x)."""
        return self.maps[:, 0:1]

    @property
    def odd(self) -> Tensor:
        """The crops of the second map, (b, 1, z, y, x)."""
        return self.maps[:, 1:2]

    @property
    def even_input(self) -> Tensor:
        """What the network sees of the first map, (b, c, z, y, x)."""
        return self.inputs[:, 0]

    @property
    def odd_input(self) -> Tensor:
        """What the network sees of the second map, (b, c, z, y, x)."""
        return self.inputs[:, 1]

    def map(self, function: Callable[[Tensor], Tensor]) -> Crops:
        """Apply one function, such as a rotation, to all tensors of voxels."""
        refilled = None if self.refilled is None else function(self.refilled)
        return replace(self, maps=function(self.maps), inputs=function(self.inputs), refilled=refilled)

    def to(self, device: torch.device) -> Crops:
        """Bring them to a device, without waiting for it where that can be."""
        return self.map(lambda crops: brought(crops, device))

    def turned(self, elements: Tensor) -> Crops:
        """Rotate every crop, all maps alike, by its element; see `physics.rotation.turned`.

        Turned crops have their wedge turned too, which `imaging` does not say.
        """
        return self.map(lambda crops: turned(crops, elements))

    def exchanged(self, chosen: Tensor) -> Crops:
        """Take the maps in the opposite order, which exchanges two halves, where `chosen` (b,) is true."""

        def mixed(crops: Tensor) -> Tensor:
            return torch.where(chosen.view(-1, *(1,) * (crops.ndim - 1)), crops.flip(1), crops)

        return self.map(mixed)


@dataclass(frozen=True)
class TrainingVolume:
    """One tomogram, ready to be cropped.

    Attributes
    ----------
    maps : sequence of Tensor, shape (z, y, x), float32, float16 or bfloat16, or of StoredMap
        The standardised maps, on any device or on disk; the crops are cut where they lie.
    imaging : Imaging
        How it was recorded.
    corners : Tensor, shape (n, 3), int, on the CPU
        Where crops may start, see `valid_corners`.
    device : torch.device, optional
        Where crops go before they are filtered; they stay where the maps are if not given.
    no_data : NoData, optional
        Where the maps hold local means in place of data.
    """

    maps: Sequence[Tensor | StoredMap]
    imaging: Imaging
    corners: Tensor
    device: torch.device | None = None
    no_data: NoData | None = None

    def __post_init__(self) -> None:
        shapes = {tuple(volume.shape) for volume in self.maps}
        if len(shapes) != 1:
            raise ValueError(f"The maps of a tomogram must have one shape, but they have {sorted(shapes)}.")
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
        If there is no volume, or a Wiener filter is needed and one has none.
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

    def draw(self) -> Places:
        """Draw where the next batch is from."""
        tomogram = int(torch.randint(len(self.volumes), (1,), generator=self.generator))
        volume = self.volumes[tomogram]
        chosen = torch.randint(len(volume.corners), (self.batch,), generator=self.generator)
        corners, maps = volume.corners[chosen], len(volume.maps)
        return Places(tomogram, corners, volume.imaging, maps, size=self.crop, indices=chosen)

    def cut(self, places: Places) -> Crops:
        """Cut the crops of a batch."""
        volume = self.volumes[places.tomogram]
        return cut_crops(volume, places, size=self.crop, kind=self.input_kind)


def cut_crops(
    volume: TrainingVolume,
    places: Places,
    *,
    size: int | Triple,
    kind: InputKind,
    groups: Groups | None = None,
) -> Crops:
    """Cut crops of all maps of a tomogram, and make the network's input of them.

    Parameters
    ----------
    volume : TrainingVolume
        The tomogram.
    places : Places
        Where.
    size : int or (int, int, int)
        Sizes of the crops in voxels.
    kind : {"raw", "wiener+raw"}
        What the network sees.
    groups : tuple of tuple of int, optional
        Maps to take the mean of, as many means as crops of maps shall come out; every map by itself if not
        given.
    """
    margin = input_margin(kind)
    z, y, x = triple(size)
    padded = (z + 2 * margin, y + 2 * margin, x + 2 * margin)

    def mean_of(group: Sequence[int]) -> Tensor:
        crops = [
            brought(cut(volume.maps[index], places.corners - margin, padded), volume.device)
            for index in group
        ]
        return crops[0] if len(crops) == 1 else torch.stack(crops).mean(0)

    cuts = [mean_of(group) for group in groups or [(index,) for index in range(len(volume.maps))]]
    inputs = [trim(network_input(crops, volume.imaging, kind=kind), margin) for crops in cuts]
    return Crops.of([trim(crops, margin) for crops in cuts], inputs, places)


def cut(volume: Tensor | StoredMap, corners: Tensor, size: int | Triple) -> Tensor:
    """Cut crops out of a volume, reflecting it at its borders.

    Parameters
    ----------
    volume : Tensor, shape (z, y, x), or StoredMap
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
    if isinstance(volume, StoredMap):
        return volume.take(z, y, x)[:, None]
    crops = volume[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]]
    return crops[:, None].float()


def brought(crops: Tensor, device: torch.device | None) -> Tensor:
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


@dataclass(frozen=True, eq=False)
class StoredMap:
    """A half on disk that can be cropped like a tensor on the CPU.

    Attributes
    ----------
    voxels : ndarray, shape (z, y, x)
        Memory-mapped, of any real type and byte order. The system keeps in memory what it has room for.
    scale : Standardisation
        From the file's grey values to standard deviations about the mean.
    """

    voxels: NDArray[Any]
    scale: Standardisation

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (z, y, x) in voxels."""
        return self.voxels.shape

    @property
    def device(self) -> torch.device:
        """Where crops are cut: the CPU."""
        return torch.device("cpu")

    def take(self, z: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Return the crops of these voxels.

        Parameters
        ----------
        z, y, x : Tensor, shape (b, n) each, int
            For every crop, which planes, rows and columns; any order, all of them inside the volume.

        Returns
        -------
        Tensor, shape (b, n of z, n of y, n of x), float32
        """
        result = torch.empty(len(z), z.shape[1], y.shape[1], x.shape[1])
        for crop, *places in zip(result.numpy(), z.numpy(), y.numpy(), x.numpy(), strict=True):
            first = [int(place.min()) for place in places]
            box = tuple(slice(low, int(place.max()) + 1) for low, place in zip(first, places, strict=True))
            block = self.scale.apply(np.asarray(self.voxels[box], dtype=np.float32))
            crop[:] = block[np.ix_(*(place - low for low, place in zip(first, places, strict=True)))]
        return result


__all__ = [
    "Box",
    "CropSampler",
    "Crops",
    "Groups",
    "Places",
    "StoredMap",
    "TrainingVolume",
    "brought",
    "cut",
    "cut_crops",
    "reflected",
    "valid_corners",
]
