"""Tomograms with larger voxels, made from those in files when their voxels are first read."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.physics.fourier_crop import binned_shape, fourier_cropped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_cryorestore.io.masks import Inside
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.runs.trained_on import TrainedOn


class BinnedMap:
    """A map with larger voxels, to be sliced (z, y, x); see `physics.fourier_crop.fourier_cropped`.

    It is computed whole at the first look and then kept in memory, 4 bytes a voxel. What holds no data counts
    as its local mean, so that no edge of it rings.
    """

    def __init__(self, whole: Tomogram, index: int, factor: int) -> None:
        self._whole, self._index, self._factor = whole, index, factor
        self._kept: NDArray[np.float32] | None = None
        self._lock = threading.Lock()
        self.shape, self.ndim = binned_shape(whole.shape, factor), 3
        self.size, self.dtype = int(np.prod(self.shape)), np.dtype(np.float32)

    def __getitem__(self, place: Any) -> NDArray[np.float32]:
        part: NDArray[np.float32] = self._voxels()[place]
        return part

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._voxels(), dtype=dtype, copy=copy)

    def _voxels(self) -> NDArray[np.float32]:
        with self._lock:
            if self._kept is None:
                one, no_data = self._whole.maps[self._index], self._whole.no_data()
                filled = one if no_data is None else no_data.filled(one, self._index)
                self._kept = fourier_cropped(filled, self._factor)
        return self._kept


class BinnedMask:
    """A mask with larger voxels, to be sliced (z, y, x): whether the middle one of those joined is inside."""

    def __init__(self, mask: Inside, factor: int) -> None:
        self._mask, self._factor = mask, factor
        self.shape, self.ndim, self.dtype = binned_shape(mask.shape, factor), 3, np.dtype(bool)
        self.size = int(np.prod(self.shape))

    def __getitem__(self, place: Any) -> NDArray[np.bool_]:
        parts = place if isinstance(place, tuple) else (place,)
        parts += (slice(None),) * (3 - len(parts))
        indices = [
            np.minimum(np.arange(size)[part] * self._factor + self._factor // 2, whole - 1)
            for part, size, whole in zip(parts, self.shape, self._mask.shape, strict=True)
        ]
        z, *across = (np.atleast_1d(index) for index in indices)
        planes = np.stack([self._mask[int(plane)][np.ix_(*across)] for plane in z])
        return planes.reshape([len(index) for index in indices if np.ndim(index)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy  # it is always made anew
        return np.asarray(self[:], dtype=dtype)


def binned(tomogram: Tomogram, factor: int) -> Tomogram:
    """Return a tomogram whose voxels are larger; nothing is read before its voxels are.

    Parameters
    ----------
    tomogram : Tomogram
        As in its files.
    factor : int
        How many voxels become one, along each axis; 1 returns the tomogram itself.

    Returns
    -------
    Tomogram
        With maps, mask, voxel size, index of the first voxel and what holds no data; tilts and origin stay.
    """
    if factor == 1:
        return tomogram
    mask: Any = None if tomogram.mask is None else BinnedMask(tomogram.mask, factor)
    maps: Any = tuple(BinnedMap(tomogram, index, factor) for index in range(len(tomogram.maps)))
    recording = tomogram.recording
    size = None if recording.voxel_size is None else recording.voxel_size * factor
    x, y, z = (round(first / factor) for first in tomogram.start)
    return replace(
        tomogram,
        maps=maps,
        mask=mask,
        recording=recording.model_copy(update={"voxel_size": size}),
        start=(x, y, z),
        whole=tomogram,
        binning=factor,
    )


def binned_for(tomogram: Tomogram, learned: TrainedOn | None) -> Tomogram:
    """Return a tomogram with voxels as large as those that a model learned from, if it learned binned ones.

    One that has such voxels already stays as it is, and so does any for a model that learned from the voxels
    of files.
    """
    return binned(tomogram, 1 if learned is None else learned.binning_of(tomogram.voxel_size))


__all__ = ["BinnedMap", "BinnedMask", "binned", "binned_for"]
