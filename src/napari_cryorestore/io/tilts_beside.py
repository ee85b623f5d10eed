"""Which tilt range belongs to a tomogram, after the files that lie beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.findings import Finding
from napari_cryorestore.io.pairing import half_of, tomogram_name
from napari_cryorestore.io.tilt_files import range_of, read_tilt_angles, read_tilt_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    Range = tuple[float, float]

# Angles after alignment come first, the microscope's last. IMOD's .tlt holds aligned ones.
_ENDINGS = (".aln", ".mrc.aln", ".st.aln", ".tlt", ".rawtlt", "_tlt.txt")
_RECONSTRUCTION_WORD = re.compile(
    r"(?:^rec[_-])|(?:[_-](?:full|rec|vol|ali|bin\d+|\d+(?:\.\d+)?a?px))+$", re.IGNORECASE
)
_FOLDERS_UP = 3  # from a tomogram to the folder of a job of Warp or RELION


@dataclass(frozen=True)
class TiltsBeside:
    """What files beside a tomogram say about how it was tilted.

    Attributes
    ----------
    range : tuple of float or None
        Smallest and largest angle in degrees; None if no file says.
    file : Path or None
        Where that is from.
    findings : tuple of Finding
        What was assumed, and files that are of no use.
    others : tuple of (str, tuple of float)
        What the range may be instead, each after the file that says so.
    """

    range: Range | None = None
    file: Path | None = None
    findings: tuple[Finding, ...] = ()
    others: tuple[tuple[str, Range], ...] = ()


def tilts_beside(path: Path | str) -> TiltsBeside:
    """Look for the tilt range that belongs to a tomogram.

    Parameters
    ----------
    path : Path or str
        A tomogram or one of its halves, or a link to one.

    Returns
    -------
    TiltsBeside
        From the first file of use among those of the same name, also without the words for the half and the
        reconstruction ("_rec", "_bin4", …), beside the tomogram or what it links to, if the folder is named
        after a half one folder up, and where Warp and RELION put them.
    """
    useless: list[str] = []
    findings: list[Finding] = []
    ranges: list[tuple[Path, Range]] = []
    for file in dict.fromkeys(_files(Path(path))):
        try:
            found = read_tilt_file(file)
            ranges.append((file, range_of(found.angles, name=file.name)))
        except ValueError as error:
            useless.append(str(error))
            continue
        except OSError as error:
            useless.append(f"{file.name} cannot be read ({error.strerror}).")
            continue
        ranges += [(file, other) for other in found.others]
        findings += [Finding("note", "tilt file", found.assumed)] if found.assumed else []
    if not ranges:
        remedy = "Give the range (--tilt-range LOW HIGH, or in the panel)."
        return TiltsBeside(findings=tuple(Finding("warning", "tilt file", text, remedy) for text in useless))
    first, taken = ranges[0]
    findings += [Finding("note", "tilt file", text, f"{first.name} is taken instead.") for text in useless]
    return TiltsBeside(taken, first, tuple(findings), tuple((file.name, item) for file, item in ranges[1:]))


def find_tilt_file(path: Path | str) -> Path | None:
    """Return the file that `tilts_beside` takes the range from, if there is any."""
    return tilts_beside(path).file


def _files(path: Path) -> Iterator[Path]:
    """Yield the files that may hold the tilts of a tomogram, the likeliest first."""
    for place in (path, path.resolve()) if path.is_symlink() else (path,):
        stems = _stems(place)
        folders = [place.parent]
        if half_of(place) is not None and half_of(place.name) is None:
            folders.append(place.parent.parent)
        for folder in folders:
            yield from _named(folder, [stem + ending for stem in stems for ending in _ENDINGS])
        for job in place.parents[:_FOLDERS_UP]:
            for stem in stems:
                stack = job / "tiltstack" / stem
                warp = [job / f"{stem}.xml", *(stack / (stem + ending) for ending in _ENDINGS)]
                yield from filter(_is_file, [*warp, job / "tilt_series" / f"{stem}.star"])


def _named(folder: Path, names: list[str]) -> Iterator[Path]:
    """Yield the regular files of a folder that have one of these names, whatever the case of letters."""
    try:
        entries = {entry.name.casefold(): entry for entry in sorted(folder.iterdir())}
    except OSError:
        return
    found = (entries.get(name.casefold()) for name in names)
    yield from (entry for entry in found if entry is not None and _is_file(entry))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that must not be looked into
        return False


def _stems(path: Path) -> list[str]:
    whole = tomogram_name(path)
    stems = [path.stem, whole]
    shorter = _RECONSTRUCTION_WORD.sub("", whole)
    while shorter and shorter != stems[-1]:
        stems.append(shorter)
        shorter = _RECONSTRUCTION_WORD.sub("", shorter)
    return list(dict.fromkeys(stems))


__all__ = ["TiltsBeside", "find_tilt_file", "range_of", "read_tilt_angles", "tilts_beside"]
