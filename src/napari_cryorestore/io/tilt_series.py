"""Which files are tilt series rather than tomograms, told from the volumes beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.io.file_contents import COMPRESSED_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_VOLUME = "_vol"


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
    wanted = _key(path, _VOLUME)
    try:
        return next((entry for entry in sorted(path.parent.iterdir()) if _key(entry) == wanted), None)
    except OSError:
        return None


def _key(path: Path, addition: str = "") -> tuple[str, str]:
    """Return a name in lower case and up to its first suffix of a volume, with its folder."""
    stem, dot, suffix = path.name.casefold().rpartition(".")
    if dot + suffix in COMPRESSED_SUFFIXES:
        stem, dot, suffix = stem.rpartition(".")
    return str(path.parent), stem + addition + dot + suffix


__all__ = ["volume_beside", "without_tilt_series"]
