"""The one examination of a tomogram before work starts: what is in force, and what the user should know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_cryorestore.findings import Finding, gravest_first, problems
from napari_cryorestore.io.halves import HalvesCheck, check_maps
from napari_cryorestore.io.sampling import sample_lines, sample_slabs, wrapped_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.physics.wedge_detection import DetectedWedge
    from napari_cryorestore.runs.trained_on import TrainedOn

    Range = tuple[float, float]

UNUSABLE = ("voxels", "halves", "no data")
"""Topics of problems with the volumes themselves: of several tomograms, the others can go on."""
_SAME = 2.0
"""Degrees by which the angles of two tilt files may differ before the user hears of it."""


@dataclass(frozen=True)
class Examination:
    """What an examination found.

    Attributes
    ----------
    tomogram : Tomogram
        With the tilt range and the tilt axis that are in force.
    tilt_source : str
        Where the range is from: "given", the name of a file, "spectrum", or nothing where it is unknown.
    axis_source : {"given", "spectrum", "assumed"}
        Where the tilt axis is from.
    halves : HalvesCheck or None
        Whether the halves belong together; None if there is only one, or one that cannot be compared.
    detected : DetectedWedge
        What the spectrum says of the missing wedge.
    findings : tuple of Finding
        All that the user should know, the gravest first.
    """

    tomogram: Tomogram
    tilt_source: str
    axis_source: Literal["given", "spectrum", "assumed"]
    halves: HalvesCheck | None
    detected: DetectedWedge
    findings: tuple[Finding, ...]

    @property
    def tilt_range(self) -> Range | None:
        """Smallest and largest tilt in degrees; None where unknown."""
        return self.tomogram.recording.tilt_range

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What prevents going on."""
        return problems(self.findings)

    def require_usable(self) -> None:
        """Raise ``ValueError`` with the first problem, if there is any."""
        for finding in self.problems:
            raise ValueError(finding.text)


@dataclass(frozen=True)
class Look:
    """What the voxels of a tomogram say, whatever else is known of it.

    Attributes
    ----------
    detected : DetectedWedge
        What the spectrum says of the missing wedge.
    halves : HalvesCheck or None
        As in `Examination`.
    findings : tuple of Finding
        What is odd about the voxels.
    """

    detected: DetectedWedge
    halves: HalvesCheck | None
    findings: tuple[Finding, ...]


def look_at(tomogram: Tomogram) -> Look:
    """Look at the voxels of a tomogram; takes about a second, whatever its size."""
    from napari_cryorestore.physics.wedge_detection import detect_wedge

    halves, of_voxels = _halves(tomogram)
    return Look(detect_wedge(tomogram.even), halves, tuple(of_voxels))


def examine(
    tomogram: Tomogram, *, needs_wedge: bool, look: Look | None = None, learned: TrainedOn | None = None
) -> Examination:
    """Look at all that can make a result wrong; takes about a second, whatever the size of the volumes.

    Parameters
    ----------
    tomogram : Tomogram
        As opened; of memory maps, samples are read.
    needs_wedge : bool
        Whether a method is meant that cannot do without the tilt range.
    look : Look, optional
        What `look_at` found before, which makes this instant: for a form in which tilts are being typed.
    learned : TrainedOn, optional
        What the model that is to restore the tomogram learned from: whether tilts and axis are those of its
        run.

    Returns
    -------
    Examination
        A tilt range or axis that was given stays in force. Without one the files beside the tomogram say
        (where they contradict each other, the one that agrees with the spectrum), else the spectrum if it is
        clear.
    """
    look = look or look_at(tomogram)
    tilts, tilt_source, of_tilts = _tilts(tomogram, look.detected, needs_wedge=needs_wedge, learned=learned)
    axis, axis_source, of_axis = _axis(tomogram, look.detected, needs_wedge=needs_wedge, learned=learned)
    unchecked = needs_wedge and tilts is not None and not of_axis and not look.detected.reliable
    findings = [*tomogram.findings, *look.findings, *of_tilts, *of_axis]
    findings += [_unchecked(axis, axis_source)] if unchecked else []
    in_force = {"tilt_range": tilts, "tilt_axis": axis}
    return Examination(
        tomogram=replace(tomogram, recording=tomogram.recording.model_copy(update=in_force)),
        tilt_source=tilt_source,
        axis_source=axis_source,
        halves=look.halves,
        detected=look.detected,
        findings=gravest_first(tuple(replace(item, about=item.about or tomogram.name) for item in findings)),
    )


def range_words(tilts: Range) -> str:
    """Return a tilt range as it is written, for example ``−60…60°``."""
    low, high = (f"{angle:.4g}".replace("-", "\N{MINUS SIGN}") for angle in tilts)
    return f"{low}…{high}°"


def detected_range(detected: DetectedWedge) -> Range | None:
    """Return the range that the spectrum shows, to a degree; None where it is not clear."""
    wedge = detected.wedge
    return (float(round(wedge.tilt_min)), float(round(wedge.tilt_max))) if detected.reliable else None


def _halves(tomogram: Tomogram) -> tuple[HalvesCheck | None, list[Finding]]:
    """Look at the voxels of each map, and if they are sound whether the maps belong together."""
    found: list[Finding] = []
    for index, (one, name) in enumerate(zip(tomogram.maps, _names(len(tomogram.maps)), strict=True)):
        file = f" ({tomogram.files[index]})" if index < len(tomogram.files) else ""
        found += _voxels(one, name + file) or wrapped_values(one, name=name + file)
    if problems(tuple(found)):
        return None, found
    checked = check_maps(tomogram.maps, voxel_size=tomogram.voxel_size, mask=tomogram.mask)
    return checked, [*found, *(checked.findings if checked is not None else ())]


def _names(maps: int) -> Sequence[str]:
    if maps == 1:
        return ("The tomogram",)
    return (
        ("The even half", "The odd half") if maps == 2 else [f"Map {place}" for place in range(1, maps + 1)]
    )


def _voxels(half: NDArray[Any], name: str) -> list[Finding]:
    low, high, finite = np.inf, -np.inf, True
    for part in chain(sample_slabs(half), sample_lines(half)):
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        finite = finite and bool(np.isfinite(part).all())
    if not finite:
        sentence = f"{name} contains NaN or infinite voxels."
        remedy = "Reconstruct it again, or put the mean in their place."
        return [Finding("problem", "voxels", sentence, remedy)]
    if low == high:
        sentence = f"{name} is constant (every voxel looked at is {low:g})."
        return [Finding("problem", "voxels", sentence, "Choose another file.")]
    return []


def _tilts(
    tomogram: Tomogram, detected: DetectedWedge, *, needs_wedge: bool, learned: TrainedOn | None
) -> tuple[Range | None, str, list[Finding]]:
    """Return the tilt range in force, where it is from, and what is to be said of it."""
    seen, beside = detected_range(detected), tomogram.tilts
    if (given := tomogram.given.tilt_range) is not None:
        of_run = learned is not None and given == learned.recording.tilt_range
        origin = "is from the run" if of_run else "was given"
        return given, "given", _disagreement(given, origin, seen, learned=of_run and needs_wedge)
    if beside is not None and beside.range is not None and beside.file is not None:
        claims = [(beside.file.name, beside.range), *beside.others]
        return _judged(claims, seen)
    if seen is not None:
        sentence = f"The tilt range {range_words(seen)} was read off the spectrum, as no tilt file says it."
        return seen, "spectrum", [Finding("note", "tilt range", sentence)]
    if not needs_wedge:
        return None, "", []
    sentence = (
        "The method needs the tilt range, but no tilt file beside the tomogram says it, and the spectrum "
        "does not show it clearly."
    )
    remedy = (
        "Give the lowest and highest tilt angle (--tilt-range LOW HIGH, or in the panel), or put a file of "
        "tilt angles (.aln, .tlt, .rawtlt or _TLT.txt) beside it."
    )
    return None, "", [Finding("problem", "tilt range", sentence, remedy)]


def _judged(claims: list[tuple[str, Range]], seen: Range | None) -> tuple[Range, str, list[Finding]]:
    """Return the claim of a tilt file that the spectrum agrees with, as it is or mirrored; else the first."""
    first, said = claims[0]
    others = [(file, tilts) for file, tilts in claims[1:] if _apart(tilts, said) > _SAME]
    told = [f"{first} ({range_words(said)})", *(f"{file} ({range_words(tilts)})" for file, tilts in others)]
    contradiction = f"The tilt files disagree: {', '.join(told)}."
    if seen is None:
        doubt = f"{first} is taken; the spectrum does not show which is right."
        return said, first, [Finding("warning", "tilt range", contradiction, doubt)] if others else []
    for file, tilts in [(first, said), *others]:
        if _agree(tilts, seen):
            verdict = f"The spectrum agrees with {file}, which is taken."
            return tilts, file, [Finding("note", "tilt range", contradiction, verdict)] if others else []
    for file, (low, high) in [(first, said), *others]:
        if _agree((-high, -low), seen):
            sentence = (
                f"{file} says {range_words((low, high))}, but the spectrum shows {range_words(seen)}: "
                f"the signs are the other way round, and {range_words((-high, -low))} is taken."
            )
            return (-high, -low), file, [Finding("note", "tilt range", sentence)]
    return said, first, _disagreement(said, f"is from {first}", seen)


def _disagreement(tilts: Range, origin: str, seen: Range | None, *, learned: bool = False) -> list[Finding]:
    """Warn of a range that the spectrum contradicts; one with which a model learned cannot be put right."""
    if seen is None or _agree(tilts, seen):
        return []
    sentence = f"The tilt range {range_words(tilts)} {origin}, but the spectrum shows {range_words(seen)}."
    low, high = (f"{angle:g}".replace("-", "\N{MINUS SIGN}") for angle in seen)
    option = f"--tilt-range {low} {high}, or in the panel"
    check = "Check the final, aligned tilt angles, or take those of the spectrum"
    remedy = f"{check}: {range_words(seen)} ({option})."
    if learned:
        remedy = f"Train again with the right range ({option})."
    elif _agree((-tilts[1], -tilts[0]), seen):
        mirrored = range_words((-tilts[1], -tilts[0]))
        remedy = f"Check the sign: the range may have to be {mirrored}."
    return [Finding("warning", "tilt range", sentence, remedy)]


def _apart(first: Range, second: Range) -> float:
    return max(abs(first[0] - second[0]), abs(first[1] - second[1]))


def _agree(tilts: Range, seen: Range) -> bool:
    from napari_cryorestore.physics.wedge_detection import TOLERANCE

    return _apart(tilts, seen) <= TOLERANCE


def _axis(
    tomogram: Tomogram, detected: DetectedWedge, *, needs_wedge: bool, learned: TrainedOn | None
) -> tuple[Literal["y", "x"], Literal["given", "spectrum", "assumed"], list[Finding]]:
    """Return the tilt axis in force, where it is from, and what is to be said of the axes."""
    axis, seen = tomogram.recording.axis, detected.wedge.tilt_axis
    is_given = tomogram.given.tilt_axis != "auto"
    if detected.beam != "z":
        return axis, "given" if is_given else "assumed", [_exchanged(tomogram, detected.beam)]
    if not detected.reliable:
        return axis, "given" if is_given else "assumed", []
    if not is_given:
        sentence = "The tilt axis is x, as the spectrum shows."
        return seen, "spectrum", [Finding("note", "tilt axis", sentence)] if seen == "x" else []
    if axis == seen:
        return axis, "given", []
    theirs = None if learned is None else learned.recording
    of_run = theirs is not None and theirs.tilt_range is not None and axis == theirs.axis
    origin, option = "is from the run" if of_run else "was given", f"(--tilt-axis {seen}, or in the panel)"
    sentence = f"The tilt axis {axis} {origin}, but the spectrum shows the tilt axis {seen}."
    again = of_run and needs_wedge
    remedy = f"Train again with the tilt axis {seen} {option}." if again else f"Set it to {seen} {option}."
    return axis, "given", [Finding("warning", "tilt axis", sentence, remedy)]


def _exchanged(tomogram: Tomogram, beam: str) -> Finding:
    sentence = f"{beam} and z look exchanged: the missing wedge lies about {beam} instead of z."
    volumes = ("the volume", "both halves", "all maps")[min(len(tomogram.maps), 3) - 1]
    turn = f"Turn {volumes} first, so that the beam is along z"
    how = ", in IMOD with 'trimvol -rx IN OUT' or 'clip rotx IN OUT'." if beam == "y" else "."
    return Finding("warning", "axes", sentence, turn + how)


def _unchecked(axis: str, source: str) -> Finding:
    assumed = f"; the tilt axis {axis} is assumed" if source == "assumed" else ""
    return Finding(
        "note",
        "tilt range",
        f"The spectrum does not show the missing wedge clearly, so the tilts could not be checked{assumed}.",
    )


__all__ = ["UNUSABLE", "Examination", "Look", "detected_range", "examine", "look_at", "range_words"]
