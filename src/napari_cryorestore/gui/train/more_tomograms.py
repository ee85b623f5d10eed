"""Tomograms that are trained on besides the one chosen: files or layers, and how each was recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.examined_data import examined_data
from napari_cryorestore.gui.named_volume import paired_volumes, tomogram_name_of, volume_from
from napari_cryorestore.gui.train.recipes import missing, recording_problems, too_thin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_cryorestore.config import Config
    from napari_cryorestore.gui.examined_data import DataLook, ExaminedData
    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.gui.train.recipes import Recipes
    from napari_cryorestore.run_config import TomogramConfig

SIMILAR_VOXELS = 0.05
"""Voxel sizes that differ by a larger share are remarked upon."""


@dataclass(frozen=True)
class AdditionalTomogram:
    """One more tomogram to train on.

    Attributes
    ----------
    name : str
        What it is called.
    choice : DataChoice
        Its halves and mask, and what was typed for it; its tilt range is its own.
    look : DataLook or None
        What its volumes hold; ``None`` while nobody has looked.
    trouble : str
        Why its files cannot be read, in one sentence.
    """

    name: str
    choice: DataChoice
    look: DataLook | None = None
    trouble: str = ""

    def is_same_as(self, other: DataChoice) -> bool:
        """Tell whether another choice is of this very tomogram."""
        one, two = self.choice.even, other.even
        if one is None or two is None:
            return False
        if one.path is not None and two.path is not None:
            return one.path.expanduser().resolve() == two.path.expanduser().resolve()
        return one.data is two.data

    def examination(self, *, needs_wedge: bool) -> ExaminedData | None:
        """Return what is known of it, with what is typed for it; ``None`` while nobody has looked."""
        if self.look is None:
            return None
        return examined_data(self.choice, self.look, needs_wedge=needs_wedge)

    def warnings(self, *, needs_wedge: bool) -> tuple[str, ...]:
        """Return what may make the result wrong, after its name."""
        found = self.examination(needs_wedge=needs_wedge)
        return tuple(f"{self.name}: {words}" for words in found.warnings) if found is not None else ()

    def problem(self, recipes: Recipes, sections: Mapping[str, Config]) -> str:
        """Return what keeps it from being trained on, in one sentence; empty if nothing does."""
        if self.trouble:
            return f"{self.name}: {self.trouble}"
        method = str(getattr(sections["method"], "kind", ""))
        seen = self.examination(needs_wedge=recipes.needs_wedge(method))
        found = [
            self.choice.problem(),
            seen.problem if seen is not None else "",
            *recording_problems(self.choice, recipes, name=self.name),
            too_thin(self.choice, recipes, sections),
            missing(self.choice, recipes, method),
        ]
        return next((f"{self.name}: {words}" for words in found if words), "")

    def words(self) -> str:
        """Return its line in a list, e.g. ``TS02 · 10 Å · −60…60°``; a mark shows that something is odd."""
        choice, seen = self.choice, self.examination(needs_wedge=False)
        size = choice.known_voxel_size
        parts = [self.name, f"{size:.4g} Å" if size else "voxel size?"]
        if seen is not None and seen.tilt_range is not None:
            from napari_cryorestore.examination import range_words

            parts.append(range_words(seen.tilt_range))
        parts += ["mask"] * (choice.mask is not None)
        odd = self.trouble or choice.problem() or (seen is not None and (seen.problem or seen.warnings))
        return ("⚠ " if odd else "") + " · ".join(parts if choice.even is not None else [self.name])

    def remark(self, first: DataChoice) -> str:
        """Return what is known of it, for who selects it: size, agreement, tilts, and what looks odd."""
        seen = self.examination(needs_wedge=False)
        if self.trouble or seen is None:
            return self.trouble
        own, other = self.choice.known_voxel_size, first.known_voxel_size
        differs = own and other and abs(own - other) > SIMILAR_VOXELS * other
        odd = f"Its voxels have {own:.4g} Å, those above {other:.4g} Å: the same things differ in size."
        plain = [words for words in (seen.problem or seen.line, seen.tilt_words) if words]
        return "\n⚠ ".join(["\n".join(plain), *seen.warnings, *([odd] if differs else [])])

    def to_plain(self, paths: dict[NamedVolume, Path]) -> dict[str, Any]:
        """Return the values of a `TomogramConfig`; ``paths`` names the file of every volume."""
        return self.choice.to_plain(paths, name=self.name)


def from_files(paths: Iterable[Path]) -> list[AdditionalTomogram]:
    """Open files, halves paired by their names.

    Raises
    ------
    ValueError, OSError
        If one cannot be read, with one sentence.
    """
    return [from_volumes(even, odd) for even, odd in paired_volumes(paths)]


def from_folder(folder: Path) -> list[AdditionalTomogram]:
    """Open all pairs of halves in a folder, and in those below it.

    Raises
    ------
    ValueError, OSError
        If there is none, or one cannot be read, with one sentence.
    """
    from napari_cryorestore.io.pair_search import find_pairs

    return [
        AdditionalTomogram(pair.name, DataChoice(volume_from(pair.even), volume_from(pair.odd)))
        for pair in find_pairs([folder])
    ]


def from_volumes(even: NamedVolume, odd: NamedVolume | None) -> AdditionalTomogram:
    """Take volumes that are open already."""
    return AdditionalTomogram(tomogram_name_of(even), DataChoice(even, odd))


def from_config(tomogram: TomogramConfig) -> AdditionalTomogram:
    """Open the files that a recipe names; where that fails, the tomogram says why."""
    from napari_cryorestore.io.pairing import tomogram_name

    name = tomogram.name or tomogram_name(tomogram.even)
    files = (tomogram.even, tomogram.odd, tomogram.mask)
    try:
        even, odd, mask = (None if path is None else volume_from(path.expanduser()) for path in files)
    except (ValueError, OSError) as error:
        return AdditionalTomogram(name, DataChoice(), trouble=str(error))
    return AdditionalTomogram(name, DataChoice(even, odd, mask).recorded_as(tomogram))


def joined(
    there: Sequence[AdditionalTomogram], new: Iterable[AdditionalTomogram], *, first: DataChoice, name: str
) -> tuple[AdditionalTomogram, ...]:
    """Return a list with more at its end: none twice, and none of the same name as another.

    Parameters
    ----------
    there, new
        What is in the list, and what comes.
    first, name
        The tomogram that is chosen and previewed, and what it is called.
    """
    items = list(there)
    for item in new:
        if not item.is_same_as(first) and not any(item.is_same_as(known.choice) for known in items):
            items.append(item)
    names = names_in_list([AdditionalTomogram(name, first), *items])[1:]
    return tuple(replace(item, name=own) for item, own in zip(items, names, strict=True))


def first_name(first: DataChoice, others: Sequence[AdditionalTomogram]) -> str:
    """Return what the tomogram that is chosen is called beside others; empty if there is none."""
    return names_in_list([from_volumes(first.even, first.odd), *others])[0] if first.even is not None else ""


def names_in_list(items: Sequence[AdditionalTomogram]) -> list[str]:
    """Return the names of some tomograms; those in common get the folders in front that tell them apart."""
    from napari_cryorestore.io import pair_search

    evens = [item.choice.even for item in items]
    files = [even.path if even is not None else None for even in evens]
    return pair_search.distinct_names([item.name for item in items], files)


__all__ = [
    "AdditionalTomogram",
    "first_name",
    "from_config",
    "from_files",
    "from_folder",
    "from_volumes",
    "joined",
    "names_in_list",
]
