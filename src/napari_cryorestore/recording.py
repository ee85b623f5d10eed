"""How a tomogram was recorded: voxel size and tilts, each given, else read beside it, else seen."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from napari_cryorestore.config import Config, setting

Range = tuple[float, float]
Axis = Literal["y", "x"]


class Recording(Config):
    """Voxel size and tilts of a tomogram; what is ``None`` or "auto" is open.

    One rule says what is in force: what was given, else what the files of the tomogram and those beside it
    say, else what its spectrum shows. It is written ``given.over(beside).over(seen)``.
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
        """The tilt axis to reckon with: y where it is open."""
        return "x" if self.tilt_axis == "x" else "y"

    def over(self, other: Recording) -> Recording:
        """Lay it over another one: what is open here is taken from there."""
        return Recording(
            voxel_size=other.voxel_size if self.voxel_size is None else self.voxel_size,
            tilt_range=self.tilt_range or other.tilt_range,
            tilt_axis=other.tilt_axis if self.tilt_axis == "auto" else self.tilt_axis,
        )


__all__ = ["Axis", "Range", "Recording"]
