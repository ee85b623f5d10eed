"""Volumes in formats that are not read here: what they are called, and what converts them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_NAPARI = "open it in napari and save the layer as .mrc"
_EMAN = "convert it with EMAN2's e2proc3d.py"


class _Format(NamedTuple):
    words: str
    suffixes: tuple[str, ...]
    first_bytes: tuple[bytes, ...]
    remedy: str


_FORMATS = (
    _Format(
        "a TIFF image",
        (".tif", ".tiff"),
        (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        f"convert it with IMOD's tif2mrc, or {_NAPARI}",
    ),
    _Format("an HDF5 file", (".hdf", ".h5", ".hdf5"), (b"\x89HDF\r\n\x1a\n",), _EMAN),
    _Format("a SPIDER volume", (".spi",), (), _EMAN),
    _Format("a Digital Micrograph file", (".dm3", ".dm4"), (), "convert it with IMOD's dm2mrc"),
    _Format("a NumPy array under another name", (), (b"\x93NUMPY",), "name it .npy"),
    _Format("a NumPy archive", (".npz",), (), "save its volume alone, with numpy.save"),
    _Format("a NIfTI volume", (".nii",), (), _NAPARI),
    _Format(
        "a Zarr store",
        (".zarr",),
        (),
        "open it in napari with the plugin napari-ome-zarr and save the layer as .mrc",
    ),
    _Format(
        "a STAR list",
        (".star",),
        (),
        "give the volumes that it names, or with --pairs the folder that they lie in",
    ),
    _Format("a picture", (".png", ".jpg", ".jpeg"), (b"\x89PNG", b"\xff\xd8\xff"), "choose a tomogram"),
    _Format(
        "a packed file",
        (".zip", ".xz", ".zst", ".7z", ".tar", ".tgz"),
        (b"PK\3\4", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf"),
        "unpack it first",
    ),
)
_ZARR_FILES = (".zgroup", ".zarray", "zarr.json")


def foreign_format(path: Path | str, first_bytes: bytes = b"") -> str | None:
    """Say in a sentence which other format a file has, and what makes a volume of it that is read.

    Parameters
    ----------
    path : Path or str
        A file, or the folder of a Zarr store.
    first_bytes : bytes
        What the file begins with; if empty, only its name tells.

    Returns
    -------
    str or None
        The sentence; None if it is none of the formats that are known by their names.
    """
    path = Path(path)
    begins = (form for form in _FORMATS if form.first_bytes and first_bytes.startswith(form.first_bytes))
    found = next(begins, None) or _by_name(path)
    if found is None:
        return None
    return f"{path.name} is {found.words}, which is not read: {found.remedy}."


def _by_name(path: Path) -> _Format | None:
    suffix = path.suffix.lower()
    if path.is_dir() and any((path / name).exists() for name in _ZARR_FILES):
        suffix = ".zarr"
    return next((form for form in _FORMATS if suffix in form.suffixes), None)


__all__ = ["foreign_format"]
