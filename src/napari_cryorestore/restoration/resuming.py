"""Going on with a restoration that was killed: only if everything that decides its result is the same."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_cryorestore.checkpoint import weights_file
from napari_cryorestore.data.journal import FileJournal, forget, unfinished
from napari_cryorestore.data.tile_plan import TilePlan
from napari_cryorestore.io.mrc_output import open_output, reopen_output
from napari_cryorestore.io.part_file import part_of, room_explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.restoration.model import Model
    from napari_cryorestore.restoration.request import RestoreRequest

_PLAN = ("tile", "margin", "align", "batch")


def fingerprint(request: RestoreRequest, tomogram: Tomogram, model: Model) -> str:
    """Return what tells two requests apart that may give different voxels.

    It covers the weights and the method's settings, the inputs' names, sizes and times of change, what is
    known of the imaging, and the arithmetic; not the tiles chosen to suit the device, which are kept.
    """
    inputs = [path for path in (request.even, request.odd, request.mask) if path is not None]
    said = {
        "weights": "" if request.source == "wiener" else _digest(weights_file(request.source)),
        "method": model.method.config.model_dump(mode="json"),
        "name": model.name,
        "inputs": [_stamp(path) for path in inputs],
        "shape": tomogram.shape,
        "voxel size": tomogram.voxel_size,
        "imaging": repr(model.imaging),
        "arithmetic": [model.device.type, model.precision],
        "tiles": [request.tile, request.batch],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def kept_plan(request: RestoreRequest, mark: str) -> TilePlan | None:
    """Return the tiles of a killed restoration of the same fingerprint; ``None`` if there is none."""
    plan = unfinished(part_of(request.output), mark)
    if plan is None:
        return None
    return TilePlan(**{**plan, "tile": tuple(plan["tile"])})


@contextmanager
def resumable(
    open_volume: dict[str, Any], request: RestoreRequest, mark: str, plan: TilePlan, *, goes_on: bool
) -> Iterator[tuple[NDArray[np.float32], FileJournal]]:
    """Open the output with its journal; both are gone from their unfinished places in the end.

    Parameters
    ----------
    open_volume : dict
        What `open_output` is told of the volume.
    request : RestoreRequest
    mark : str
        The request's fingerprint.
    plan : TilePlan
        The tiles.
    goes_on : bool
        Whether there is a killed one to go on with.

    Yields
    ------
    (array, FileJournal)
        The voxels, zero where nothing was done yet, and the count of what was.
    """
    part = part_of(request.output)
    opened: Callable[..., Any] = reopen_output if goes_on else open_output
    described = {name: getattr(plan, name) for name in _PLAN}
    with room_explained(part), opened(request.output, **open_volume) as volume:
        try:
            journal = FileJournal(part, mark, described)
            if goes_on:
                journal.go_on(volume)
            else:
                forget(part)
                journal.write()
            yield volume, journal
        finally:
            forget(part)


def _stamp(path: Path) -> list[Any]:
    facts = path.stat()
    return [str(path.resolve()), facts.st_size, facts.st_mtime_ns]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


__all__ = ["fingerprint", "kept_plan", "resumable"]
