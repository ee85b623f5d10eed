"""Tilt angles, from the files that IMOD and AreTomo write."""

from __future__ import annotations

import re
from pathlib import Path

from napari_cryorestore.io.pairing import half_of, tomogram_name

# Angles after alignment come first, the microscope's last.
_ENDINGS = (".tlt", ".aln", ".rawtlt", "_tlt.txt")
_RECONSTRUCTION_WORD = re.compile(
    r"(?:^rec[_-])|(?:[_-](?:full|rec|vol|ali|bin\d+|\d+(?:\.\d+)?a?px))+$", re.IGNORECASE
)
_LARGEST_ANGLE = 90.0


def read_tilt_angles(path: Path | str) -> tuple[float, ...]:
    """Read the angles of a tilt series.

    Parameters
    ----------
    path : Path or str
        A .tlt, .rawtlt or .txt file (first column, degrees) or an .aln file of AreTomo (last column).
        Blank lines and comments after # are skipped.

    Returns
    -------
    tuple of float
        Degrees, in the order of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file holds no angles, something else than numbers, or angles beyond ±90°.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: choose a .tlt, .rawtlt, .txt or .aln file.")
    column = -1 if path.suffix.lower() == ".aln" else 0
    rows = _rows(path.read_text(encoding="utf-8", errors="replace"))
    angles = tuple(_angle(row, column, name=path.name) for row in rows)
    if not angles:
        raise ValueError(f"{path.name} holds no tilt angles: it needs one line per tilt, in degrees.")
    return angles


def tilt_range(path: Path | str) -> tuple[float, float]:
    """Read the smallest and the largest angle of a tilt series.

    Parameters
    ----------
    path : Path or str
        A file that `read_tilt_angles` reads.

    Returns
    -------
    tuple of float
        Smallest and largest angle in degrees.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        As `read_tilt_angles`, and if all angles are equal.
    """
    angles = read_tilt_angles(path)
    if min(angles) == max(angles):
        raise ValueError(
            f"{Path(path).name} holds only the angle {angles[0]:g}°, but a range is needed: "
            "type the smallest and the largest tilt."
        )
    return min(angles), max(angles)


def find_tilt_file(path: Path | str) -> Path | None:
    """Look for the tilt angles that belong to a tomogram.

    Parameters
    ----------
    path : Path or str
        A tomogram or one of its halves.

    Returns
    -------
    Path or None
        A file of the same name, also without the words for the half and the reconstruction ("_rec",
        "_bin4", …), beside the tomogram or, if the folder is named after a half, one folder up.
    """
    path = Path(path)
    folders = [path.parent]
    if half_of(path) is not None and half_of(path.name) is None:
        folders.append(path.parent.parent)
    for folder in folders:
        if folder.is_dir():
            entries = {entry.name.casefold(): entry for entry in sorted(folder.iterdir()) if entry.is_file()}
            for stem in _stems(path):
                for ending in _ENDINGS:
                    found = entries.get(stem.casefold() + ending)
                    if found is not None:
                        return found
    return None


def _stems(path: Path) -> list[str]:
    whole = tomogram_name(path)
    stems = [path.stem, whole]
    shorter = _RECONSTRUCTION_WORD.sub("", whole)
    while shorter and shorter != stems[-1]:
        stems.append(shorter)
        shorter = _RECONSTRUCTION_WORD.sub("", shorter)
    return stems


def _rows(text: str) -> list[list[str]]:
    rows = []
    for line in text.splitlines():
        content, _, comment = line.partition("#")
        if "local alignment" in comment.casefold():
            break  # what follows in an .aln file are patches, not tilts
        if content.strip():
            rows.append(content.split())
    return rows


def _angle(row: list[str], column: int, *, name: str) -> float:
    text = row[column]
    try:
        angle = float(text)
    except ValueError:
        raise ValueError(
            f"{name} holds {text!r} where a tilt angle in degrees is expected: choose a file of angles."
        ) from None
    if not abs(angle) <= _LARGEST_ANGLE:
        raise ValueError(
            f"{name} holds {angle:g} where a tilt angle between −90° and 90° is expected: "
            "choose a file of angles."
        )
    return angle
