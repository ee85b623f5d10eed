"""Opening volumes of every format in one table, and what their names tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_cryorestore.io.em import EM
from napari_cryorestore.io.file_contents import COMPRESSED_SUFFIXES
from napari_cryorestore.io.mrc import MRC
from napari_cryorestore.io.numpy_array import NUMPY

if TYPE_CHECKING:
    from napari_cryorestore.io.volume_format import Volume, VolumeFormat

FORMATS: dict[str, VolumeFormat] = {
    "mrc": MRC,
    "em": EM,
    "numpy": NUMPY,
}
"""By a short name; files with no suffix of any are taken for the first, in which results are written too."""


def open_volume(path: Path | str) -> Volume:
    """Open a volume of whichever format its suffix says.

    Parameters
    ----------
    path : Path or str
        A file, possibly compressed with gzip or bzip2. A compressed file is loaded whole; any other is
        memory-mapped.

    Returns
    -------
    Volume
        Voxels (z, y, x) with what else the file says.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    IsADirectoryError
        If the path is a folder.
    PermissionError
        If the file may not be read.
    ValueError
        If the file is empty, truncated, of another format, no file but a pipe, or holds no real volume.
    """
    path = Path(path)
    return format_of(path).read(path)


def format_of(path: Path | str) -> VolumeFormat:
    """Return the format that a file is read and written in, by the suffix of its name."""
    return _parts(path).form or next(iter(FORMATS.values()))


def is_volume_path(path: Path | str) -> bool:
    """Tell from its name, in upper or lower case, packed or not, whether a file is a volume."""
    return _parts(path).form is not None


def is_tomogram_path(path: Path | str) -> bool:
    """Tell from its name whether a file is a volume, and neither a tilt series nor a stack of images."""
    form, suffix = _parts(path)[1:]
    return form is not None and suffix in form.suffixes


def opens_at_once(path: Path | str) -> bool:
    """Tell from its name whether a file is a volume that need not be read whole to look into it."""
    return is_volume_path(path) and not str(path).lower().endswith(COMPRESSED_SUFFIXES)


def volume_stem(path: Path | str) -> str:
    """Return the name of a file without the suffixes that say how a volume is stored and packed."""
    return _parts(path).stem


def opened_patterns() -> list[str]:
    """Return the patterns of all names under which volumes are opened, e.g. ``*.mrc`` and ``*.mrc.gz``."""
    suffixes = [suffix for form in FORMATS.values() for suffix in (*form.suffixes, *form.stack_suffixes)]
    return [f"*{suffix}{packed}" for packed in ("", *COMPRESSED_SUFFIXES) for suffix in suffixes]


def written_formats() -> list[VolumeFormat]:
    """Return the formats that can be written, that of results first."""
    return [form for form in FORMATS.values() if form.header is not None]


def written_suffixes() -> tuple[str, ...]:
    """Return the suffixes under which volumes are written, that of results first."""
    return tuple(suffix for form in written_formats() for suffix in form.suffixes)


def result_suffix() -> str:
    """Return the suffix of a result whose name nobody gave."""
    return written_suffixes()[0]


class _Parts(NamedTuple):
    stem: str
    form: VolumeFormat | None
    suffix: str


def _parts(path: Path | str) -> _Parts:
    name = Path(path).name
    packed = next((ending for ending in COMPRESSED_SUFFIXES if name.lower().endswith(ending)), "")
    plain = name[: len(name) - len(packed)]
    for form in FORMATS.values():
        for suffix in (*form.suffixes, *form.stack_suffixes):
            if plain.lower().endswith(suffix) and plain.lower() != suffix:
                return _Parts(plain[: -len(suffix)], form, suffix)
    return _Parts(plain, None, "")


__all__ = [
    "FORMATS",
    "format_of",
    "is_tomogram_path",
    "is_volume_path",
    "open_volume",
    "opened_patterns",
    "opens_at_once",
    "result_suffix",
    "volume_stem",
    "written_formats",
    "written_suffixes",
]
