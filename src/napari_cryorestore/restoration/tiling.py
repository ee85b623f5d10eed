"""How a tomogram is divided into tiles: as large as memory allows, with the margin that the network needs."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from napari_cryorestore.data.tile_plan import TilePlan, fit_tile
from napari_cryorestore.hardware import free_memory, is_out_of_memory, release_memory
from napari_cryorestore.networks import Sizes
from napari_cryorestore.physics.normalize import Standardisation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_cryorestore.compute_config import TilingConfig
    from napari_cryorestore.restoration.model import Model

TILES = (192, 160, 128, 112, 96, 80, 64)
"""Tile edges in voxels, tried in turn until one fits; beyond, little is gained."""
CPU_TILES = TILES[2:]
"""Those for CPUs, on which a layer of a larger tile takes seconds during which nobody can cancel."""
CPU_MEMORY = 1.25e9
"""Bytes that tiles may take on a CPU, however much is free; twice as many where the margin is the widest."""
MARGIN, LEAST_MARGIN, MOST_MARGIN = 16, 8, 32
"""Voxels of margin for a network that does not say how far it reaches, and the fewest and most for any."""
_CPU_BATCH = 2
"""Tiles at once in 32 bits, as PyTorch convolves a single one far more slowly; not so in bf16."""
_FLOATS = 100.0
"""What a network that says nothing is taken to hold per voxel."""
_UNKNOWN = Sizes(multiple=8)
_FILTER_BYTES = 160
"""What filtering a tile on a zero-padded grid takes per voxel at most."""


def sizes_of_model(model: Model) -> Sizes:
    """Return what the network of a model says of sizes, or what is assumed of one that says nothing.

    Of two that a tile goes through one after the other, what suits both.
    """
    sizes: Sizes = getattr(model.network, "sizes", _UNKNOWN)
    if model.first is None:
        return sizes
    before = sizes_of_model(model.first)
    return Sizes(
        multiple=math.lcm(sizes.multiple, before.multiple),
        minimum=max(sizes.minimum, before.minimum),
        reach=None if sizes.reach is None or before.reach is None else sizes.reach + before.reach,
        floats_per_voxel=max(sizes.floats_per_voxel or _FLOATS, before.floats_per_voxel or _FLOATS),
    )


def margin_of(model: Model) -> int:
    """Return how many voxels around a tile are read besides, on every side.

    A quarter of the network's reach, in multiples of 4. The reach itself would make a single pass exact, and
    several times as costly; most of what a voxel depends on is near. A second pass depends on more, through
    the wedge filter between the two; but that reaches so far that a larger margin changes little, while
    blending over twice the margin hides what is left. Measured in ``docs/benchmarks/restore.md``. However far
    a network reaches, the margin is a quarter of the usual tile at most.
    """
    reach = sizes_of_model(model).reach
    return MARGIN if reach is None else min(MOST_MARGIN, max(LEAST_MARGIN, 4 * round(reach / 16)))


def least_tile(model: Model) -> int:
    """Return the smallest tile worth while, which the network takes.

    Half of it is margin: of smaller ones thousands would do the same work.
    """
    return max(4 * margin_of(model), sizes_of_model(model).minimum)


def fitting_plan(shape: Sequence[int], model: Model, tiling: TilingConfig) -> TilePlan:
    """Return the largest tiles that the device can restore.

    On a GPU, found by trying them; on a CPU, from the free memory and what the network says it takes.
    """
    plans = possible_plans(shape, model, tiling)
    on_cpu = model.device.type == "cpu"
    for plan in plans[:-1]:
        if _is_estimated_to_fit(model, plan) if on_cpu else _fits(model, plan):
            return plan
    return plans[-1]


def possible_plans(shape: Sequence[int], model: Model, tiling: TilingConfig) -> list[TilePlan]:
    """Return tilings from the largest tiles to the smallest; only the one given, if there is one."""
    on_cpu = model.device.type == "cpu"
    margin, sizes = margin_of(model), sizes_of_model(model)
    edges = [max(edge, 3 * margin) for edge in (CPU_TILES if on_cpu else TILES)]
    if tiling.tile:
        edges = [max(tiling.tile, least_tile(model))]
    multiple = sizes.multiple
    tiles = [
        fit_tile(shape, tile=edge, margin=margin, size_multiple=multiple, minimum=sizes.minimum)
        for edge in edges
    ]
    batch = tiling.batch or (4 if not on_cpu else _CPU_BATCH if model.precision == "32" else 1)
    return [TilePlan(tile, margin, align=multiple, batch=batch) for tile in dict.fromkeys(tiles)]


def smaller_plans(plan: TilePlan, plans: Sequence[TilePlan]) -> list[TilePlan]:
    """Return those of the plans whose tiles are smaller."""
    size = _voxels(plan)
    return [other for other in plans if _voxels(other) < size]


@contextmanager
def memory_explained(model: Model, plan: TilePlan) -> Iterator[None]:
    """Turn running out of memory into a ``MemoryError`` that says what to do about it."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"The device {model.device} has too little memory for a tile of {plan.sizes} voxels: "
            "choose smaller tiles, or another device."
        ) from error


def _is_estimated_to_fit(model: Model, plan: TilePlan) -> bool:
    floats = sizes_of_model(model).floats_per_voxel or _FLOATS
    per_voxel = max(floats * (4 if model.precision == "32" else 2), _FILTER_BYTES)
    most = CPU_MEMORY * (2 if plan.margin == MOST_MARGIN else 1)  # smaller tiles would be little but margin
    return plan.batch * _voxels(plan) * per_voxel < min(most, free_memory(model.device) / 2)


def _fits(model: Model, plan: TilePlan) -> bool:
    release_memory()
    try:
        model.restore(torch.zeros(1, 1, *plan.sizes), Standardisation(0.0, 1.0))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def _voxels(plan: TilePlan) -> int:
    z, y, x = plan.sizes
    return z * y * x


__all__ = [
    "fitting_plan",
    "least_tile",
    "margin_of",
    "memory_explained",
    "possible_plans",
    "sizes_of_model",
    "smaller_plans",
]
