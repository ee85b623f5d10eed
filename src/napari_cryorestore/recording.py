"""A tomogram as a recipe names it: its maps, and how it was recorded."""

from __future__ import annotations

from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, field_validator, model_validator

from napari_cryorestore.config import Config, setting

Range = tuple[float, float]
Axis = Literal["y", "x"]

_ENDS = ("tilt_min", "tilt_max")
_IN_FORMAT_1 = ("voxel_size", "tilt_range", *_ENDS, "tilt_axis")


class Recording(Config):
    """Voxel size and tilts of a tomogram; what is ``None`` or "auto" is open.

    One rule says what is in force: what was given, else what the files of the tomogram and those beside it
    say, else what its spectrum shows. It is written ``given.over(beside).over(seen)``. The ends of the tilt
    range may also be given as ``tilt_min`` and ``tilt_max``.
    """

    voxel_size: float | None = setting(None, "Edge of a voxel; from the header if not given.", unit="Å", gt=0)
    tilt_range: Range | None = setting(
        None,
        "Lowest and highest tilt angle; from a tilt file beside it or the spectrum if not given.",
        unit="°",
    )
    tilt_axis: Literal["auto", "y", "x"] = setting(
        "auto", "Axis about which the specimen was tilted; 'auto' takes what the spectrum shows, or else y."
    )

    @model_validator(mode="before")
    @classmethod
    def _ends_are_a_range(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not values.keys() & set(_ENDS):
            return values
        ends = tuple(values.get(end) for end in _ENDS)
        if (ends[0] is None) != (ends[1] is None):
            raise ValueError("give both the lowest and the highest tilt angle, or neither")
        if values.get("tilt_range") is not None:
            raise ValueError("give either the tilt range or its two ends, not both")
        return _with_one_range(values)

    @field_validator("tilt_range")
    @classmethod
    def _rises_within_reach(cls, tilts: Range | None) -> Range | None:
        if tilts is None:
            return None
        low, high = tilts
        said = f"the tilt range {low:g}…{high:g}°"
        if not (-90 <= low <= 90 and -90 <= high <= 90):
            raise ValueError(f"{said} goes beyond ±90°: give the lowest and the highest tilt angle")
        if low >= high:
            raise ValueError(f"{said} is reversed or empty: give the lower angle first, e.g. -60 60")
        return low, high

    @property
    def axis(self) -> Axis:
        """The tilt axis in force: y where it is open."""
        return "x" if self.tilt_axis == "x" else "y"

    def over(self, other: Recording) -> Recording:
        """Lay it over another one: what is open here is taken from there."""
        return Recording(
            voxel_size=other.voxel_size if self.voxel_size is None else self.voxel_size,
            tilt_range=self.tilt_range or other.tilt_range,
            tilt_axis=other.tilt_axis if self.tilt_axis == "auto" else self.tilt_axis,
        )

    @classmethod
    def known(cls, values: Any) -> Recording:
        """Take what makes sense of plain values that may be damaged; the rest stays open."""
        values = values if isinstance(values, dict) else {}
        found = cls()
        for names in (("voxel_size",), ("tilt_range", *_ENDS), ("tilt_axis",)):
            part = {name: values[name] for name in names if name in values}
            with suppress(ValidationError):
                found = found.over(cls.model_validate(part))
        return found


class TomogramConfig(Config):
    """One tomogram: its files and how it was recorded."""

    maps: tuple[Path, ...] = setting(
        help="Files of its maps: two halves (of even and odd frames or tilts), more parts, or one map.",
        min_length=1,
    )
    mask: Path | None = setting(
        None, "Volume that is above 0 where training crops may lie, or where the tomogram is restored."
    )
    name: str | None = setting(None, "Name in layers and file names; from the file name if not given.")
    recording: Recording = Recording()

    @model_validator(mode="before")
    @classmethod
    def _of_format_1(cls, values: Any) -> Any:
        return in_format_2(values)

    @property
    def even(self) -> Path:
        """The first map."""
        return self.maps[0]

    @property
    def odd(self) -> Path | None:
        """The second map, where there is one."""
        return self.maps[1] if len(self.maps) > 1 else None

    @classmethod
    def known(cls, values: dict[str, Any]) -> TomogramConfig | None:
        """Take what makes sense of plain values that may be damaged; nothing if they name no map."""
        values = in_format_2(values)
        maps = values.get("maps")
        maps = list(takewhile(lambda path: isinstance(path, str), maps)) if isinstance(maps, list) else []
        texts = {name: values[name] for name in ("mask", "name") if isinstance(values.get(name), str)}
        recording = Recording.known(values.get("recording"))
        return cls.model_validate({"maps": maps, "recording": recording, **texts}) if maps else None


def in_format_2(values: Any) -> Any:
    """Return the plain values of a tomogram with ``maps`` and ``recording``.

    Configurations of format 1 had ``even``, ``odd``, ``voxel_size``, ``tilt_min``, ``tilt_max`` and
    ``tilt_axis`` in their place. What is neither one nor the other is returned as it is.
    """
    if not isinstance(values, dict):
        return values
    changed = dict(values)
    if "maps" not in changed and changed.get("even") is not None:
        halves = (changed.pop("even"), changed.pop("odd", None))
        changed["maps"] = [half for half in halves if half is not None]
    return with_recording(changed)


def with_recording(values: Any) -> Any:
    """Return plain values in which what says how something was recorded is in a table, ``recording``.

    Earlier versions wrote its fields beside the others.
    """
    if not isinstance(values, dict):
        return values
    if "recording" in values:
        return {**values, "recording": _with_one_range(values["recording"])}
    recorded = {name: values[name] for name in _IN_FORMAT_1 if name in values}
    rest = {name: value for name, value in values.items() if name not in recorded}
    return {**rest, "recording": _with_one_range(recorded)} if recorded else rest


def _with_one_range(recorded: Any) -> Any:
    """Return plain values of a recording in which the two ends of the tilt range are one value.

    So another range can be laid over it. What `Recording` refuses is returned as it is.
    """
    if not isinstance(recorded, dict) or recorded.get("tilt_range") is not None:
        return recorded
    ends = tuple(recorded.get(end) for end in _ENDS)
    if (ends[0] is None) != (ends[1] is None):
        return recorded
    rest = {name: value for name, value in recorded.items() if name not in _ENDS}
    return rest if ends[0] is None else {**rest, "tilt_range": ends}


__all__ = ["Axis", "Range", "Recording", "TomogramConfig", "in_format_2", "with_recording"]
