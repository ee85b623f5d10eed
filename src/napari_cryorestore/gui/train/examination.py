"""What a look at the voxels tells about chosen data; slow enough for a thread, free of Qt and PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.physics.wedge_detection import DetectedWedge

_UNCLEAR = "The spectrum shows no clear missing wedge: type the tilt range, or put a .tlt file beside half 1."


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes
    ----------
    line : str
        Size, voxel size, agreement and emptiness.
    warning : str
        What looks wrong but does not forbid training.
    problem : str
        What forbids training.
    tilt_range : tuple of float or None
        Smallest and largest tilt in degrees, from a file beside half 1.
    tilt_file : str
        The name of that file.
    other_half : Path or None
        The file of the other half, where half 2 is not chosen.
    """

    line: str = ""
    warning: str = ""
    problem: str = ""
    tilt_range: tuple[float, float] | None = None
    tilt_file: str = ""
    other_half: Path | None = None


@dataclass(frozen=True)
class Detection:
    """What the spectrum says about the tilt range.

    Attributes
    ----------
    tilt_min, tilt_max : float
        Degrees, whole.
    tilt_axis : str
    reliable : bool
        Whether the empty sector is clear enough.
    sentence : str
        For the user: how it compares with what was typed.
    agrees : bool
        Whether what was typed, if anything, agrees.
    """

    tilt_min: float
    tilt_max: float
    tilt_axis: str
    reliable: bool
    sentence: str
    agrees: bool = True


def examine(choice: DataChoice) -> Examination:
    """Look at the halves, and for tilt angles and the other half beside them; takes about a second."""
    from napari_cryorestore.findings import problems
    from napari_cryorestore.io.halves import check_halves

    if choice.even is None:
        return Examination()
    tilts, tilt_file, tilt_warning = _tilts_beside(choice)
    if choice.odd is None:
        line, warning, problem = _look_at_one(choice)
    else:
        checked = check_halves(
            choice.even.data,
            choice.odd.data,
            voxel_size=choice.known_voxel_size or 0.0,
            masked=choice.mask is not None,
        )
        line, warning = checked.message, checked.warning or ""
        problem = " ".join(finding.text for finding in problems(checked.findings))
        if problem:
            line, warning = "", ""
    return Examination(
        line=line,
        warning=" ".join(words for words in (warning, tilt_warning) if words),
        problem=problem,
        tilt_range=tilts,
        tilt_file=tilt_file,
        other_half=choice.even.other_half if choice.odd is None else None,
    )


def detect_tilt_range(choice: DataChoice) -> Detection:
    """Read the tilt range off the spectrum of half 1, and hold it against what was typed.

    Raises
    ------
    ValueError
        If there is no half 1.
    """
    from napari_cryorestore.physics.wedge_detection import detect_wedge

    if choice.even is None:
        raise ValueError("Choose half 1 first: the tilt range is read off its spectrum.")
    found = detect_wedge(choice.even.data)
    low, high = round(found.wedge.tilt_min), round(found.wedge.tilt_max)
    if not found.reliable:
        return Detection(low, high, found.wedge.tilt_axis, reliable=False, sentence=_UNCLEAR)
    contradiction = _contradiction(choice, found)
    seen = f"{low}…{high}°, tilt axis {found.wedge.tilt_axis}".replace("-", "−")
    sentence = contradiction or (
        f"The spectrum agrees ({seen})." if choice.tilt_range_given else f"Read off the spectrum: {seen}."
    )
    return Detection(
        low, high, found.wedge.tilt_axis, reliable=True, sentence=sentence, agrees=not contradiction
    )


def _contradiction(choice: DataChoice, found: DetectedWedge) -> str:
    from napari_cryorestore.examination import contradictions
    from napari_cryorestore.physics.wedge import Wedge

    if not choice.tilt_range_given:
        return ""
    try:
        given = Wedge(float(choice.tilt_min), float(choice.tilt_max), "x" if choice.tilt_axis == "x" else "y")
    except ValueError as error:
        return str(error)
    return " ".join(finding.text for finding in contradictions(given, found))


def _look_at_one(choice: DataChoice) -> tuple[str, str, str]:
    from napari_cryorestore.io.halves import describe_size
    from napari_cryorestore.io.sampling import require_finite, sample_slabs

    assert choice.even is not None
    line = describe_size(choice.even.shape, choice.known_voxel_size or 0.0)
    try:
        for slab in sample_slabs(choice.even.data):
            require_finite(slab, name=f"“{choice.even.name}”")
    except ValueError as error:
        return line, "", str(error)
    return line, "", ""


def _tilts_beside(choice: DataChoice) -> tuple[tuple[float, float] | None, str, str]:
    """Return range, file name and a warning where the file is no good."""
    from napari_cryorestore.io.tilts import tilts_beside

    assert choice.even is not None
    if choice.even.path is None:
        return None, "", ""
    found = tilts_beside(choice.even.path)
    words = " ".join(finding.text for finding in found.findings if finding.severity != "note")
    return found.range, "" if found.file is None else found.file.name, words


__all__ = ["Detection", "Examination", "detect_tilt_range", "examine"]
