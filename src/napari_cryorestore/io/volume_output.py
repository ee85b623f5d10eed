"""Creating volumes that appear whole or not at all, in the format that their names say."""

from __future__ import annotations

import math
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.findings import Finding
from napari_cryorestore.io.file_contents import COMPRESSED_SUFFIXES
from napari_cryorestore.io.part_file import locked, part_of, require_own, reserve
from napari_cryorestore.io.volume_format import Grid, Statistics
from napari_cryorestore.io.volumes import (
    format_of,
    is_volume_path,
    open_volume,
    result_suffix,
    written_suffixes,
)
from napari_cryorestore.whole_file import hidden_name, require_new, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_cryorestore.io.volume_format import Like

_TOPIC = "output format"


@contextmanager
def create_volume(
    path: Path | str,
    like: Like,
    *,
    label: str,
    goes_on: bool = False,
    known: bool = False,
    checked: Callable[[float], None] = lambda share: None,
) -> Iterator[np.memmap[Any, np.dtype[np.float32]]]:
    """Open a volume for writing out of core.

    The voxels are written to ``name.mrc.part`` in the same folder. Leaving the block completes the header
    with the statistics and renames the file; an exception in the block removes it.

    Parameters
    ----------
    path : Path or str
        The file to make; it must not exist yet (see `unique_path`). Its suffix says the format.
    like : Like
        Whose size, voxel size, origin and start it takes over: a `Volume`, a `Tomogram` or a `Grid`.
    label : str
        What this is, for example "icecream @ step 600"; every line becomes a label of the file.
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
    path, grid = Path(path), _grid(like)
    header = _header_of(path)
    require_new(path)
    part, labels = part_of(path), label.splitlines()
    require_own(part, known=known)
    offset = len(header(grid, labels, None))
    size = offset + 4 * math.prod(grid.shape)
    with locked(part), whole_file(path, aside=part):
        if not (goes_on and part.stat().st_size == size):
            reserve(part, size)
        volume = np.memmap(part, dtype="<f4", mode="r+", offset=offset, shape=grid.shape)
        yield volume
        volume.flush()
        statistics = _statistics(volume, name=path.name, checked=checked)
        with part.open("r+b") as file:
            file.write(header(grid, labels, statistics))
        require_new(path)


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
        The file to make; it must not exist yet (see `unique_path`). Its suffix says the format.
    data : array-like
        Voxels (z, y, x) of any real type; only planes ``data[i]`` are read.
    voxel_size : float
        Å.
    origin, start : tuple
        Origin in Å and index of the first voxel, along x, y, z.
    label : str
        What this is; see `create_volume`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileExistsError, FileNotFoundError, PermissionError, OSError, ValueError
        As `create_volume`.
    """
    shape: Any = tuple(int(size) for size in data.shape)
    with create_volume(path, Grid(shape, voxel_size, origin, start), label=label) as volume:
        for index in range(shape[0]):
            volume[index] = np.asarray(data[index], dtype=np.float32)
    return Path(path)


@contextmanager
def replaced_volume(path: Path) -> Iterator[Path]:
    """Give a name of the same format to write a volume to, which then takes the place of ``path``.

    What maps the older file still sees it.
    """
    with whole_file(path, aside=hidden_name(path, f".part{path.suffix}")) as aside:
        yield aside


def copy_volume(source: Path, target: Path) -> Path:
    """Copy a volume, replacing an older file; it is written anew where the name says another format.

    Raises
    ------
    OSError, ValueError
        As `open_volume` and `create_volume`.
    """
    with replaced_volume(target) as aside:
        if format_of(source) is format_of(target):
            shutil.copyfile(source, aside)
        else:
            volume = open_volume(source)
            with create_volume(aside, volume, label="\n".join(volume.labels)) as copy:
                for index, plane in enumerate(volume.data):
                    copy[index] = plane
    return target


def losses(path: Path | str) -> tuple[Finding, ...]:
    """Say what a volume of a name cannot hold, as its format has no place for it.

    Parameters
    ----------
    path : Path or str
        The file to make.

    Returns
    -------
    tuple of Finding
        One warning, or none; also where a name says no format.
    """
    form, name = format_of(path), Path(path).name
    if not is_volume_path(path):
        sentence = f"No format of volumes goes by this name: it becomes one of the format {form.title}."
        remedy = f"Name it {result_suffix()} so that other programs know what it is."
        return (Finding("warning", _TOPIC, sentence, remedy, about=name),)
    if not form.loses:
        return ()
    *others, last = form.loses
    lost = f"{', '.join(others)} and {last}" if others else last
    article = "An" if form.title[0] in "AEIOU" else "A"
    sentence = f"{article} {form.title} cannot hold {lost}: they are left out."
    remedy = f"Name it {result_suffix()} to keep them."
    return (Finding("warning", _TOPIC, sentence, remedy, about=name),)


def _header_of(path: Path) -> Callable[..., bytes]:
    """Return what makes the header of a file that is to be written; raises ValueError for an unfit name."""
    if path.suffix.lower() in COMPRESSED_SUFFIXES:
        raise ValueError(f"{path.name} would be compressed, but volumes are written plain: name it .mrc.")
    form = format_of(path)
    if form.header is None:
        raise ValueError(
            f"{path.name} would be a {form.title}, which is only read, not written: name it "
            f"{' or '.join(written_suffixes())}."
        )
    return form.header


def _grid(like: Like) -> Grid:
    shape, voxel_size = tuple(like.shape), like.voxel_size
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"A volume has three axes (z, y, x), but the shape {shape} was given.")
    if not (math.isfinite(voxel_size) and voxel_size > 0):
        raise ValueError(f"The voxel size is {voxel_size}, but a positive number of Å is needed.")
    return Grid(shape, voxel_size, like.origin, like.start)


def _statistics(volume: NDArray[np.float32], *, name: str, checked: Callable[[float], None]) -> Statistics:
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
    return Statistics(low, high, mean, math.sqrt(squares / count))


__all__ = ["copy_volume", "create_volume", "losses", "replaced_volume", "write_volume"]
