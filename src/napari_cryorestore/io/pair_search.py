"""All pairs of half tomograms that lie in folders."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.io.header import COMPRESSED_SUFFIXES
from napari_cryorestore.io.pairing import Pair, half_of, pair_halves
from napari_cryorestore.regular_file import require_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEPTH = 3
"""Folders below the one given that are looked into."""
_VOLUMES = (".mrc", ".rec", ".map")  # .st, .ali and .mrcs are tilt series and image stacks


def find_pairs(places: Iterable[Path | str]) -> list[Pair]:
    """Find the pairs of half tomograms in folders, told by their names.

    Parameters
    ----------
    places : iterable of Path or str
        Folders, which are searched three levels deep, and single files. Files without a partner are left out,
        as are hidden folders.

    Returns
    -------
    list of Pair
        Ordered by name. Every name occurs once: names that several pairs have in common get their folder's
        name in front, and a number where that does not tell them apart.

    Raises
    ------
    FileNotFoundError
        If a place does not exist.
    ValueError
        If there is no pair, with the halves that lack a partner, or if a place is no folder of volumes.
    """
    files: list[Path] = []
    for place in map(Path, places):
        files += _volumes_at(place)
    pairs = _each_once(pair_halves(files))
    if not pairs:
        raise ValueError(_nothing_found(files))
    return sorted(_told_apart(pairs), key=lambda pair: pair.name)


def _volumes_at(place: Path) -> list[Path]:
    if not place.exists():
        raise FileNotFoundError(f"{place} does not exist: check the folder of the pairs.")
    foreign = foreign_format(place)
    if foreign is not None:
        raise ValueError(foreign)
    if place.is_dir():
        return sorted(_volumes_below(place))
    require_regular(place)
    return [place]


def _volumes_below(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder, followlinks=True):
        deep = len(Path(where).relative_to(folder).parts) >= DEPTH
        folders[:] = [] if deep else [name for name in folders if not name.startswith(".")]
        volumes = (Path(where, name) for name in names if _is_volume(name))
        yield from (path for path in volumes if path.is_file())


def _each_once(pairs: list[Pair]) -> list[Pair]:
    """Leave out pairs that links lead to a second time."""
    return list({(pair.even.resolve(), pair.odd.resolve()): pair for pair in reversed(pairs)}.values())


def _is_volume(name: str) -> bool:
    path = Path(name.lower())
    if path.suffix in COMPRESSED_SUFFIXES:
        path = path.with_suffix("")
    return path.suffix in _VOLUMES and not name.startswith(".")


def _nothing_found(files: list[Path]) -> str:
    alone = [path.name for path in files if half_of(path) is not None]
    found = f" (without a partner: {', '.join(alone[:3])}{' …' if len(alone) > 3 else ''})" if alone else ""
    return (
        f"there are no pairs of half tomograms among {len(files)} volumes{found}: name them like "
        "TS01_even.mrc and TS01_odd.mrc, or put them into the folders even and odd"
    )


def _told_apart(pairs: list[Pair]) -> list[Pair]:
    common = _repeated(pairs)
    longer = [
        replace(pair, name=f"{_own_folder(pair.even)}_{pair.name}") if pair.name in common else pair
        for pair in pairs
    ]
    common, numbers, told = _repeated(longer), Counter[str](), []
    for pair in longer:
        numbers[pair.name] += 1
        told.append(replace(pair, name=f"{pair.name}_{numbers[pair.name]}") if pair.name in common else pair)
    return told


def _repeated(pairs: list[Pair]) -> set[str]:
    return {name for name, times in Counter(pair.name for pair in pairs).items() if times > 1}


def _own_folder(path: Path) -> str:
    """Return the nearest folder that is not named after a half."""
    path = path.resolve()
    return next((place.name for place in path.parents if half_of(place.name) is None), path.parent.name)


__all__ = ["DEPTH", "find_pairs"]
