"""Files of other programs are named, with what makes volumes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "words", "remedy"),
    [
        ("a.spi", "a SPIDER volume", "e2proc3d.py"),
        ("a.HDF", "an HDF5 file", "e2proc3d.py"),
        ("a.h5", "an HDF5 file", "e2proc3d.py"),
        ("a.tif", "a TIFF image", "tif2mrc"),
        ("a.ome.tiff", "a TIFF image", "tif2mrc"),
        ("a.dm4", "a Digital Micrograph file", "dm2mrc"),
        ("a.npz", "a NumPy archive", "numpy.save"),
        ("tomograms.star", "a STAR list", "--pairs"),
    ],
)
def test_by_the_name(tmp_path: Path, name: str, words: str, remedy: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\6\0\0\5" + bytes(600))
    with pytest.raises(ValueError, match=f"^{name} is {words}, which is not read: .*{remedy}"):
        open_volume(path)


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"MM\0*", "a TIFF image"),
        (b"PK\3\4", "a packed file"),
        (b"\x93NUMPY", "a NumPy array under another name, which is not read: name it .npy"),
    ],
)
def test_by_the_content_whatever_the_name(tmp_path: Path, begin: bytes, words: str) -> None:
    path = tmp_path / "a.mrc"
    path.write_bytes(begin + b"\xff" * 2000)
    with pytest.raises(ValueError, match=f"a.mrc is {words}"):
        open_volume(path)


def test_what_is_not_known_is_not_named(tmp_path: Path) -> None:
    assert foreign_format("a.mrc", b"text") is None
    assert foreign_format(tmp_path) is None
