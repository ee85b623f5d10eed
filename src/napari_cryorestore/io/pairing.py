"""Which two files are the halves of one tomogram, told from their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_cryorestore.io.header import COMPRESSED_SUFFIXES
from napari_cryorestore.io.mrc import is_volume_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# IMOD, AreTomo, MotionCor, Warp, RELION and cryoCARE habits: (even side, odd side). The first match decides.
TOKENS = (
    ("even", "odd"),
    ("evn", "odd"),
    ("half1", "half2"),
    ("half_1", "half_2"),
    ("half-1", "half-2"),
    ("halfmap1", "halfmap2"),
    ("halfmap_1", "halfmap_2"),
    ("half_map_1", "half_map_2"),
    ("h1", "h2"),
)
_FOLDERS_SEARCHED = 3
_TOKEN = re.compile(
    r"(?<![a-z0-9])(?:"
    + "|".join(sorted({token for pair in TOKENS for token in pair}, key=len, reverse=True))
    + r")(?![a-z0-9])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Pair:
    """The two halves of one tomogram.

    Attributes
    ----------
    even, odd : Path
        The files; "half 1" counts as even.
    name : str
        What the two names have in common.
    """

    even: Path
    odd: Path
    name: str


class _Guess(NamedTuple):
    path: Path
    is_odd: bool


def pair_halves(paths: Iterable[Path | str]) -> list[Pair]:
    """Pair half tomograms by their names.

    Parameters
    ----------
    paths : iterable of Path or str
        Files in any order; those without a partner among them are left out.

    Returns
    -------
    list of Pair
        In the order in which the first half of each was given; every file is in one pair at most.
    """
    by_name = {str(path).casefold(): Path(path) for path in paths}
    pairs: list[Pair] = []
    used: set[Path] = set()
    for path in by_name.values():
        if path in used:
            continue
        for guess in _guesses(path):
            partner = by_name.get(str(guess.path).casefold())
            if partner is not None and partner not in used:
                pairs.append(_pair(path, partner, is_odd=guess.is_odd))
                used.update((path, partner))
                break
    return pairs


def find_other_half(path: Path | str) -> Path | None:
    """Look for the other half of a tomogram beside it and in sibling folders.

    Parameters
    ----------
    path : Path or str
        One half.

    Returns
    -------
    Path or None
        The other half, if a file with the matching name exists.
    """
    for guess in _guesses(Path(path)):
        found = _existing(guess.path)
        if found is not None and found.is_file():
            return found
    return None


def half_of(path: Path | str) -> str | None:
    """Tell which half a file is.

    Parameters
    ----------
    path : Path or str
        A file; it need not exist.

    Returns
    -------
    str or None
        "even" or "odd", or None if neither the name nor a folder says.
    """
    for guess in _guesses(Path(path)):
        return "odd" if guess.is_odd else "even"
    return None


def tomogram_name(path: Path | str) -> str:
    """Name a tomogram after one of its halves.

    Parameters
    ----------
    path : Path or str
        One half, or a whole tomogram.

    Returns
    -------
    str
        The file name without suffix and without the word that tells the half.
    """
    path = Path(path)
    stem = _stem(path)
    tokens = list(_TOKEN.finditer(stem))
    if not tokens:
        return stem
    before, after = stem[: tokens[-1].start()], stem[tokens[-1].end() :]
    if not after.strip("_-. "):
        return before.rstrip("_-. ") or path.parent.name or stem
    return before + after.lstrip("_-. ")


def _stem(path: Path) -> str:
    name = path.name
    if Path(name).suffix.lower() in COMPRESSED_SUFFIXES:
        name = Path(name).stem
    return Path(name).stem if is_volume_path(name) else name


def _pair(path: Path, partner: Path, *, is_odd: bool) -> Pair:
    even, odd = (partner, path) if is_odd else (path, partner)
    return Pair(even=even, odd=odd, name=tomogram_name(even))


def _guesses(path: Path) -> Iterator[_Guess]:
    """Where the other half could be, the likeliest first: beside it, then in sibling folders."""
    names = list(_swapped(path.name))
    for name, is_odd in names:
        yield _Guess(path.with_name(name), is_odd)
    folders = list(_swapped_folders(path.parent))
    for (name, is_odd), (folder, folder_is_odd) in product(names, folders):
        if is_odd == folder_is_odd:
            yield _Guess(folder / name, is_odd)
    if not names:
        for folder, is_odd in folders:
            yield _Guess(folder / path.name, is_odd)


def _swapped_folders(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Swap one folder name at a time, the innermost first."""
    below = Path()
    for _ in range(_FOLDERS_SEARCHED):
        for name, is_odd in _swapped(folder.name):
            yield folder.with_name(name) / below, is_odd
        below = folder.name / below
        if folder.parent == folder:
            return
        folder = folder.parent


def _swapped(name: str) -> Iterator[tuple[str, bool]]:
    """Replace one token by its opposite, the last token first."""
    for match in reversed(list(_TOKEN.finditer(name))):
        token = match.group()
        for even, odd in TOKENS:
            if token.casefold() in (even, odd):
                is_odd = token.casefold() == odd
                opposite = even if is_odd else odd
                shown = opposite.upper() if token.isupper() else opposite
                yield name[: match.start()] + shown + name[match.end() :], is_odd


def _existing(path: Path) -> Path | None:
    """Find a path on disk whatever the case of its letters."""
    if path.exists():
        return path
    folder = _existing(path.parent)
    if folder is None or not folder.is_dir():
        return None
    wanted = path.name.casefold()
    return next((entry for entry in sorted(folder.iterdir()) if entry.name.casefold() == wanted), None)
