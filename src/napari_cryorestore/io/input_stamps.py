"""Stamps of files, which tell whether the inputs of a run are still those that it began with."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from napari_cryorestore.findings import Finding
from napari_cryorestore.safe_reading import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BLOCK, _BLOCKS = 4096, 32


def stamps_of(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Take the stamps of files, to be kept with what is made of them.

    Parameters
    ----------
    paths : iterable of Path
        Files; those that cannot be read are left out.

    Returns
    -------
    dict
        By the absolute path: size in bytes, time of change in nanoseconds, and a hash of the file's begin,
        its end and thirty blocks between, as plain values.
    """
    stamps = {str(path.absolute()): _stamp(path) for path in paths}
    return {name: stamp for name, stamp in stamps.items() if stamp is not None}


def changed_inputs(recorded: object, paths: Iterable[Path]) -> tuple[Finding, ...]:
    """Tell which files are not what they were when their stamps were taken.

    Parameters
    ----------
    recorded : object
        As of `stamps_of`, perhaps of an older version or damaged: then nothing is known.
    paths : iterable of Path
        The files of today; those without a stamp are not judged.

    Returns
    -------
    tuple of Finding
        A warning for each file with other content, a note for each that was written again.
    """
    if not isinstance(recorded, dict):
        return ()
    found = []
    for path in dict.fromkeys(path.absolute() for path in paths):
        before, now = recorded.get(str(path)), _stamp(path)
        if isinstance(before, dict) and now is not None:
            found += _difference(path, before, now)
    return tuple(found)


def _difference(path: Path, before: dict[str, Any], now: dict[str, Any]) -> list[Finding]:
    if any(before.get(key) != now[key] for key in ("size", "sample")):
        sentence = "It is not the file that the run began with: its content is different."
        remedy = f"If that was not meant, put the first one back to {path.parent}; else begin a new run."
        return [Finding("warning", "changed input", sentence, remedy, about=path.name)]
    if before.get("changed") != now["changed"]:
        sentence = "It was written or copied again since the run began; a sample of its voxels is the same."
        return [Finding("note", "changed input", sentence, about=path.name)]
    return []


def _stamp(path: Path) -> dict[str, Any] | None:
    try:
        with open_regular(path) as file:
            facts = path.stat()
            digest = hashlib.sha256()
            for index in range(_BLOCKS):
                file.seek(max(0, facts.st_size - _BLOCK) * index // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    except (OSError, ValueError):
        return None
    return {"size": facts.st_size, "changed": facts.st_mtime_ns, "sample": digest.hexdigest()}


__all__ = ["changed_inputs", "stamps_of"]
