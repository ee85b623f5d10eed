"""Which runs can be compared fairly: the same maps, the same held-out block, the same seed."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from napari_cryorestore.runs.run_dir import CONFIG_FILE, RunDir

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MOST_BESIDE = 100
"""Folders beside a run that are looked into, the newest."""


def family_of(run: Path, known: Iterable[Path] = ()) -> list[Path]:
    """Return a run and those that learned from the same, the oldest first.

    Parameters
    ----------
    run : Path
        A run folder.
    known : iterable of Path
        Other run folders; those beside the run are looked into as well.

    Returns
    -------
    list of Path
        Runs of the same maps in which the same block was held out, with the same seed.
    """
    ours = _what_is_shared(run)
    found = {_resolved(run): run}
    for other in chain(known, _beside(run)):
        if ours is not None and _resolved(other) not in found and _what_is_shared(other) == ours:
            found[_resolved(other)] = other
    return sorted(found.values(), key=_made)


def _what_is_shared(run: Path) -> Any:
    """Return what second opinions have in common with a run; nothing where it does not say."""
    recipe = RunDir(run).recipe()
    if not recipe.tomograms:
        return None
    snapshots = recipe.table("snapshots")
    block = (snapshots.get("position"), snapshots.get("size"), snapshots.get("held_out") == "none")
    maps = [tuple(map(_resolved, tomogram.maps)) for tomogram in recipe.tomograms]
    return maps, recipe.binning, block, recipe.table("schedule").get("seed", 0)


def _beside(run: Path) -> list[Path]:
    try:
        folders = [path for path in run.parent.iterdir() if (path / CONFIG_FILE).is_file()]
    except OSError:
        return []
    return sorted(folders, key=_made)[-_MOST_BESIDE:]


def _made(run: Path) -> float:
    try:
        return (run / CONFIG_FILE).stat().st_mtime
    except OSError:
        return 0.0


def _resolved(path: Path) -> Path:
    return path.expanduser().resolve()


__all__ = ["family_of"]
