"""Writing MRC volumes that appear whole or not at all."""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from napari_cryorestore.io.header import COMPRESSED_SUFFIXES, HEADER_BYTES
from napari_cryorestore.io.part_file import locked, part_of, require_own, reserve
from napari_cryorestore.whole_file import require_new, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

LABEL_LENGTH, _LABELS = 80, 10
_MRC2014 = 20141
_ASCII = str.maketrans({"·": "-", "–": "-", "×": "x", "Å": "A", "°": " deg", "−": "-", "→": "->", "…": "..."})


@dataclass(frozen=True)
class Output:
    """What the header of a volume to be written says.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x).
    voxel_size : float
        Å.
    label : str
        What this is; every line becomes a label, at most ten, each cut after 80 characters.
    origin, start : tuple
        Origin in Å and index of the first voxel, along x, y, z.
    """

    shape: tuple[int, ...]
    voxel_size: float
    label: str
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: tuple[int, int, int] = (0, 0, 0)


def as_label(text: str) -> str:
    """Return a text in the letters that a header may have; it may be longer than before."""
    return text.translate(_ASCII).encode("ascii", errors="replace").decode()


def unique_path(path: Path | str) -> Path:
    """Find a name that is still free.

    Parameters
    ----------
    path : Path or str
        The name wished for.

    Returns
    -------
    Path
        ``path`` itself, or ``name_2.mrc``, ``name_3.mrc``, … in the same folder.
    """
    path = Path(path)
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return candidate


def write_volume(
    path: Path | str,
    data: Any,
    *,
    voxel_size: float,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    start: tuple[int, int, int] = (0, 0, 0),
    label: str,
) -> Path:
    """Write a volume as 32-bit floats, plane by plane.

    Parameters
    ----------
    path : Path or str
        The file to make; it must not exist yet (see `unique_path`).
    data : array-like
        Voxels (z, y, x) of any real type; only planes ``data[i]`` are read.
    voxel_size : float
        Å.
    origin, start : tuple
        Origin in Å and index of the first voxel, along x, y, z.
    label : str
        What this is, for example "icecream @ step 600"; see `Output`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileExistsError, FileNotFoundError, PermissionError, OSError, ValueError
        As `open_output`.
    """
    shape = tuple(int(size) for size in data.shape)
    with open_output(path, shape, voxel_size=voxel_size, origin=origin, start=start, label=label) as volume:
        for index in range(shape[0]):
            volume[index] = np.asarray(data[index], dtype=np.float32)
    return Path(path)


@contextmanager
def open_output(
    path: Path | str,
    shape: tuple[int, ...],
    *,
    voxel_size: float,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    start: tuple[int, int, int] = (0, 0, 0),
    label: str,
) -> Iterator[np.memmap[Any, np.dtype[np.float32]]]:
    """Open a volume for writing out of core.

    The voxels are written to ``name.mrc.part`` in the same folder. Leaving the block completes the header
    with the statistics and renames the file; an exception in the block removes it.

    Parameters
    ----------
    path : Path or str
        The file to make; it must not exist yet.
    shape : tuple of int
        (z, y, x).
    voxel_size : float
        Å.
    origin, start : tuple
        Origin in Å and index of the first voxel, along x, y, z.
    label : str
        What this is; see `Output`.

    Yields
    ------
    memmap
        Float32 voxels (z, y, x), zero at first, readable and writable.

    Raises
    ------
    FileExistsError
        If the file exists, or a file that is not ours lies where the voxels would be written.
    FileNotFoundError
        If its folder does not exist.
    PermissionError
        If its folder may not be written to.
    OSError
        If the disk has too little space.
    ValueError
        If the shape, voxel size or name is unfit, or if a voxel is NaN or infinite in the end.
    """
    with filled_output(path, Output(shape, voxel_size, label, origin, start)) as volume:
        yield volume


@contextmanager
def filled_output(
    path: Path | str,
    output: Output,
    *,
    goes_on: bool = False,
    known: bool = False,
    checked: Callable[[float], None] = lambda share: None,
) -> Iterator[np.memmap[Any, np.dtype[np.float32]]]:
    """Open a volume for writing as `open_output` does, for who wants to know how far its end is.

    Parameters
    ----------
    path : Path or str
        The file to make; it must not exist yet.
    output : Output
        What its header says.
    goes_on : bool
        Whether to take over the voxels that a killed process has left (see `part_of`), if there are any.
    known : bool
        Whether what lies there is known to be of an unfinished volume; else it has to say so itself.
    checked : callable
        Is told the share of the voxels, above 0 to 1, that was looked through for the header's statistics
        when all was written; what it raises ends that, and nothing is left behind.

    Yields
    ------
    memmap
        Float32 voxels (z, y, x), readable and writable.
    """
    path, record = Path(path), _header(output)
    _refuse_bad_target(path)
    part = part_of(path)
    require_own(part, known=known)
    size = HEADER_BYTES + 4 * math.prod(output.shape)
    with locked(part), whole_file(path, aside=part):
        if not (goes_on and part.stat().st_size == size):
            reserve(part, size)
        volume = np.memmap(part, dtype="<f4", mode="r+", offset=HEADER_BYTES, shape=tuple(output.shape))
        yield volume
        volume.flush()
        _fill_statistics(record, volume, name=path.name, checked=checked)
        with part.open("r+b") as file:
            file.write(record.tobytes())
        require_new(path)


def _refuse_bad_target(path: Path) -> None:
    if path.suffix.lower() in COMPRESSED_SUFFIXES:
        raise ValueError(f"{path.name} would be compressed, but volumes are written plain: name it .mrc.")
    require_new(path)


def _header(output: Output) -> NDArray[np.void]:
    shape, voxel_size = output.shape, output.voxel_size
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"A volume has three axes (z, y, x), but the shape {tuple(shape)} was given.")
    if not (math.isfinite(voxel_size) and voxel_size > 0):
        raise ValueError(f"The voxel size is {voxel_size}, but a positive number of Å is needed.")
    record = np.zeros(1, HEADER_DTYPE.newbyteorder("<"))
    for axis, size, first, zero in zip("xyz", reversed(shape), output.start, output.origin, strict=True):
        record[f"n{axis}"] = record[f"m{axis}"] = size
        record[f"n{axis}start"] = first
        record["cella"][axis] = size * voxel_size
        record["origin"][axis] = zero
    record["mode"], record["ispg"], record["nversion"] = 2, 1, _MRC2014
    record["cellb"] = (90.0, 90.0, 90.0)
    record["mapc"], record["mapr"], record["maps"] = 1, 2, 3
    record["map"], record["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
    labels = output.label.splitlines()[:_LABELS]
    record["nlabl"] = len(labels)
    for number, label in enumerate(labels):
        record["label"][:, number] = _label_bytes(label)
    return record


def _label_bytes(label: str) -> bytes:
    return as_label(label).encode("ascii")[:LABEL_LENGTH].ljust(LABEL_LENGTH)


def _fill_statistics(
    record: NDArray[np.void],
    volume: NDArray[np.float32],
    *,
    name: str,
    checked: Callable[[float], None],
) -> None:
    """Merge the planes' means and squared deviations, so that one plane at a time is in memory."""
    low, high, count, mean, squares = math.inf, -math.inf, 0, 0.0, 0.0
    for number, plane in enumerate(volume, 1):
        values = np.asarray(plane, dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"{name} was not written: the volume holds NaN or infinite voxels.")
        size, plane_mean = values.size, float(values.mean())
        shift, total = plane_mean - mean, count + size
        squares += float(np.square(values - plane_mean).sum()) + shift * shift * count * size / total
        mean += shift * size / total
        count = total
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        checked(number / len(volume))
    record["dmin"], record["dmax"], record["dmean"] = low, high, mean
    record["rms"] = math.sqrt(squares / count)
