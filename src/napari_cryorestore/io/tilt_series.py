"""Which files are tilt series rather than tomograms, told from names, volumes beside them and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.findings import Finding
from napari_cryorestore.io.file_contents import COMPRESSED_SUFFIXES
from napari_cryorestore.io.tilt_files import read_tilt_angles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_cryorestore.io.volume_format import Volume

_VOLUME = "_vol"
TOPIC = "tilt series"


def without_tilt_series(paths: Iterable[Path]) -> list[Path]:
    """Leave out tilt series whose reconstructions are there too.

    AreTomo writes the tilt series ``TS_01.mrc``, ``TS_01_EVN.mrc`` and ``TS_01_ODD.mrc`` beside their
    volumes, ``TS_01_Vol.mrc``, ``TS_01_EVN_Vol.mrc`` and ``TS_01_ODD_Vol.mrc``.

    Parameters
    ----------
    paths : iterable of Path
        Files.

    Returns
    -------
    list of Path
        The others, in the order given.
    """
    paths = list(paths)
    volumes = {_key(path) for path in paths}
    return [path for path in paths if _key(path, _VOLUME) not in volumes]


def volume_beside(path: Path) -> Path | None:
    """Return the volume made of a tilt series, if it lies beside it under the name that AreTomo gives it."""
    key = _key(path, _VOLUME)
    try:
        return next((entry for entry in sorted(path.parent.iterdir()) if _key(entry) == key), None)
    except OSError:
        return None


def _key(path: Path, addition: str = "") -> tuple[str, str]:
    """Return a name in lower case and up to its first suffix of a volume, with its folder."""
    stem, dot, suffix = path.name.casefold().rpartition(".")
    if dot + suffix in COMPRESSED_SUFFIXES:
        stem, dot, suffix = stem.rpartition(".")
    return str(path.parent), stem + addition + dot + suffix


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


__all__ = ["TOPIC", "stack_doubts", "volume_beside", "without_tilt_series"]
