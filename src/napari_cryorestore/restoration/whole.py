"""From half maps to the file of a restored tomogram, out of core."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.data.sinks import AddingSink, FittingSink
from napari_cryorestore.data.tiles import process_tiles
from napari_cryorestore.io.mrc_output import open_output
from napari_cryorestore.io.tomogram import Tomogram, open_tomogram
from napari_cryorestore.physics.normalize import measure
from napari_cryorestore.restoration.model import Model
from napari_cryorestore.restoration.tiling import fitting_plan, memory_explained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cryorestore.restoration.request import RestoreRequest


def restore(
    request: RestoreRequest,
    *,
    progress: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Restore a tomogram into an MRC file, which appears whole or not at all.

    Every half given is restored by itself, put back on its own scale, and the mean is written.

    Parameters
    ----------
    request : RestoreRequest
        What to restore with what.
    progress : callable
        Is told the share done, 0 to 1.
    cancelled : callable
        Is asked about once per batch of tiles.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    Cancelled
        If `cancelled` says so; nothing is left behind.
    ValueError, OSError, MemoryError
        If the input, the model, the output or the device cannot be used, with what to do about it.
    """
    tomogram = open_tomogram(
        request.even,
        odd=request.odd,
        voxel_size=request.voxel_size,
        tilt_range=request.tilt_range,
        tilt_axis=request.tilt_axis,
    )
    model = Model.of(request, tomogram)
    with open_output(
        request.output,
        tomogram.even.shape,
        voxel_size=tomogram.voxel_size,
        origin=tomogram.header.origin,
        start=tomogram.header.start,
        label=f"cryorestore: {model.name}",
    ) as out:
        restore_into(out, tomogram, model, request, progress=progress, cancelled=cancelled)
    progress(1.0)
    return request.output


def restore_into(
    out: NDArray[np.float32],
    tomogram: Tomogram,
    model: Model,
    request: RestoreRequest,
    *,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> None:
    """Fill `out` (z, y, x) with the mean of the restored halves."""
    halves = [tomogram.even] if tomogram.odd is None else [tomogram.even, tomogram.odd]
    plan = fitting_plan(tomogram.shape, model, request)
    fits = []
    for index, half in enumerate(halves):
        sink = AddingSink(out, share=1 / len(halves))
        if not model.method.fixes_amplitude:
            sink = FittingSink(out, share=1 / len(halves), target=halves[index - 1])
            fits.append(sink)
        with memory_explained(model, plan):
            process_tiles(
                half,
                sink,
                partial(model.restore, scale=measure(half)),
                plan=plan,
                progress=partial(_part_of, progress, index / len(halves), len(halves)),
                cancelled=cancelled,
            )
    if fits:
        slope, offset = np.mean([sink.line() for sink in fits], axis=0)
        for plane in out:
            plane *= slope
            plane += offset


def _part_of(progress: Callable[[float], None], before: float, parts: int, share: float) -> None:
    progress(before + share / parts)


__all__ = ["restore", "restore_into"]
