"""Going on with a restoration that was killed: only if everything that decides its result is the same."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from napari_cryorestore.data.tile_journal import (
    FileJournal,
    forget,
    is_journalled,
    journal_names,
    unfinished,
)
from napari_cryorestore.data.tile_plan import TilePlan
from napari_cryorestore.io.part_file import part_of, require_own, room_explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_cryorestore.compute_config import TilingConfig
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.restoration.model import Model
    from napari_cryorestore.restoration.provenance import MadeOf
    from napari_cryorestore.runs.chosen_step import ChosenStep

_PLAN = ("tile", "margin", "align", "batch")


def fingerprint(made: MadeOf, tiling: TilingConfig, tomogram: Tomogram, model: Model) -> str:
    """Return what tells two restorations apart that may give different voxels.

    It covers the weights and the method's settings, the inputs' names, sizes and times of change, what is
    known of the imaging, and the arithmetic; not the tiles chosen to suit the device, which are kept.
    """
    said = {
        "made of": asdict(made),
        "method": model.method.config.model_dump(mode="json"),
        "name": model.name,
        "shape": tomogram.shape,
        "imaging": repr(model.imaging),
        "arithmetic": [model.device.type, model.precision],
        "tiles": [tiling.tile, tiling.batch],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def kept_plan(output: Path, mark: str) -> TilePlan | None:
    """Return the tiles of a killed restoration of the same fingerprint; ``None`` if there is none."""
    plan = unfinished(part_of(output), mark)
    if plan is None:
        return None
    return TilePlan(**{**plan, "tile": tuple(plan["tile"])})


def journal_of(path: Path, mark: str, plan: TilePlan, chosen: ChosenStep | None) -> FileJournal:
    """Return the journal of what is to become a file, for whoever goes on with it if it is killed."""
    about = {} if chosen is None else {"step": chosen.step}
    return FileJournal(part_of(path), mark, {name: getattr(plan, name) for name in _PLAN}, about=about)


@contextmanager
def resumable(
    path: Path,
    created: Callable[..., AbstractContextManager[NDArray[np.float32]]],
    journal: FileJournal,
    *,
    goes_on: bool,
    checked: Callable[[float], None],
) -> Iterator[NDArray[np.float32]]:
    """Open the output with its journal; both are gone from their unfinished places in the end.

    Parameters
    ----------
    path : Path
        The file to make.
    created : callable
        Opens the output, as `create_volume` does, told whether it goes on.
    journal : FileJournal
        The count of what was done.
    goes_on : bool
        Whether there is a killed one to go on with.
    checked : callable
        Is told how far the last look through all voxels is; see `create_volume`.

    Yields
    ------
    array
        The voxels, zero where nothing was done yet.
    """
    part = part_of(path)
    known = is_journalled(part)
    require_own(part, journal=journal_names(part), known=known)
    ours = False

    def told(share: float) -> None:
        checked(share)
        if share == 1:
            forget(part)  # not before, so that whoever is killed until then goes on from here

    try:
        with (
            room_explained(part),
            created(goes_on=goes_on, known=known, checked=told) as volume,
        ):
            ours = True
            if goes_on:
                journal.go_on(volume)
            else:
                forget(part)
                journal.write()
            yield volume
    except BaseException:
        if ours:
            forget(part)
        raise


__all__ = ["fingerprint", "journal_of", "kept_plan", "resumable"]
