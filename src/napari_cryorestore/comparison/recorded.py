"""How the specimen of a volume was tilted, after its file and its run, and whether the volume is raw."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_cryorestore.comparison.programs import program_named
from napari_cryorestore.io.tilts_beside import tilts_beside
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_cryorestore.io.volume_format import Volume

_OURS = "cryorestore:"
_RESTORED = re.compile(
    r"denois|deconv|restored|wiener|filtered|"
    r"noise2|(?<![a-z])n2[nv](?![a-z])|(?<![a-z])corrected(?![a-z])",
    re.IGNORECASE,
)
_TILTS = re.compile(r"tilts: (-?\d+\.?\d*) to (-?\d+\.?\d*) degrees about ([yx])")


def is_raw(volume: Volume) -> bool:
    """Tell whether a volume is as it was reconstructed, so that its spectrum shows the tilts.

    Volumes restored by this program say so in their headers; those of others are known by their names.
    """
    said = (*volume.labels, volume.path.name)
    return not any(text.startswith(_OURS) or _RESTORED.search(text) or program_named(text) for text in said)


def tilts_recorded(volume: Volume) -> Recording:
    """Return how a specimen was tilted, after the header of a volume, its run, or a tilt file beside it."""
    return _from_labels(volume.labels) or _from_run(volume.path) or _from_beside(volume.path)


def _from_beside(path: Path) -> Recording:
    return Recording(tilt_range=tilts_beside(path).range)


def _from_labels(labels: Iterable[str]) -> Recording | None:
    for label in labels:
        found = _TILTS.fullmatch(label)
        if found is not None:
            tilts = {"tilt_range": (float(found[1]), float(found[2])), "tilt_axis": found[3]}
            return Recording.known(tilts)
    return None


def _from_run(path: Path) -> Recording | None:
    """Look for the tomogram in the recipe of the run in whose folder of results a file lies."""
    folder = path.absolute().parent
    run = RunDir(folder.parent)
    if folder != run.restored_dir:
        return None
    known = [item for item in run.recipe().tomograms if item.name and path.name.startswith(item.name)]
    longest = max(known, key=lambda item: len(item.name or ""), default=None)
    if longest is None or longest.recording.tilt_range is None:
        return None
    return longest.recording


__all__ = ["is_raw", "tilts_recorded"]
