"""What was restored at larger voxels, put back under the fine detail of the raw tomogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.data.imaging import mean_of_group
from napari_cryorestore.findings import Finding
from napari_cryorestore.physics.fourier_crop import enlarged_planes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_cryorestore.io.tomogram import Tomogram

    Floats = NDArray[np.float32]


def add_back(out: Floats, restored: Floats, tomogram: Tomogram, *, progress: Callable[[float], None]) -> None:
    """Write the raw tomogram with its coarse detail exchanged for what was restored of it.

    That is y + U (x − B y), with B for binning and U for bringing back to the size before.

    Parameters
    ----------
    out : ndarray of float32, shape (z, y, x)
        What is filled, with the voxels of the files.
    restored : ndarray of float32
        x, of the binned tomogram's shape; changed in place.
    tomogram : Tomogram
        The binned one.
    progress : callable
        Is told the share done.
    """
    everything = range(len(tomogram.maps))
    restored -= np.asarray(mean_of_group(tomogram.maps, everything)[:])
    raw = mean_of_group(tomogram.in_files.maps, everything)
    for planes, coarse in enlarged_planes(restored, tomogram.binning, out.shape):
        out[planes] = np.asarray(raw[planes], dtype=np.float32) + coarse
        progress(planes.stop / len(out))


def binning_words(tomogram: Tomogram, *, adds_back: bool) -> Iterator[Finding]:
    """Say what is restored of a binned tomogram, and what is not.

    Raises
    ------
    ValueError
        If something shall be added back, but the tomogram is not binned.
    """
    if tomogram.binning == 1:
        if adds_back:
            raise ValueError(
                "There is nothing to add back to: what restores did not learn from maps binned to larger "
                "voxels than these. Leave --add-back out."
            )
        return
    large, small = tomogram.voxel_size, tomogram.in_files.voxel_size
    learned = f"The model learned from voxels of {large:.4g} Å"
    if adds_back:
        sentence = (
            f"{learned}: detail finer than {2 * large:.4g} Å is that of the raw tomogram, noise included."
        )
        yield Finding(
            "warning", "binning", sentence, "Believe of fine detail what you believe of the raw one."
        )
        return
    sentence = (
        f"{learned}, so the maps, of {small:.4g} Å, are binned by {tomogram.binning}, and so is the result."
    )
    yield Finding("note", "binning", sentence)


__all__ = ["add_back", "binning_words"]
