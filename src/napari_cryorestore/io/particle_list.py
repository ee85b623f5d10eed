"""Lists of particles, from the STAR files of RELION and Warp and from CSV files."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.io.star import read_star
from napari_cryorestore.safe_reading import open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.io.star import StarTable

_PIXELS = ("rlnCoordinateZ", "rlnCoordinateY", "rlnCoordinateX")
_CENTRED = ("rlnCenteredCoordinateZAngst", "rlnCenteredCoordinateYAngst", "rlnCenteredCoordinateXAngst")
_SCORES = ("rlnAutopickFigureOfMerit", "rlnLCCmax", "ptmLCCmax", "wrpScore", "rlnScore", "score")
_TOMOGRAMS = ("rlnTomoName", "rlnMicrographName")
_COLUMNS = {"z": 0, "axis-0": 0, "y": 1, "axis-1": 1, "x": 2, "axis-2": 2, "score": 3}


@dataclass(frozen=True, eq=False)
class Picks:
    """Particles of one tomogram.

    Attributes
    ----------
    positions : array of float64, shape (n, 3)
        z, y, x in Å, from the outer corner of the tomogram's first voxel, whose centre lies at half a voxel.
    scores : array of float64, shape (n,), or None
        The higher the surer.
    """

    positions: NDArray[np.float64]
    scores: NDArray[np.float64] | None


def read_picks(
    path: Path | str,
    *,
    voxel_size: float,
    extent: Sequence[float] | None = None,
    tomogram: str | None = None,
) -> Picks:
    """Read the particles of one tomogram.

    Parameters
    ----------
    path : Path or str
        A .star file of RELION or Warp, with ``rlnCoordinateX/Y/Z`` in voxels or
        ``rlnCenteredCoordinateX/Y/ZAngst`` in any of its tables; or a text of columns z, y, x and perhaps
        score in voxels, divided by commas, semicolons, tabs or blanks, with or without their names in the
        first line (a saved points layer of napari is one).
    voxel_size : float
        Å; of the voxels in which the file counts.
    extent : sequence of float, optional
        Size (z, y, x) of the tomogram in Å; only centred coordinates need it.
    tomogram : str, optional
        Which one, if a .star file has particles of several; a part of its name is enough.

    Returns
    -------
    Picks
        In the order of the file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    ValueError
        If it holds no particles, something else than numbers, particles of several tomograms, or centred
        coordinates where the extent is not known; or if the voxel size is not positive.
    """
    path = Path(path)
    if not (math.isfinite(voxel_size) and voxel_size > 0):
        raise ValueError(f"The voxel size is {voxel_size:g}, but a positive number of Å is needed.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: choose a .star or .csv file of particles.")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: choose a .star or .csv file of particles.")
    with TextIOWrapper(open_regular(path), encoding="utf-8-sig", errors="replace") as file:
        text = file.read()
    if "\0" in text:
        raise ValueError(f"{path.name} is no text: choose a .star or .csv file of particles.")
    if re.search(r"^\s*data_", text, re.MULTILINE):
        return _from_star(text, path.name, voxel_size, extent, tomogram)
    return _from_columns(text, path.name, voxel_size)


def _from_star(
    text: str, name: str, voxel_size: float, extent: Sequence[float] | None, tomogram: str | None
) -> Picks:
    table = _particle_table(read_star(text, name=name), name)
    rows = _rows_of(table, tomogram, name)
    score = next((column for column in _SCORES if column in table.columns), None)
    scores = None if score is None else table.numbers(score)[rows]
    if set(_CENTRED) <= set(table.columns):
        if extent is None:
            raise ValueError(f"{name} counts from the tomogram's centre: say which volume it belongs to.")
        centred = np.stack([table.numbers(column)[rows] for column in _CENTRED], axis=1)
        return Picks(centred + np.asarray(extent, dtype=np.float64) / 2, scores)
    voxels = np.stack([table.numbers(column)[rows] for column in _PIXELS], axis=1)
    return Picks((voxels + 0.5) * voxel_size, scores)


def _particle_table(tables: list[StarTable], name: str) -> StarTable:
    for table in tables:
        if {*_PIXELS} <= set(table.columns) or {*_CENTRED} <= set(table.columns):
            if not len(table.rows):
                raise ValueError(f"{name} lists no particles: its table {table.name!r} is empty.")
            return table
    raise ValueError(
        f"{name} holds no particles: none of its tables has rlnCoordinateX, Y and Z "
        "or rlnCenteredCoordinateXAngst, YAngst and ZAngst."
    )


def _rows_of(table: StarTable, tomogram: str | None, name: str) -> list[int]:
    """Return the rows of the one tomogram that is meant."""
    column = next((column for column in _TOMOGRAMS if column in table.columns), None)
    if column is None:
        return list(range(len(table.rows)))
    names = table.texts(column)
    there = sorted(set(names))
    matching = there if tomogram is None else [item for item in there if tomogram in item]
    if tomogram is not None and tomogram in there:
        matching = [tomogram]
    if len(matching) != 1:
        listed = ", ".join(there[:5]) + (", …" if len(there) > 5 else "")
        said = (
            ""
            if tomogram is None
            else f", and {tomogram!r} names {'several' if matching else 'none'} of them"
        )
        raise ValueError(f"{name} has particles of {len(there)} tomograms ({listed}){said}: name one.")
    return [row for row, item in enumerate(names) if item == matching[0]]


def _from_columns(text: str, name: str, voxel_size: float) -> Picks:
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise ValueError(f"{name} is empty: it needs one line z, y, x for every particle.")
    rows = [(number, _cells(line)) for number, line in lines]
    places = _places(rows[0][1], name)
    named = _is_header(rows[0][1])
    body = rows[1:] if named else rows
    if not body:
        raise ValueError(f"{name} lists no particles: it holds nothing but the names of its columns.")
    values = np.array([_numbers(cells, places, number, name) for number, cells in body])
    scores = values[:, 3] if len(places) == 4 else None
    return Picks((values[:, :3] + 0.5) * voxel_size, scores)


def _cells(line: str) -> list[str]:
    divider = next((mark for mark in ",;\t" if mark in line), None)
    if divider is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=divider))]


def _places(first: list[str], name: str) -> list[int]:
    """Return in which columns z, y, x and perhaps the score stand."""
    if not _is_header(first):
        if len(first) not in (3, 4):
            raise ValueError(
                f"{name} has {len(first)} columns, but three (z, y, x) or four (with a score) are expected; "
                "if there are more, name them in the first line."
            )
        return list(range(len(first)))
    found = {_COLUMNS[cell.casefold()]: i for i, cell in enumerate(first) if cell.casefold() in _COLUMNS}
    missing = [axis for axis, place in zip("zyx", range(3), strict=True) if place not in found]
    if missing:
        raise ValueError(
            f"{name} has no column {' and no column '.join(missing)} among {', '.join(first[:8])}: "
            "name the columns z, y, x and perhaps score."
        )
    return [found[place] for place in range(4) if place in found]


def _is_header(cells: list[str]) -> bool:
    return all(_number(cell) is None for cell in cells)


def _numbers(cells: list[str], places: list[int], number: int, name: str) -> list[float]:
    result = []
    for place in places:
        value = _number(cells[place]) if place < len(cells) else None
        if value is None or not math.isfinite(value):
            found = repr(cells[place]) if place < len(cells) else "nothing"
            raise ValueError(f"{name} has {found} in line {number}, column {place + 1}, instead of a number.")
        result.append(value)
    return result


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


__all__ = ["Picks", "read_picks"]
