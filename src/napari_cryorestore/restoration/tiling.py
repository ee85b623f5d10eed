"""How large the tiles are that a device can restore."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from napari_cryorestore.data.tile_plan import TilePlan, fit_tile
from napari_cryorestore.hardware import is_out_of_memory, release_memory
from napari_cryorestore.physics.normalize import Standardisation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_cryorestore.restoration.model import Model
    from napari_cryorestore.restoration.request import RestoreRequest

MARGIN = 16
"""Voxels that neighbouring tiles share on either side of their seam."""
TILES = (128, 96, 64)
"""Tile edges tried in turn where memory runs out; CPUs start with the second."""


@contextmanager
def memory_explained(model: Model, plan: TilePlan) -> Iterator[None]:
    """Turn running out of memory into a ``MemoryError`` that says what to do about it."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"The device {model.device} has too little memory for a tile of {plan.sizes} voxels: "
            "choose smaller tiles, or another device."
        ) from error


def fitting_plan(shape: tuple[int, ...], model: Model, request: RestoreRequest) -> TilePlan:
    """Return the largest tiles that the device can restore, found by trying one on a GPU."""
    on_gpu = model.device.type == "cuda"
    batch = request.batch or (4 if on_gpu else 1)
    sizes = (request.tile,) if request.tile else TILES if on_gpu else TILES[1:]
    for size in sizes:
        tile = fit_tile(shape, tile=size, margin=MARGIN, size_multiple=model.size_multiple)
        if not on_gpu or size == sizes[-1] or _fits(model, tile):
            break
        release_memory()
    return TilePlan(tile, MARGIN, batch=batch)


def _fits(model: Model, tile: tuple[int, int, int]) -> bool:
    try:
        model.restore(torch.zeros(1, 1, *tile), Standardisation(0.0, 1.0))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


__all__ = ["fitting_plan", "memory_explained"]
