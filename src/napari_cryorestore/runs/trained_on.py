"""What a model was trained on, as far as it matters to what it is used for, and what does not fit it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_cryorestore.findings import Finding
from napari_cryorestore.recording import Recording
from napari_cryorestore.safe_reading import plain_json

if TYPE_CHECKING:
    from collections.abc import Iterator

VOXEL_SIZE_SHARE = 0.1
TILTS_APART = 10.0
"""Degrees by which an end of the tilt range may differ before that is said."""
CLEAR_SKEWNESS = 0.3
"""Skewness from which a volume is clearly dark or bright; raw cells of a low dose reach 0.15 either way."""


@dataclass(frozen=True)
class TrainedOn:
    """How a tomogram was recorded and looks, or the first of those that a model learned from.

    Attributes
    ----------
    recording : Recording
        Voxel size and tilts, as far as they are known.
    skewness : float or None
        Of the averaged values: negative where density is dark; see `physics.normalize.skewness`.
    maps : int or None
        How many maps there are.
    binning : int
        How many voxels of its files became one before anything was learned; the recording says how large
        they are then.
    """

    recording: Recording = Recording()
    skewness: float | None = None
    maps: int | None = None
    binning: int = 1

    def binning_of(self, voxel_size: float) -> int:
        """Return by what to bin a tomogram with voxels of a size in Å, so that it is like what was learned.

        That is 1 for what learned from the voxels of files, and for a tomogram with such large voxels.
        """
        theirs = self.recording.voxel_size
        if self.binning == 1 or not theirs or not voxel_size:
            return 1
        return max(1, round(theirs / voxel_size))

    def to_json(self) -> str:
        """Return it as one line."""
        recording = self.recording.model_dump(mode="json")
        known = {"recording": recording, "skewness": self.skewness, "maps": self.maps}
        return json.dumps(known if self.binning == 1 else {**known, "binning": self.binning})

    @classmethod
    def from_json(cls, text: str | None) -> TrainedOn:
        """Read it, also as it was first written; what is missing or damaged is not known: no error."""
        try:
            content = plain_json(text or "{}")
        except ValueError:
            content = {}
        values = content if isinstance(content, dict) else {}
        maps, binning = _number(values.get("maps")), _number(values.get("binning"))
        return cls(
            Recording.known(values.get("recording", values)),
            _number(values.get("skewness")),
            int(maps) if maps and maps >= 1 else None,
            int(binning) if binning and binning >= 1 else 1,
        )


def misfits(model: TrainedOn, tomogram: TrainedOn, *, lacks_half: bool, wedge: bool) -> tuple[Finding, ...]:
    """Return what speaks against restoring a tomogram with a model, as far as both are known.

    Parameters
    ----------
    model, tomogram : TrainedOn
        What the model learned from, and what it is to restore.
    lacks_half : bool
        Whether there is only one map of the tomogram, though the model learned from halves.
    wedge : bool
        Whether the model's method fills the missing wedge.
    """
    found = [*_voxel_size(model, tomogram), *_polarity(model, tomogram)]
    found += _tilts(model, tomogram) if wedge else []
    if lacks_half:
        found.append(
            Finding(
                "warning",
                "halves",
                "One map is given instead of two halves: if it is the whole tomogram, it is less noisy than "
                "the halves that the model learned from, and detail may be smoothed away.",
                "Give both halves, where there are any.",
            )
        )
    elif model.maps and tomogram.maps and model.maps != tomogram.maps and min(model.maps, tomogram.maps) > 1:
        found.append(
            Finding(
                "warning",
                "maps",
                f"There are {tomogram.maps} maps, but the model learned from a tomogram of {model.maps}: "
                "what is restored by itself has another share of the dose, and so is more or less noisy.",
                f"Give {model.maps} maps made alike, where there are any.",
            )
        )
    return tuple(found)


def _voxel_size(model: TrainedOn, tomogram: TrainedOn) -> Iterator[Finding]:
    ours, theirs = tomogram.recording.voxel_size, model.recording.voxel_size
    if ours:
        ours *= model.binning_of(ours)
    if ours and theirs and abs(ours - theirs) > VOXEL_SIZE_SHARE * theirs:
        yield Finding(
            "warning",
            "voxel size",
            f"The voxel size is {ours:.4g} Å, but the model learned from voxels of {theirs:.4g} Å: what it "
            "knows has another size here.",
            "Bin the tomogram to the model's voxel size, or train on voxels of this size.",
        )


def _tilts(model: TrainedOn, tomogram: TrainedOn) -> Iterator[Finding]:
    ours, theirs = tomogram.recording, model.recording
    if ours.tilt_range is None or theirs.tilt_range is None:
        return
    here, there = (
        f"{_degrees(low)}…{_degrees(high)}° about {axis}"
        for (low, high), axis in ((ours.tilt_range, ours.axis), (theirs.tilt_range, theirs.axis))
    )
    apart = max(abs(a - b) for a, b in zip(ours.tilt_range, theirs.tilt_range, strict=True))
    if apart > TILTS_APART or ours.axis != theirs.axis:
        yield Finding(
            "warning",
            "wedge",
            f"The tilts are {here}, but the model learned from {there}: it fills another missing wedge.",
            "Check the tilt range and axis, or train on tomograms tilted like this one.",
        )


def _polarity(model: TrainedOn, tomogram: TrainedOn) -> Iterator[Finding]:
    ours, theirs = tomogram.skewness or 0.0, model.skewness or 0.0
    if ours * theirs < 0 and min(abs(ours), abs(theirs)) > CLEAR_SKEWNESS:
        here, there = ("bright", "dark") if ours > 0 else ("dark", "bright")
        yield Finding(
            "warning",
            "contrast",
            f"Density looks {here} here, but the model learned from a tomogram where it looks {there}.",
            "Multiply both halves by −1 if their contrast is inverted.",
        )


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def _degrees(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


__all__ = ["TrainedOn", "misfits"]
