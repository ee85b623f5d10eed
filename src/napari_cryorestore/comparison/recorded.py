"""How the specimen of a volume was tilted, as its file and its run say, and whether it is as recorded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_cryorestore.io.tilts import tilts_beside
from napari_cryorestore.runs.raw_config import tomograms_of
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_cryorestore.io.volume_format import Volume

_OURS = "cryorestore:"
_RESTORED = re.compile(
    r"denois|isonet|cryo-?care|icecream|dewedg|(?<![a-z])ddw(?![a-z])|topaz|deconv|restored|wiener|filtered|"
    r"noise2|(?<![a-z])n2[nv](?![a-z])|(?<![a-z])corrected(?![a-z])",
    re.IGNORECASE,
)
_TILTS = re.compile(r"tilts: (-?\d+\.?\d*) to (-?\d+\.?\d*) degrees about ([yx])")


class Recorded(NamedTuple):
    """The tilt range in degrees, where it is known, and the tilt axis."""

    tilt_range: tuple[float, float] | None
    tilt_axis: Literal["y", "x"] = "y"


def is_raw(volume: Volume) -> bool:
    """Tell whether a volume is as it was reconstructed, so that its spectrum shows how it was tilted.

    Volumes restored by this program say so in their headers; those of others are known by their names.
    """
    said = (*volume.labels, volume.path.name)
    return not any(text.startswith(_OURS) or _RESTORED.search(text) for text in said)


def tilts_recorded(volume: Volume) -> Recorded:
    """Return how a specimen was tilted, after the header of a volume, its run, or a tilt file beside it."""
    return _from_labels(volume.labels) or _from_run(volume.path) or Recorded(tilts_beside(volume.path).range)


def _from_labels(labels: Iterable[str]) -> Recorded | None:
    for label in labels:
        found = _TILTS.fullmatch(label)
        if found is not None:
            return Recorded((float(found[1]), float(found[2])), "x" if found[3] == "x" else "y")
    return None


def _from_run(path: Path) -> Recorded | None:
    """Look for the tomogram in the recipe of the run in whose folder of results a file lies."""
    folder = path.absolute().parent
    run = RunDir(folder.parent)
    if folder != run.restored_dir:
        return None
    known = [item for item in tomograms_of(run) if item.name and path.name.startswith(item.name)]
    longest = max(known, key=lambda item: len(item.name or ""), default=None)
    if longest is None or longest.recording.tilt_range is None:
        return None
    return Recorded(longest.recording.tilt_range, longest.recording.axis)


__all__ = ["Recorded", "is_raw", "tilts_recorded"]
