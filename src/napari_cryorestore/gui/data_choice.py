"""The data that the user has chosen, as typed, and what shows to be wrong without reading voxels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.named_volume import pair_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.run_config import TomogramConfig

VOXEL_TOLERANCE = 0.01


@dataclass(frozen=True)
class DataChoice:
    """What is chosen and typed in the Data section; numbers are text, because they are being typed.

    Attributes
    ----------
    even, odd, mask : NamedVolume or None
        Half 1, half 2 and where to train.
    voxel_size : str
        Å; empty takes that of half 1.
    tilt_min, tilt_max : str
        Degrees; empty takes what files beside half 1 say, or else its spectrum.
    tilt_axis : "auto", "y" or "x"
        "auto" takes what the spectrum shows.
    single : bool
        Whether the user took half 2 away, though there may be one: half 1 is the only map.
    """

    even: NamedVolume | None = None
    odd: NamedVolume | None = None
    mask: NamedVolume | None = None
    voxel_size: str = ""
    tilt_min: str = ""
    tilt_max: str = ""
    tilt_axis: str = "auto"
    single: bool = False

    @property
    def volumes(self) -> tuple[NamedVolume, ...]:
        """The volumes chosen."""
        return tuple(volume for volume in (self.even, self.odd, self.mask) if volume is not None)

    @property
    def known_voxel_size(self) -> float | None:
        """The voxel size in Å, typed or of half 1; ``None`` where unknown or no number."""
        if not self.voxel_size.strip():
            return self.even.voxel_size if self.even is not None else None
        try:
            return float(self.voxel_size)
        except ValueError:
            return None

    def is_of_same_volumes(self, other: DataChoice) -> bool:
        """Tell whether another choice is of the same volumes, perhaps renamed."""
        ours, theirs = ((choice.even, choice.odd, choice.mask) for choice in (self, other))
        return all(
            one is two or (one is not None and two is not None and one.data is two.data)
            for one, two in zip(ours, theirs, strict=True)
        )

    def recorded_as(self, tomogram: TomogramConfig) -> DataChoice:
        """Return a choice with the voxel size, tilt range and axis of a tomogram's configuration."""
        known = tomogram.recording
        numbers = (known.voxel_size, *(known.tilt_range or (None, None)))
        size, low, high = ("" if value is None else to_plain_number(value) for value in numbers)
        return replace(self, voxel_size=size, tilt_min=low, tilt_max=high, tilt_axis=known.tilt_axis)

    def problem(self) -> str:
        """Return what shows to be wrong without reading voxels, in one sentence; empty if nothing does."""
        if self.even is None:
            return "Choose half 1: drop the two half tomograms on the window first."
        return self.misfit() or self._unscaled(self.even)

    def misfit(self) -> str:
        """Return why the volumes cannot belong together, in one sentence; empty if they can."""
        if self.even is None:
            return ""
        return self._twice(self.even) or self._misshapen(self.even) or self._differently_scaled(self.even)

    def to_plain(self, path_of: dict[NamedVolume, Path], *, name: str) -> dict[str, Any]:
        """Return the values of a `TomogramConfig`, not validated yet.

        Parameters
        ----------
        path_of
            The file of every volume chosen.
        name
            What the tomogram is called.
        """
        return {
            "maps": [path_of[half] for half in (self.even, self.odd) if half is not None],
            "mask": path_of[self.mask] if self.mask is not None else None,
            "name": name,
            "recording": {
                "voxel_size": self.voxel_size.strip() or self.known_voxel_size,
                "tilt_min": self.tilt_min.strip() or None,
                "tilt_max": self.tilt_max.strip() or None,
                "tilt_axis": self.tilt_axis,
            },
        }

    def _twice(self, even: NamedVolume) -> str:
        odd = self.odd
        if odd is None:
            return ""
        same_file = even.path is not None and even.path == odd.path
        if even.data is odd.data or same_file:
            return f"Half 1 and half 2 are the same volume, “{even.name}”: choose the other half."
        return ""

    def _misshapen(self, even: NamedVolume) -> str:
        for what, other in (("Half 2", self.odd), ("The mask", self.mask)):
            if other is not None and other.shape != even.shape:
                return (
                    f"{what} has {_size(other)} voxels, but half 1 has {_size(even)}: "
                    "choose volumes of the same tomogram."
                )
        return ""

    def _differently_scaled(self, even: NamedVolume) -> str:
        one, other = even.voxel_size, self.odd.voxel_size if self.odd is not None else None
        if one and other and abs(one - other) > VOXEL_TOLERANCE * one:
            return (
                f"The halves differ in voxel size, {one:.4g} Å and {other:.4g} Å: "
                "choose two halves of the same tomogram, or repair the header."
            )
        return ""

    def _unscaled(self, even: NamedVolume) -> str:
        if not self.voxel_size.strip() and not even.voxel_size:
            return f"The voxel size of “{even.name}” is unknown: type it in Å."
        return ""


def to_plain_number(value: float) -> str:
    """Write a number as it is typed."""
    return f"{value:.10g}"


def completed(choice: DataChoice, halves: Sequence[NamedVolume], masks: Sequence[NamedVolume]) -> DataChoice:
    """Return a choice among the volumes that are open, completed where something is missing.

    Volumes that are gone are dropped; where nothing is chosen, the pair opened last is, or the only volume;
    half 2 follows half 1, unless the user took it away.

    Parameters
    ----------
    choice
        Made among other volumes, perhaps.
    halves, masks
        What is there.
    """
    even, odd = _still_there(choice.even, halves), _still_there(choice.odd, halves)
    choice = replace(choice, even=even, odd=odd, mask=_still_there(choice.mask, masks))
    if even is None and odd is None:
        pair = pair_of(halves)
        if pair is not None:
            return with_even(choice, pair[0], halves)
        return with_even(choice, halves[0], halves) if len(halves) == 1 else choice
    if even is not None and odd is None and not choice.single:
        return with_even(choice, even, halves)
    return choice


def with_even(choice: DataChoice, even: NamedVolume | None, halves: Sequence[NamedVolume]) -> DataChoice:
    """Return a choice with another half 1, and as half 2 its partner, or none if it has none.

    What was typed, and the mask, stay with the tomogram that they were chosen for; only the voxel size is
    taken along, where half 1 does not know its own.
    """
    pair = pair_of(halves, even) if even is not None else None
    odd = None if pair is None else pair[1] if pair[0] is even else pair[0]
    known = {id(half.data) for half in (choice.even, choice.odd) if half is not None}
    if even is None or id(even.data) in known:
        return replace(choice, even=even, odd=odd, single=False)
    return DataChoice(even, odd, voxel_size="" if even.voxel_size else choice.voxel_size)


def _still_there(volume: NamedVolume | None, volumes: Sequence[NamedVolume]) -> NamedVolume | None:
    """Find a volume again, which may have been renamed."""
    if volume is None:
        return None
    return next((one for one in volumes if one is volume or one.data is volume.data), None)


def _size(volume: NamedVolume) -> str:
    return "×".join(str(size) for size in volume.shape)


__all__ = ["VOXEL_TOLERANCE", "DataChoice", "completed", "to_plain_number", "with_even"]
