"""All pairs of half tomograms that lie in folders."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.io.pairing import Pair, half_of, pair_halves, tomogram_name
from napari_cryorestore.io.volumes import is_tomogram_path
from napari_cryorestore.safe_reading import require_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DEPTH = 3
"""Folders below the one given that are looked into."""


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
        Ordered by name. Every name occurs once, see `distinct_names`.

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
    names = distinct_names([pair.name for pair in pairs], [pair.even for pair in pairs])
    named = (replace(pair, name=name) for pair, name in zip(pairs, names, strict=True))
    return sorted(named, key=lambda pair: pair.name)


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
    return is_tomogram_path(name) and not name.startswith(".")


def _nothing_found(files: list[Path]) -> str:
    alone = [path.name for path in files if half_of(path) is not None]
    found = f" (without a partner: {', '.join(alone[:3])}{' …' if len(alone) > 3 else ''})" if alone else ""
    return (
        f"there are no pairs of half tomograms among {len(files)} volumes{found}: name them like "
        "TS01_even.mrc and TS01_odd.mrc, or put them into the folders even and odd"
    )


def distinct_names(names: Sequence[str], files: Sequence[Path | None]) -> list[str]:
    """Return names of which none occurs twice.

    Parameters
    ----------
    names : sequence of str
        Of tomograms.
    files : sequence of Path or None
        A half of each; None where it is no file.

    Returns
    -------
    list of str
        In the same order. Names that several have in common get the folders in front that tell them apart,
        those named after a half left out, and a number where folders do not. Told apart again, they stay.
    """
    known = list(zip(names, files, strict=True))
    bare = [name if file is None else _without_folders(name, file) for name, file in known]
    longer = [name if bare.count(own) == 1 else own for name, own in zip(names, bare, strict=True)]
    for name in {name for name, times in Counter(longer).items() if times > 1}:
        places = [place for place, other in enumerate(longer) if other == name]
        folders = [_own_folders(files[place]) for place in places]
        for place, words in zip(places, _shortest(folders), strict=True):
            longer[place] = "_".join((*words, name))
    return _numbered(longer)


def _without_folders(name: str, file: Path) -> str:
    """Return a name as it was before folders were put in front."""
    own, folders = tomogram_name(file), _own_folders(file)
    longer = {"_".join((*folders[-count:], own)) for count in range(1, len(folders) + 1)}
    return own if name in longer else name


def _own_folders(path: Path | None) -> tuple[str, ...]:
    """Return the folders above a file that are not named after a half, the nearest last."""
    if path is None:
        return ()
    above = Path(os.path.abspath(path.expanduser())).parent.parts[1:]
    return tuple(folder for folder in above if half_of(folder) is None)


def _shortest(folders: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return as many of the nearest folders as tell apart what folders can tell apart."""
    if len(set(folders)) == 1:
        return [()] * len(folders)
    count = 1
    while len({item[-count:] for item in folders}) < len(set(folders)):
        count += 1
    return [item[-count:] for item in folders]


def _numbered(names: list[str]) -> list[str]:
    """Put a number behind every name that was there before."""
    unlike: list[str] = []
    for first in names:
        name, number = first, 1
        while name in unlike or (number > 1 and name in names):
            number += 1
            name = f"{first}_{number}"
        unlike.append(name)
    return unlike


__all__ = ["DEPTH", "distinct_names", "find_pairs"]
