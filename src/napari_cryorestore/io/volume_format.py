"""A volume, whatever the format of its file, and what a format has to say to be read and written."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cryorestore.findings import Finding

ISOTROPY_TOLERANCE = 0.01
LABEL_LENGTH = 80
_ASCII = str.maketrans({"·": "-", "–": "-", "×": "x", "Å": "A", "°": " deg", "−": "-", "→": "->", "…": "..."})


@dataclass(frozen=True)
class Volume:
    """A volume as its file holds it.

    Attributes
    ----------
    data : ndarray
        Voxels (z, y, x), read-only: a memory map, or an array if the file is compressed. The type and
        byte order are the file's; convert pieces to float32 as they are needed.
    path : Path
        The file.
    voxel_sizes : tuple of float
        Å along z, y, x; 0.0 where the file does not say.
    origin : tuple of float
        Where the first voxel lies along x, y, z in Å.
    start : tuple of int
        Index of the first voxel along x, y, z.
    labels : tuple of str
        The text labels of the file, without empty ones.
    stored_as : str
        What the format calls the way in which voxels are stored, e.g. "mode 2"; empty if it has no word.
    findings : tuple of Finding
        What the user should know about the way it was read; empty if there is nothing to say.
    """

    data: NDArray[Any]
    path: Path
    voxel_sizes: tuple[float, float, float] = (0.0, 0.0, 0.0)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: tuple[int, int, int] = (0, 0, 0)
    labels: tuple[str, ...] = ()
    stored_as: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size (z, y, x) in voxels."""
        depth, height, width = self.data.shape
        return (depth, height, width)

    @property
    def voxel_size(self) -> float:
        """Voxel size in Å, 0.0 if unknown; raises ValueError where the axes differ by more than 1 %."""
        known = [size for size in self.voxel_sizes if size > 0]
        if not known:
            return 0.0
        if max(known) > min(known) * (1 + ISOTROPY_TOLERANCE):
            z, y, x = self.voxel_sizes
            raise ValueError(
                f"{self.path.name} has voxels of {x:.4g} × {y:.4g} × {z:.4g} Å (x, y, z), but restoration "
                "needs the same voxel size along all axes: resample it, or give the right voxel size if the "
                "header is wrong."
            )
        return known[-1]


class Like(Protocol):
    """What a volume to be made takes over: a `Volume`, a `Tomogram` and a `Grid` all have it."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size (z, y, x) in voxels."""

    @property
    def voxel_size(self) -> float:
        """Å."""

    @property
    def origin(self) -> tuple[float, float, float]:
        """Where the first voxel lies along x, y, z in Å."""

    @property
    def start(self) -> tuple[int, int, int]:
        """Index of the first voxel along x, y, z."""


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a volume to be made lie.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x).
    voxel_size : float
        Å.
    origin, start : tuple
        Origin in Å and index of the first voxel, along x, y, z.
    """

    shape: tuple[int, int, int]
    voxel_size: float
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class Statistics:
    """Of all voxels of a volume that is written."""

    minimum: float
    maximum: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class VolumeFormat:
    """A format of files of volumes.

    Attributes
    ----------
    title : str
        What one such file is called, e.g. "MRC volume".
    suffixes : tuple of str
        In lower case, the first being that of results.
    read : callable
        Opens a file, whose name may also end in ``.gz`` or ``.bz2``; see `file_contents`. Raises ValueError
        with one sentence if it holds no volume of this format.
    header : callable or None
        Returns the bytes that stand before the voxels, which are 32-bit floats, x fastest, in little-endian
        order. It is called with a `Grid`, the labels and the statistics, which are None while the voxels are
        not known yet; the number of bytes, at least 32, depends on the grid alone. None of a format that is
        only read.
    stack_suffixes : tuple of str
        Other endings under which files are opened, but not looked for, as they mean tilt series or images.
    loses : tuple of str
        What such a file cannot hold, e.g. "voxel size".
    """

    title: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Volume]
    header: Callable[[Grid, Sequence[str], Statistics | None], bytes] | None = None
    stack_suffixes: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()


def as_label(text: str) -> str:
    """Return a text in the letters that a label may have; it may be longer than before."""
    return text.translate(_ASCII).encode("ascii", errors="replace").decode()


def label_lines(sentence: str) -> list[str]:
    """Return a sentence as labels, none longer than a label may be."""
    return textwrap.wrap(as_label(sentence), LABEL_LENGTH)


__all__ = [
    "ISOTROPY_TOLERANCE",
    "LABEL_LENGTH",
    "Grid",
    "Like",
    "Statistics",
    "Volume",
    "VolumeFormat",
    "as_label",
    "label_lines",
]
