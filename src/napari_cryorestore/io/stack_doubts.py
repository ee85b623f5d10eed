"""What speaks for a file being a tilt series, and not the tomogram that was reconstructed from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.findings import Finding
from napari_cryorestore.io.tilt_files import read_tilt_angles
from napari_cryorestore.io.tilt_series import volume_beside

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.io.volume_format import Volume

TOPIC = "tilt series"


def stack_doubts(volume: Volume, tilt_file: Path | None) -> tuple[Finding, ...]:
    """Doubt that a file is a tomogram, where what lies beside it speaks for a tilt series.

    Parameters
    ----------
    volume : Volume
        What was opened as a tomogram.
    tilt_file : Path or None
        The list of tilts that belongs to it.

    Returns
    -------
    tuple of Finding
        One warning at most: the volume made of it lies beside it, or it has a section for every tilt.
    """
    name = volume.path.name
    made = volume_beside(volume.path)
    if made is not None:
        sentence = f"It looks like a tilt series, as the volume {made.name} lies beside it."
        return (Finding("warning", TOPIC, sentence, f"Choose {made.name}.", about=name),)
    count = _count(tilt_file)
    if tilt_file is None or count != volume.data.shape[0]:
        return ()
    sentence = (
        f"It has {count} sections, as many as {tilt_file.name} has tilts: it looks like a tilt series, which "
        "is no tomogram."
    )
    return (Finding("warning", TOPIC, sentence, "If so, choose the volume made of it.", about=name),)


def _count(tilt_file: Path | None) -> int | None:
    try:
        return None if tilt_file is None else len(read_tilt_angles(tilt_file))
    except (OSError, ValueError):
        return None


__all__ = ["TOPIC", "stack_doubts"]
