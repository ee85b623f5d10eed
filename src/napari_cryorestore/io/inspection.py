"""What can be told about a volume from its header, its neighbours and a sample of its voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.io.pairing import find_other_half
from napari_cryorestore.io.sampling import sample_slabs
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.findings import Finding


@dataclass(frozen=True)
class VolumeReport:
    """Facts about a volume file.

    Attributes
    ----------
    path : Path
        The file.
    shape : tuple of int
        (z, y, x).
    dtype : str
        Type of a voxel, for example "float32".
    stored_as : str
        What the format calls that, for example "mode 2"; empty if it has no word for it.
    voxel_sizes : tuple of float
        Å along z, y, x; 0 if unknown.
    origin : tuple of float
        Å along x, y, z.
    start : tuple of int
        Index of the first voxel along x, y, z.
    labels : tuple of str
        Text labels.
    minimum, maximum, mean : float
        Of the sampled planes, NaN and infinity left out; NaN if there is nothing else.
    other_half : Path or None
        What lies beside it.
    findings : tuple of Finding
        What the user should know about the way it was read.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: str
    stored_as: str
    voxel_sizes: tuple[float, float, float]
    origin: tuple[float, float, float]
    start: tuple[int, int, int]
    labels: tuple[str, ...]
    minimum: float
    maximum: float
    mean: float
    other_half: Path | None
    findings: tuple[Finding, ...]


def inspect_volume(path: Path | str) -> VolumeReport:
    """Describe a volume file, reading at most a dozen slabs of it.

    Parameters
    ----------
    path : Path or str
        A volume.

    Returns
    -------
    VolumeReport
        Its facts.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError, ValueError
        As `open_volume`.
    """
    volume = open_volume(path)
    low, high, total, count = math.inf, -math.inf, 0.0, 0
    for slab in sample_slabs(volume.data):
        finite = slab[np.isfinite(slab)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            total, count = total + float(finite.sum(dtype="f8")), count + finite.size
    return VolumeReport(
        path=volume.path,
        shape=volume.data.shape,
        dtype=volume.data.dtype.name,
        stored_as=volume.stored_as,
        voxel_sizes=volume.voxel_sizes,
        origin=volume.origin,
        start=volume.start,
        labels=volume.labels,
        minimum=low if count else math.nan,
        maximum=high if count else math.nan,
        mean=total / count if count else math.nan,
        other_half=find_other_half(volume.path),
        findings=volume.findings,
    )
