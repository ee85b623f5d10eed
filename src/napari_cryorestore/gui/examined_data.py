"""What is known of chosen volumes: voxels are read once, typed values judged at once; free of Qt."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.findings import Finding, gravest_first, problems
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.examination import Examination, Look
    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.runs.trained_on import TrainedOn

    Range = tuple[float, float]


@dataclass(frozen=True)
class DataLook:
    """What was seen in the volumes chosen, and found beside their files.

    Attributes
    ----------
    tomogram : Tomogram or None
        With the tilt range that files beside it say; None where nothing could be read.
    look : Look or None
        What its voxels say.
    trouble : str
        Why nothing could be read, in one sentence.
    """

    tomogram: Tomogram | None = None
    look: Look | None = None
    trouble: str = ""


@dataclass(frozen=True)
class ExaminedData:
    """What is known of chosen data, with what is typed for them.

    Attributes
    ----------
    line : str
        Size, voxel size, agreement and emptiness; empty where the voxels are of no use.
    findings : tuple of Finding
        What the user should know, the gravest first.
    tilt_range : tuple of float or None
        Smallest and largest tilt in force, in degrees; None where unknown.
    tilt_words : str
        That range and the axis, and where they are from.
    detected : tuple of float or None
        The range that the spectrum shows, if it is clear.
    detected_axis : str
        The axis that it shows.
    """

    line: str = ""
    findings: tuple[Finding, ...] = ()
    tilt_range: Range | None = None
    tilt_words: str = ""
    detected: Range | None = None
    detected_axis: str = "y"

    @property
    def problem(self) -> str:
        """The first finding that forbids going on; empty if none does."""
        return next((finding.text for finding in problems(self.findings)), "")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may make the result wrong."""
        return self._of("warning")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        return self._of("note")

    @property
    def contradicts(self) -> bool:
        """Whether the spectrum shows another tilt range or axis than the one in force."""
        topics = {finding.topic for finding in self.findings if finding.severity == "warning"}
        return self.detected is not None and bool(topics & {"tilt range", "tilt axis"})

    @property
    def tilt_hints(self) -> tuple[str, str]:
        """The range in force as a form shows it where nothing is typed."""
        if self.tilt_range is None:
            return "min", "max"
        low, high = (f"{angle:.4g}".replace("-", "\N{MINUS SIGN}") for angle in self.tilt_range)
        return low, high

    def _of(self, severity: Literal["warning", "note"]) -> tuple[str, ...]:
        return tuple(finding.text for finding in self.findings if finding.severity == severity)


def look_at_data(choice: DataChoice, *, name: str) -> DataLook:
    """Look at the voxels chosen, and for what lies beside their files; takes about a second.

    Parameters
    ----------
    choice : DataChoice
        With half 1, and of volumes that fit together.
    name : str
        What the tomogram is called.
    """
    from napari_cryorestore.examination import look_at
    from napari_cryorestore.io.tilts_beside import tilts_beside
    from napari_cryorestore.io.tomogram import Tomogram

    if choice.even is None:
        return DataLook()
    halves = [half for half in (choice.even, choice.odd) if half is not None]
    beside = None if choice.even.path is None else tilts_beside(choice.even.path)
    tilts = beside.range if beside is not None else None
    read = [finding for half in halves if half.path is not None for finding in _reading(half.path)]
    tomogram = Tomogram(
        maps=tuple(half.data for half in halves),
        recording=Recording.known({"voxel_size": choice.known_voxel_size, "tilt_range": tilts}),
        mask=None if choice.mask is None else choice.mask.data,
        name=name,
        findings=gravest_first((*read, *(beside.findings if beside is not None else ()))),
        tilts=beside,
        files=tuple(f"“{half.name}”" for half in halves),
    )
    return DataLook(tomogram, look_at(tomogram))


def examined_data(
    choice: DataChoice, look: DataLook, *, needs_wedge: bool, learned: TrainedOn | None = None
) -> ExaminedData:
    """Judge what is typed by what was seen; this takes no time.

    Parameters
    ----------
    choice : DataChoice
        Of the volumes that were looked at.
    look : DataLook
        What was seen.
    needs_wedge : bool
        Whether a method is meant that cannot do without the tilt range.
    learned : TrainedOn, optional
        What the model that is to restore them learned from.
    """
    if look.tomogram is None or look.look is None:
        told = (Finding("problem", "voxels", look.trouble),) if look.trouble else ()
        return ExaminedData(findings=told)
    from napari_cryorestore.examination import UNUSABLE, detected_range, examine
    from napari_cryorestore.io.halves import describe_size
    from napari_cryorestore.io.tomogram import voxel_size_doubts

    tomogram = _with_typed(look.tomogram, choice)
    found = examine(tomogram, needs_wedge=needs_wedge, look=look.look, learned=learned)
    doubts = () if choice.voxel_size.strip() else voxel_size_doubts(choice.known_voxel_size or 0.0)
    own = [replace(item, about="") if item.about == tomogram.name else item for item in found.findings]
    findings = [*own, *doubts]
    if _is_unfinished(choice):
        findings = [item for item in findings if item.topic not in ("tilt range", "tilt axis")]
    size = describe_size(tomogram.shape, choice.known_voxel_size or 0.0)
    line = found.halves.message if found.halves is not None else size
    return ExaminedData(
        line="" if any(item.topic in UNUSABLE for item in found.problems) else line,
        findings=gravest_first(tuple(findings)),
        tilt_range=found.tilt_range,
        tilt_words=_tilt_words(found),
        detected=detected_range(found.detected),
        detected_axis=found.detected.wedge.tilt_axis,
    )


def typed_tilts(choice: DataChoice) -> Range | None:
    """Return the tilt range typed, in degrees; None where there is none that makes sense."""
    try:
        low, high = float(choice.tilt_min), float(choice.tilt_max)
    except ValueError:
        return None
    return (low, high) if -90 <= low < high <= 90 else None


def _with_typed(tomogram: Tomogram, choice: DataChoice) -> Tomogram:
    tilts = typed_tilts(choice)
    given = Recording.known({"tilt_range": tilts, "tilt_axis": choice.tilt_axis})
    return replace(
        tomogram,
        recording=given.over(tomogram.recording),
        given=given,
        tilts=tomogram.tilts if tilts is None else None,
    )


def _is_unfinished(choice: DataChoice) -> bool:
    """Tell whether a tilt range is being typed that makes no sense yet, which the form says itself."""
    return bool(choice.tilt_min.strip() or choice.tilt_max.strip()) and typed_tilts(choice) is None


def _tilt_words(found: Examination) -> str:
    from napari_cryorestore.examination import detected_range, range_words

    tilts, source, axis = found.tilt_range, found.tilt_source, found.tomogram.recording.axis

    if tilts is None:
        return "The tilt range is unknown: no file beside half 1 says it, and the spectrum is not clear."
    as_seen = (tilts, axis) == (detected_range(found.detected), found.detected.wedge.tilt_axis)
    given = "taken from the spectrum" if as_seen else "typed"
    origin = {"given": given, "spectrum": "read off the spectrum"}.get(source, f"from {source}")
    return f"{range_words(tilts)} about {axis}, {origin}"


def _reading(path: Path) -> tuple[Finding, ...]:
    """Return what was noticed as a file was read; packed ones would be unpacked again."""
    from napari_cryorestore.io.volumes import is_volume_path, open_volume, opens_at_once

    with suppress(OSError, ValueError):
        if opens_at_once(path) or not is_volume_path(path):
            return open_volume(path).findings
    return ()


__all__ = ["DataLook", "ExaminedData", "examined_data", "look_at_data", "typed_tilts"]
